"""PrometheusSource against real Prometheus servers, one version after the other."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from forecasting.series import Series
from prometheus_server import (
    PrometheusBinaries,
    PrometheusServer,
    Samples,
    prometheus_binaries,
)
from scaler.adapters.prometheus import PrometheusSource
from scaler.adapters.prometheus_settings import Destination, PrometheusSettings
from scaler.errors import HistoryUnavailable
from scaler.history import TargetHistory
from scaler.ports import DemandQuery
from traces import trace

__all__ = ["prometheus_binaries"]  # a fixture

pytestmark = pytest.mark.prometheus

STEP = 60.0
DAYS = 28
NOW = time.time() // STEP * STEP


def demand() -> Series:
    """Four weeks of minutes with a daily shape, counts that jump, zeros, and a day's gap."""
    n_points = DAYS * 1440
    minutes = np.arange(n_points)
    shape = 40 + 30 * np.sin(2 * np.pi * minutes / 1440)
    values = np.random.default_rng(5).poisson(shape).astype(np.float64)
    values[1000:1100] = 0
    values[20_000:21_440] = np.nan
    return Series(start_at=NOW - (n_points - 1) * STEP, step_seconds=STEP, values=values)


DEMAND = demand()


@pytest.fixture(scope="module")
def server(
    prometheus_binaries: PrometheusBinaries, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    samples = (
        Samples.gauge("demand", DEMAND),
        Samples.counter("requests", DEMAND, pod="a"),
        Samples.counter("requests", DEMAND, pod="b"),
    )
    folder = tmp_path_factory.mktemp("prometheus")
    with PrometheusServer(prometheus_binaries, folder, samples) as running:
        yield running


@pytest.fixture
async def source(server: PrometheusServer) -> AsyncIterator[PrometheusSource]:
    opened = source_of(server)
    yield opened
    await opened.close()


def source_of(server: PrometheusServer, **changes: float) -> PrometheusSource:
    settings = PrometheusSettings(default=Destination(address=server.address), **changes)  # type: ignore[arg-type]
    return PrometheusSource(settings)


def asking(query: str, step_seconds: float = STEP) -> DemandQuery:
    return DemandQuery(query=query, step_seconds=step_seconds)


def same(one: Series, other: Series) -> bool:
    return one.start_at == other.start_at and np.array_equal(
        one.values, other.values, equal_nan=True
    )


# In an instant vector a sample stands for five minutes; this shows each alone, on any version.
EACH_SAMPLE = asking("last_over_time(demand[59s])")


async def failure_of(source: PrometheusSource, query: str) -> HistoryUnavailable:
    """Ask for an instant and for a range, and return the second failure."""
    with pytest.raises(HistoryUnavailable):
        await source.read_instant(asking(query), at=NOW)
    with pytest.raises(HistoryUnavailable) as caught:
        await source.read_range(asking(query), start_at=NOW - 600, end_at=NOW)
    return caught.value


async def test_a_month_of_minutes_comes_back_as_it_was_stored(source: PrometheusSource) -> None:
    series = await source.read_range(EACH_SAMPLE, start_at=DEMAND.start_at, end_at=DEMAND.end_at)
    assert same(series, DEMAND)


async def test_gaps_stay_gaps_and_zeros_stay_zeros(source: PrometheusSource) -> None:
    series = await source.read_range(EACH_SAMPLE, start_at=DEMAND.start_at, end_at=DEMAND.end_at)
    assert np.isnan(series.values).sum() == 1440
    assert (series.values[1000:1100] == 0).all()


async def test_a_range_beyond_the_data_is_as_long_as_asked(source: PrometheusSource) -> None:
    series = await source.read_range(
        asking("demand"), start_at=DEMAND.start_at - 3600, end_at=DEMAND.start_at
    )
    assert len(series) == 61
    assert np.isnan(series.values[:-1]).all()
    assert series.values[-1] == DEMAND.values[0]


async def test_an_instant_equals_its_point_of_the_range(source: PrometheusSource) -> None:
    query = asking("sum(rate(requests_total[5m]))")
    series = await source.read_range(query, start_at=NOW - 600, end_at=NOW)
    for at in (NOW - 600, NOW - 60, NOW):
        value = await source.read_instant(query, at=at)
        assert value == series.values[round((at - series.start_at) / STEP)]


async def test_requests_per_second_come_from_rate(source: PrometheusSource) -> None:
    value = await source.read_instant(asking("sum(rate(requests_total[10m]))"), at=NOW)
    recent = DEMAND.values[-12:]
    assert 2 * recent.min() <= value <= 2 * recent.max()


async def test_other_steps_have_their_own_grid(source: PrometheusSource) -> None:
    end_at = NOW // 300 * 300
    series = await source.read_range(asking("demand", 300), start_at=end_at - 3000, end_at=end_at)
    assert len(series) == 11
    assert series.values[-1] == DEMAND.between(end_at, end_at).values[0]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("42", 42.0),
        ("scalar(vector(7))", 7.0),
        ("absent_metric", math.nan),
        ("vector(0) / 0", math.nan),
        ("vector(1) / 0", math.nan),
        ("vector(-3)", math.nan),
        ("sum(absent_metric) or vector(0)", 0.0),
    ],
)
async def test_each_kind_of_answer_is_a_number_or_unknown(
    source: PrometheusSource, query: str, value: float
) -> None:
    instant = await source.read_instant(asking(query), at=NOW)
    series = await source.read_range(asking(query), start_at=NOW, end_at=NOW)
    assert np.array_equal([instant, *series.values], [value, value], equal_nan=True)


