"""Bad days: for each a defined answer, named in metrics, and in the log once for each change."""

import asyncio
import logging
import os
import signal

import grpc
import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.series import Series
from rig import LOOPBACK, MONDAY_AT, Rig, StartRig, steady
from scaler.adapters.forecasts_processes import ProcessForecasts
from scaler.adapters.memory import MemoryHistorySource
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery
from scaler.settings import ControllerSettings, ServerSettings
from scaler.types import Decision, Evidence
from stand_ins import Failing, Recording
from webclient import get

NOON = MONDAY_AT + 43_200.0


def decision_of(rig: Rig, name: str = "llm") -> Decision:
    [target] = [t for t in rig.service.board if t.key.name == name]
    assert target.snapshot is not None
    return target.snapshot.answer(rig.clock.monotonic())


def with_peak(at: float, *, height: float, base: float = 10.0) -> Series:
    """Two weeks of `base`, with half an hour of `height` at the same time each day."""
    step = 60.0
    times = np.arange(at - 14 * 86_400.0, at + 3_600.0, step)
    in_peak = ((times - at) % 86_400.0) < 1_800.0
    return Series(start_at=times[0], step_seconds=step, values=np.where(in_peak, height, base))


async def test_the_target_rises_a_lead_time_ahead_of_a_daily_peak(start_rig: StartRig) -> None:
    source = MemoryHistorySource({"demand": with_peak(NOON + 1_200.0, height=95.0)})
    async with start_rig(source=source, start_at=NOON, forecaster=default_forecaster()) as rig:
        ref = rig.ref(leadTimeSeconds="300", warmFloor="1")
        await rig.observe(ref)
        rose_at = None
        while rig.clock.now() < NOON + 1_200.0:
            if await rig.value(ref) >= 10 and rose_at is None:
                rose_at = rig.clock.now()
            if rig.clock.now() < NOON + 600.0:
                assert await rig.value(ref) < 5, "ten minutes before, nothing is due"
            await rig.tick()
        assert rose_at is not None
        assert NOON + 1_200.0 - rose_at >= 300 - 60, "one grid step is the resolution"
        assert decision_of(rig).seen.observed_demand == 10.0, "demand has not risen yet"


