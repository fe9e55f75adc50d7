"""The laws of `HistorySource`, for each adapter and for the twin."""

import csv
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from forecasting.series import Series
from prometheus_server import PrometheusServer, Samples, newest
from scaler.adapters.file import FileSource
from scaler.adapters.memory import MemoryHistorySource
from scaler.adapters.prometheus import PrometheusSource
from scaler.adapters.prometheus_settings import Destination, PrometheusSettings
from scaler.errors import HistoryUnavailable
from scaler.history import TargetHistory
from scaler.ports import DemandQuery, HistorySource

STEP = 60.0
END = time.time() // STEP * STEP
N_POINTS = 300
VALUES = np.random.default_rng(11).gamma(2.0, 20.0, N_POINTS)
VALUES[100:130] = np.nan
VALUES[200:205] = 0
DEMAND = Series(start_at=END - (N_POINTS - 1) * STEP, step_seconds=STEP, values=VALUES)


@dataclass
class Kept:
    """A source that holds DEMAND under `query`, and how to take it away."""

    source: HistorySource
    query: DemandQuery
    break_it: Callable[[], None]


def in_memory(_: Path) -> tuple[MemoryHistorySource, str, Callable[[], None]]:
    twin = MemoryHistorySource({"demand": DEMAND})
    return twin, "demand", twin.fail


def in_a_file(folder: Path) -> tuple[FileSource, str, Callable[[], None]]:
    path = folder / "demand.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("timestamp", "demand"))
        for at, value in zip(DEMAND.times.tolist(), VALUES.tolist(), strict=True):
            rows.writerow((at, "" if math.isnan(value) else repr(value)))
    return FileSource(path), "demand", path.unlink


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    folder = tmp_path_factory.mktemp("prometheus")
    with PrometheusServer(newest(), folder, [Samples.gauge("demand", DEMAND)]) as running:
        yield running


@pytest.fixture(params=["memory", "file", pytest.param("prometheus", marks=pytest.mark.prometheus)])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "prometheus":
        server: PrometheusServer = request.getfixturevalue("server")
        settings = PrometheusSettings(default=Destination(address=server.address), retries=0)
        real = PrometheusSource(settings)
        # Without the window a sample would stand for five minutes, also over gaps.
        query = DemandQuery(query="last_over_time(demand[59s])", step_seconds=STEP)
        yield Kept(real, query, server.kill)
        await real.close()
        if not server.is_running:
            server.start()
        return
    twin_or_file = in_memory(tmp_path) if request.param == "memory" else in_a_file(tmp_path)
    source, column, break_it = twin_or_file
    yield Kept(source, DemandQuery(query=column, step_seconds=STEP), break_it)
    await source.close()


async def test_a_range_holds_what_was_observed_and_gaps_where_nothing_was(kept: Kept) -> None:
    series = await kept.source.read_range(
        kept.query, start_at=DEMAND.start_at, end_at=DEMAND.end_at
    )
    assert (series.start_at, series.step_seconds) == (DEMAND.start_at, STEP)
    assert np.array_equal(series.values, VALUES, equal_nan=True)


async def test_a_range_is_never_shorter_than_asked(kept: Kept) -> None:
    for start_at, end_at in (
        (DEMAND.start_at - 50 * STEP, END + 50 * STEP),
        (DEMAND.start_at - 50 * STEP, DEMAND.start_at - 40 * STEP),
        (END + 10 * STEP, END + 20 * STEP),
        (END, END),
    ):
        series = await kept.source.read_range(kept.query, start_at=start_at, end_at=end_at)
        assert (series.start_at, series.end_at) == (start_at, end_at)
        outside = (series.times < DEMAND.start_at) | (series.times > END)
        assert np.isnan(series.values[outside]).all()
        assert np.array_equal(
            series.between(DEMAND.start_at, END).values,
            DEMAND.between(start_at, end_at).values,
            equal_nan=True,
        )


async def test_two_parts_of_a_range_are_the_whole(kept: Kept) -> None:
    middle = DEMAND.start_at + 150 * STEP
    first = await kept.source.read_range(kept.query, start_at=DEMAND.start_at, end_at=middle)
    second = await kept.source.read_range(kept.query, start_at=middle + STEP, end_at=END)
    both = np.concatenate([first.values, second.values])
    assert np.array_equal(both, VALUES, equal_nan=True)


@pytest.mark.parametrize("place", [0, 50, 99, 100, 129, 130, 202, 299])
async def test_an_instant_is_its_point_of_the_range(kept: Kept, place: int) -> None:
    at = DEMAND.start_at + place * STEP
    for between in (0, 15, 45):
        value = await kept.source.read_instant(kept.query, at=at + between)
        assert np.array_equal(value, VALUES[place], equal_nan=True)


async def test_an_instant_long_after_the_last_sample_is_unknown(kept: Kept) -> None:
    assert math.isnan(await kept.source.read_instant(kept.query, at=END + 3600))


async def test_a_source_that_is_gone_raises_and_does_not_answer(kept: Kept) -> None:
    history = TargetHistory(kept.source, kept.query, history_days=1 / 24)
    before = await history.advance(END - STEP)
    kept.break_it()
    with pytest.raises(HistoryUnavailable) as caught:
        await history.advance(END)
    assert caught.value.reason in {"refused", "missing-file"}
    assert str(caught.value)
    assert history.last_reading is before