async def test_several_series_are_refused_with_two_of_them(source: PrometheusSource) -> None:
    error = await failure_of(source, "rate(requests_total[5m])")
    assert error.reason == "several-series"
    assert '{pod="a"}' in str(error)
    assert '{pod="b"}' in str(error)
    assert "sum(...)" in str(error)


async def test_a_query_that_does_not_parse_is_told_in_prometheus_words(
    source: PrometheusSource,
) -> None:
    error = await failure_of(source, "rat(demand[5m])")
    assert error.reason == "query"
    assert "unknown function" in str(error)


@pytest.mark.parametrize("query", ["demand[5m]", '"text"'])
async def test_a_query_that_gives_no_numbers_is_refused(
    source: PrometheusSource, query: str
) -> None:
    assert (await failure_of(source, query)).reason == "query"


async def test_the_number_of_samples_is_told_of_an_expensive_query(
    server: PrometheusServer,
) -> None:
    told: list[tuple[float, float]] = []
    source = PrometheusSource(
        PrometheusSettings(default=Destination(address=server.address), expensive_samples=50_000.0),
        on_expensive=lambda _, seconds, samples: told.append((seconds, samples)),
    )
    try:
        await source.read_instant(asking("demand"), at=NOW)
        assert told == []
        await source.read_instant(asking("sum(sum_over_time(requests_total[28d]))"), at=NOW)
    finally:
        await source.close()
    assert told[0][0] < 10
    assert 70_000 < told[0][1] < 90_000  # two series of four weeks without a day


async def test_a_query_that_takes_too_long_is_given_up_by_the_server(
    server: PrometheusServer,
) -> None:
    source = source_of(server, request_deadline_seconds=0.1)
    try:
        endless = "max_over_time(demand[28d:2s])"
        with pytest.raises(HistoryUnavailable) as caught:
            await source.read_instant(asking(endless), at=NOW)
        assert caught.value.reason in {"timeout", "query"}
    finally:
        await source.close()


async def test_a_server_that_stops_hangs_and_returns(
    prometheus_binaries: PrometheusBinaries, tmp_path: Path
) -> None:
    with PrometheusServer(
        prometheus_binaries, tmp_path, [Samples.gauge("demand", DEMAND.between(NOW - 7200, NOW))]
    ) as server:
        source = source_of(server, request_deadline_seconds=1.0, retries=0)
        history = TargetHistory(source, asking("demand"), history_days=1 / 24)
        before = await history.advance(NOW - 600)

        server.kill()
        with pytest.raises(HistoryUnavailable) as caught:
            await history.advance(NOW - 540)
        assert caught.value.reason == "refused"

        server.start()
        await until_answered(history, NOW - 480)
        server.pause()
        with pytest.raises(HistoryUnavailable) as caught:
            await history.advance(NOW - 420)
        assert caught.value.reason == "timeout"
        server.resume()
        await until_answered(history, NOW)
        await source.close()

    after = history.last_reading
    assert after is not None
    assert same(after.series, DEMAND.between(after.series.start_at, NOW))
    assert after.series.start_at == before.series.start_at + 600


async def until_answered(history: TargetHistory, as_of: float) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await history.advance(as_of)
            except HistoryUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_real_trace_comes_back_as_it_was_recorded(
    prometheus_binaries: PrometheusBinaries, tmp_path: Path
) -> None:
    recorded = trace("crane_input8_1min", ends_at=NOW)
    with PrometheusServer(
        prometheus_binaries, tmp_path, [Samples.gauge("demand", recorded)]
    ) as server:
        source = source_of(server)
        history = TargetHistory(source, asking("demand"), history_days=16)
        reading = await history.advance(NOW)
        while not history.is_complete:
            reading = await history.advance(NOW)
        await source.close()
    assert same(reading.series, recorded)