@pytest.mark.parametrize("reason", ["refused", "timeout", "http-status", "several-series"])
async def test_a_failing_source_is_named_and_logged_once(
    rig: Rig, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await rig.observe(rig.ref())
    rig.source.fail(reason, "aggregate with sum(...)")
    await rig.tick(5)
    rig.source.recover()
    await rig.tick(2)
    [target] = list(rig.service.board)
    assert target.problems == {reason: 5}
    problems = [r for r in caplog.records if r.getMessage() == "source failed"]
    assert [(r.reason, r.why) for r in problems] == [(reason, "aggregate with sum(...)")]  # type: ignore[attr-defined]
    assert sum(r.getMessage() == "source answers again" for r in caplog.records) == 1


async def test_an_address_that_the_operator_forbids_is_told_to_keda(rig: Rig) -> None:
    line = "serverAddress: http://other:9090 is not permitted; --allow-address http://other:9090"
    rig.source.fail("not-permitted", line)
    with pytest.raises(grpc.aio.AioRpcError, match="--allow-address") as caught:
        await rig.value(rig.ref())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len((await rig.stub.GetMetricSpec(rig.ref())).metricSpecs) == 1


async def test_the_first_answer_after_a_restart_is_demand_s_and_not_the_floor(
    start_rig: StartRig,
) -> None:
    class SlowHistory(MemoryHistorySource):
        async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
            if end_at < NOON - 60:  # older days never come
                await asyncio.Event().wait()
            return await super().read_range(query, start_at=start_at, end_at=end_at)

    async with start_rig(source=SlowHistory({"demand": steady(42.0, end_at=NOON + 60)})) as rig:
        assert await rig.value(rig.ref(warmFloor="1")) == 5
        assert await rig.active(rig.ref()) is True
    async with start_rig() as rig:
        rig.source.hang()
        assert await rig.value(rig.ref(warmFloor="1")) == 1, "no evidence within a second"


async def test_a_restart_while_the_source_is_down_gives_the_floor_and_stays_awake(
    rig: Rig,
) -> None:
    rig.source.fail()
    assert await rig.observe(rig.ref(warmFloor="2")) == 2
    assert await rig.observe(rig.ref()) == 0
    assert await rig.active(rig.ref()) is True, "unknown is not zero"
    assert decision_of_last(rig).seen.evidence is Evidence.UNKNOWN


def decision_of_last(rig: Rig) -> Decision:
    target = list(rig.service.board)[-1]
    assert target.snapshot is not None
    return target.snapshot.decision


async def test_an_empty_answer_is_unknown_unless_the_trigger_says_that_it_is_zero(
    rig: Rig,
) -> None:
    hold, zero = rig.ref(query="nothing"), rig.ref(query="nothing", ignoreNullValues="true")
    await rig.observe(hold)
    assert decision_of_last(rig).seen.evidence is Evidence.UNKNOWN
    await rig.observe(zero)
    assert decision_of_last(rig).seen.evidence is Evidence.FRESH
    assert [await rig.active(hold), await rig.active(zero)] == [True, False]


async def test_demand_that_ends_in_a_gap_holds_and_demand_that_ends_in_zero_shrinks(
    rig: Rig,
) -> None:
    end_at = rig.clock.now()
    for query, tail in [("gap", np.nan), ("zero", 0.0)]:
        known = steady(60.0, end_at=end_at).values
        series = Series(
            start_at=steady(60.0, end_at=end_at).start_at,
            step_seconds=60.0,
            values=np.concatenate([known, np.full(60, tail)]),
        )
        rig.source.put(query, series)
        assert await rig.observe(rig.ref(query=query, mode="observe")) == 6
    await rig.tick(60)
    assert await rig.value(rig.ref(query="gap", mode="observe")) == 6
    assert await rig.value(rig.ref(query="zero", mode="observe")) == 0


async def test_a_source_that_hangs_for_one_target_leaves_the_others_alone(
    start_rig: StartRig,
) -> None:
    class HalfHanging(MemoryHistorySource):
        async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
            if query.query == "hangs":
                await asyncio.Event().wait()
            return await super().read_range(query, start_at=start_at, end_at=end_at)

    source = HalfHanging({"demand": steady(42.0, end_at=NOON + 7_200)})
    async with start_rig(source=source) as rig:
        assert await rig.value(rig.ref(query="hangs", name="slow", warmFloor="1")) == 1
        assert await rig.value(rig.ref()) in {0, 5}
        for _ in range(4):
            await rig.clock.wait_for_sleepers()
            rig.clock.advance(15)
            await asyncio.sleep(0.01)
        assert await rig.value(rig.ref()) == 5
        assert await rig.value(rig.ref(query="hangs", name="slow", warmFloor="1")) == 1


async def test_a_stuck_controller_can_not_serve_old_data_as_fresh(rig: Rig) -> None:
    ref = rig.ref(onStale="floor", warmFloor="1")
    assert await rig.observe(ref) == 5
    rig.source.hang()  # every tick from now on waits for ever
    for _ in range(30):
        await rig.clock.wait_for_sleepers()
        rig.clock.advance(15)
    assert await rig.value(ref) == 1
    rig.source.recover()


async def test_a_clock_that_steps_back_costs_no_capacity_and_no_tick(rig: Rig) -> None:
    ref = rig.ref()
    assert await rig.observe(ref) == 5
    await rig.clock.wait_for_sleepers()
    rig.clock.step(-7_200)
    await rig.clock.wait_for_sleepers()
    await rig.settle()
    assert await rig.value(ref) == 5
    reads = len(rig.source.reads)
    await rig.tick(2)
    assert len(rig.source.reads) >= reads + 2, "ticks go on at once, not two hours later"
    assert decision_of(rig).seen.evidence is Evidence.FRESH


async def test_a_clock_that_jumps_ahead_reads_what_lies_between(rig: Rig) -> None:
    ref = rig.ref()
    assert await rig.observe(ref) == 5
    rig.source.put("demand", steady(70.0, end_at=rig.clock.now() + 90_000, days=4))
    await rig.clock.wait_for_sleepers()
    rig.clock.step(86_400)
    await rig.clock.wait_for_sleepers()
    await rig.settle()
    assert await rig.value(ref) == 7


async def test_models_are_fitted_anew_at_boundaries_that_every_server_shares(
    start_rig: StartRig,
) -> None:
    source = MemoryHistorySource({"demand": steady(42.0, end_at=NOON + 90_000, days=20)})
    early, late = Recording(), Recording()
    for forecaster, start_at in ((early, NOON), (late, NOON + 7.0)):
        async with start_rig(source=source, forecaster=forecaster, start_at=start_at) as rig:
            for _ in range(15):  # six hours and a little
                await rig.observe(rig.ref())
                await rig.tick(100)
    for fits in (early.histories, late.histories):
        assert len(fits) == 2, "once at the start, once at the next boundary"
        assert fits[1].end_at - fits[0].end_at == 6 * 3_600
    for one, other in zip(early.histories, late.histories, strict=True):
        assert (one.start_at, one.end_at) == (other.start_at, other.end_at)
        assert np.array_equal(one.values, other.values, equal_nan=True)


async def test_a_source_that_hangs_is_given_up_at_the_tick_s_deadline(
    start_rig: StartRig,
) -> None:
    hasty = ControllerSettings(tick_deadline_seconds=0.1)
    async with start_rig(controller_settings=hasty) as rig:
        rig.source.hang()
        assert await rig.value(rig.ref()) == 0
        await rig.settle()
        [target] = list(rig.service.board)
        assert target.problems == {"timeout": 1}
        assert decision_of(rig).seen.evidence is Evidence.UNKNOWN


async def test_ticks_that_never_end_make_the_scaler_unready(rig: Rig) -> None:
    await rig.observe(rig.ref())
    url = f"http://127.0.0.1:{rig.service.http_port}/readyz"
    assert (await get(url)).status == 200
    rig.source.hang()
    for _ in range(20):
        await rig.clock.wait_for_sleepers()
        rig.clock.advance(15)
    await rig.clock.wait_for_sleepers()
    assert (await get(url)).status == 503
    rig.source.recover()


@pytest.mark.parametrize("in_fit", [True, False])
async def test_a_forecaster_that_fails_costs_the_forecast_and_not_the_answer(
    start_rig: StartRig, caplog: pytest.LogCaptureFixture, *, in_fit: bool
) -> None:
    async with start_rig(forecaster=Failing(in_fit)) as rig:
        assert await rig.observe(rig.ref()) == 5
        assert decision_of(rig).seen.forecast is None
    assert any("failed" in r.getMessage() for r in caplog.records)


@pytest.mark.parametrize("role", ["_asks", "_fits"])
async def test_a_lost_process_costs_a_forecast_until_the_next_fit(
    start_rig: StartRig, role: str
) -> None:
    forecasts = ProcessForecasts()
    async with start_rig(forecasts=forecasts) as rig:
        assert await rig.observe(rig.ref()) == 5
        assert decision_of(rig).seen.forecast is not None
        os.kill(await getattr(forecasts, role).run(os.getpid), signal.SIGKILL)
        for _ in range(8):  # a new grid point, so that it is asked, and time to notice
            await rig.tick()
            assert await rig.value(rig.ref()) == 5
        assert decision_of(rig).seen.forecast is not None


@pytest.mark.parametrize(
    ("days", "method"),
    [(0.02, "last-value"), (1.2, "seasonal-naive"), (6.0, "quantile-regression")],
)
async def test_a_history_shorter_than_asked_is_answered_by_a_simpler_method(
    start_rig: StartRig, days: float, method: str
) -> None:
    rng = np.random.default_rng(3)
    young = steady(1.0, end_at=NOON + 3_600, days=days + 1 / 24)
    values = rng.gamma(16.0, 3.0, size=len(young))
    series = Series(start_at=young.start_at, step_seconds=60.0, values=values)
    source = MemoryHistorySource({"demand": series})
    async with start_rig(source=source, forecaster=default_forecaster(), start_at=NOON) as rig:
        assert await rig.observe(rig.ref()) >= 1
        forecast = decision_of(rig).seen.forecast
        assert forecast is not None
        assert forecast.method == method


async def test_history_is_read_once_and_then_only_extended(rig: Rig) -> None:
    await rig.observe(rig.ref())
    first = [r for r in rig.source.reads if r.kind == "range"]
    newest_at = max(r.end_at for r in first)
    assert newest_at - min(r.start_at for r in first) > 28 * 86_400
    assert first[0].end_at >= newest_at - 60, "the newest hours come first"
    assert max(r.end_at - r.start_at for r in first) <= 10_080 * 60
    done = len(rig.source.reads)
    await rig.tick(40)
    later = rig.source.reads[done:]
    assert len(later) == 40, "one request a tick"
    assert all(r.end_at - r.start_at <= 600 for r in later)


@pytest.mark.parametrize("on_stale", ["hold", "floor", "error"])
async def test_days_that_can_not_be_read_cost_neither_the_answer_nor_the_log(
    start_rig: StartRig, caplog: pytest.LogCaptureFixture, on_stale: str
) -> None:
    class OnlyNewest(MemoryHistorySource):
        async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
            if end_at - start_at > 6 * 3_600:
                raise HistoryUnavailable("query", "query processing would load too many samples")
            return await super().read_range(query, start_at=start_at, end_at=end_at)

    caplog.set_level(logging.INFO)
    source = OnlyNewest({"demand": steady(42.0, end_at=NOON + 7_200)})
    async with start_rig(source=source) as rig:
        ref = rig.ref(onStale=on_stale, warmFloor="1")
        await rig.observe(ref)
        answers = set()
        for _ in range(20):
            answers.add(await rig.value(ref))
            await rig.tick()
        assert answers == {5}
        [target] = list(rig.service.board)
        assert rig.service.controller._works[target].history.is_complete, "smaller pieces pass"
    assert sum(r.getMessage() == "source failed" for r in caplog.records) == 1
    assert not [r for r in caplog.records if r.getMessage() == "evidence changed"]


async def test_ticks_are_aligned_to_the_clock_whenever_the_server_started(
    start_rig: StartRig,
) -> None:
    async with start_rig(start_at=NOON + 7.3) as rig:
        await rig.observe(rig.ref())
        assert {r.end_at % 15 for r in rig.source.reads} == {0}


async def test_a_target_that_nobody_asks_about_is_dropped_after_an_hour(rig: Rig) -> None:
    await rig.observe(rig.ref())
    await rig.tick(230)
    assert len(rig.service.board) == 1
    await rig.tick(20)
    assert len(rig.service.board) == 0


async def test_an_open_stream_keeps_its_target(rig: Rig) -> None:
    stream = rig.stub.StreamIsActive(rig.ref())
    await stream.read()
    await rig.tick(260)
    assert len(rig.service.board) == 1
    stream.cancel()


async def test_one_namespace_can_not_use_up_the_table(start_rig: StartRig) -> None:
    bounded = ServerSettings(
        grpc_address=LOOPBACK.grpc_address,
        http_address=LOOPBACK.http_address,
        max_targets=5,
        max_targets_per_namespace=3,
    )
    async with start_rig(server_settings=bounded) as rig:
        for i in range(3):
            await rig.value(rig.ref(name=f"llm-{i}", namespace="greedy"))
        with pytest.raises(grpc.aio.AioRpcError, match="--max-targets-per-namespace") as caught:
            await rig.value(rig.ref(name="llm-3", namespace="greedy"))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len((await rig.stub.GetMetricSpec(rig.ref(name="llm-3"))).metricSpecs) == 1
        await rig.value(rig.ref(namespace="modest"))
        with pytest.raises(grpc.aio.AioRpcError, match="--max-targets"):
            await rig.value(rig.ref(name="one-more", namespace="modest"))
        await rig.tick(7)
        assert await rig.value(rig.ref(name="one-more", namespace="modest")) == 5, "idle ones go"


async def test_observing_answers_reactively_and_exports_the_forecast(
    start_rig: StartRig,
) -> None:
    source = MemoryHistorySource({"demand": with_peak(NOON + 180.0, height=95.0)})
    async with start_rig(source=source, forecaster=default_forecaster(), start_at=NOON) as rig:
        assert await rig.observe(rig.ref(mode="observe")) == 1
        decision = decision_of(rig)
        assert decision.predicted_replicas >= 9
        assert decision.seen.forecast is not None
