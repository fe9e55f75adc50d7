"""The main job on real input: a real Prometheus that holds a real trace, and a rise ahead.

The trace is shifted so that it ends now; the scaler's clock starts shortly before the steepest
daily rise of its last two days and runs through it, so nothing of the rise is known beforehand.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from forecasting.default import default_forecaster
from forecasting.series import Series
from prometheus_server import PrometheusBinaries, PrometheusServer, Samples, prometheus_binaries
from rig import Rig, started_rig
from rises import WARM_FLOOR, Rise, steepest_rise
from scaler.adapters.prometheus import PrometheusSource
from scaler.adapters.prometheus_config import load_settings
from scaler.pb import externalscaler_pb2 as pb

__all__ = ["prometheus_binaries"]

pytestmark = pytest.mark.prometheus

LEAD_TIME_SECONDS = 600.0
MINUTE = 60.0


@pytest.fixture(scope="module")
def rise() -> Rise:
    return steepest_rise()


@pytest.fixture(scope="module")
def prometheus(
    prometheus_binaries: PrometheusBinaries,
    rise: Rise,
    tmp_path_factory: pytest.TempPathFactory,
) -> PrometheusServer:
    folder = tmp_path_factory.mktemp("prometheus")
    whole = rise.demand
    halves = Series(start_at=whole.start_at, step_seconds=60.0, values=whole.values / 2)
    pods = [Samples.gauge("demand", halves, pod=pod) for pod in ("a", "b")]
    return PrometheusServer(prometheus_binaries, folder, pods)


@asynccontextmanager
async def scaler_at(prometheus: PrometheusServer, start_at: float) -> AsyncIterator[Rig]:
    settings = load_settings(default_address=prometheus.address)
    source = PrometheusSource(settings)
    async with started_rig(
        source=source, forecaster=default_forecaster(), start_at=start_at
    ) as rig:
        yield rig


def ref_of(rig: Rig, rise: Rise, **keys: str) -> pb.ScaledObjectRef:
    return rig.ref(
        query="sum(demand)",
        threshold=repr(rise.threshold),
        leadTimeSeconds=f"{LEAD_TIME_SECONDS:g}",
        warmFloor=str(WARM_FLOOR),
        maxReplicas="60",
        **keys,
    )


async def test_the_target_rises_a_lead_time_ahead_of_the_reactive_answer(
    prometheus: PrometheusServer, rise: Rise
) -> None:
    answers: dict[float, int] = {}
    reactive: dict[float, int] = {}  # what the same data ask for without a forecast
    begins_at = rise.begins_at - 45 * MINUTE
    with prometheus:
        async with scaler_at(prometheus, begins_at) as rig:
            ref = ref_of(rig, rise)
            await rig.observe(ref)
            while rig.clock.now() < rise.begins_at + 120 * MINUTE:
                answers[rig.clock.now()] = await rig.value(ref)
                [target] = list(rig.service.board)
                assert target.snapshot is not None
                reactive[rig.clock.now()] = target.snapshot.decision.reactive_replicas
                await rig.tick()
    assert min(answers.values()) >= WARM_FLOOR
    low, high = rise.needed(rise.begins_at), rise.needed(rise.begins_at + 60 * MINUTE)
    assert high >= 2 * low, "the trace holds the rise that the test is about"
    for share in (0.5, 0.75, 1.0):  # of the way up
        count = round(low + share * (high - low))
        lead = _reached(reactive, count) - _reached(answers, count)
        assert lead >= LEAD_TIME_SECONDS, f"{count} replicas {lead:g} s ahead"
    quiet = [answer for at, answer in answers.items() if at < rise.begins_at - 30 * MINUTE]
    assert max(quiet) <= (low + high) / 2, "half an hour before, not everything is asked for"
    assert sum(answers.values()) <= 1.5 * sum(reactive.values()), "nor for the whole time"
    assert _short(rise, answers) <= 0.1 * _short(rise, reactive)


def _short(rise: Rise, wanted: dict[float, int]) -> float:
    """Demand beyond what replicas carry that were wanted a lead time before, summed over ticks."""
    ready = {at + LEAD_TIME_SECONDS: replicas for at, replicas in wanted.items()}
    return sum(max(0, rise.needed(at) - ready[at]) * rise.threshold for at in wanted if at in ready)


def _reached(answers: dict[float, int], replicas: int) -> float:
    return min(at for at, answer in answers.items() if answer >= replicas)


async def test_killing_prometheus_is_answered_as_the_trigger_says_and_its_return_is_noticed(
    prometheus: PrometheusServer, rise: Rise
) -> None:
    top_at = rise.begins_at + 90 * MINUTE
    prometheus.start()
    try:
        async with scaler_at(prometheus, top_at) as rig:
            hold, floor = ref_of(rig, rise), ref_of(rig, rise, onStale="floor")
            error = ref_of(rig, rise, onStale="error")
            before = [await rig.observe(ref) for ref in (hold, floor, error)]
            assert min(before) > WARM_FLOOR
            prometheus.kill()
            await rig.tick(8)
            assert await rig.value(floor) > WARM_FLOOR, "two minutes old is not stale"
            held = await rig.value(hold)
            await rig.tick(20)
            assert await rig.value(hold) == held
            assert await rig.value(floor) == WARM_FLOOR
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rig.value(error)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            prometheus.start()
            async with asyncio.timeout(60):  # a server that was dead is asked ever less often
                while await rig.value(floor) == WARM_FLOOR:
                    await asyncio.sleep(0.2)
                    await rig.tick()
            await rig.tick()
            for ref in (hold, error):
                assert await rig.value(ref) > WARM_FLOOR
    finally:
        prometheus.stop()
