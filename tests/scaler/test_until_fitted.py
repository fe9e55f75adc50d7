"""A scaler that has just started: what runs is not given up before the first fit is over."""

import asyncio

import numpy as np
import pytest

from forecasting.series import Series
from rig import DAY_SECONDS, MONDAY_AT, Rig, started_rig
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.adapters.memory import MemoryHistorySource, MemoryStateStore
from scaler.adapters.memory_cluster import MemoryCluster
from scaler.errors import WorkerLost
from scaler.ports import Answer, ClusterView, Model
from scaler.types import Decision
from scaler.work import FIRST_FIT_SECONDS
from scaler.workload import Reference, Workload
from stand_ins import Failing, WindowMaximum

NOON = MONDAY_AT + DAY_SECONDS / 2
REFERENCE = Reference("prod", "apps", "v1", "deployments", "llm")
RUNS, NEEDED, FORECAST = 9, 5, 8


def demand() -> MemoryHistorySource:
    """Demand for five replicas today; yesterday from noon on there was some for eight."""
    times = np.arange(NOON - 2 * DAY_SECONDS, NOON + 3_600.0, 60.0)
    is_peak = (times >= NOON - DAY_SECONDS) & (times < NOON - DAY_SECONDS + 7_200.0)
    values = np.where(is_peak, 78.0, 42.0)
    return MemoryHistorySource(
        {"demand": Series(start_at=float(times[0]), step_seconds=60.0, values=values)}
    )


class Cluster(MemoryCluster):
    """Nine run; the first looks come before the first list has."""

    def __init__(self, *, n_early: int = 0, runs: int = RUNS) -> None:
        super().__init__(NOON)
        self.put("prod", "llm", Workload(reference=REFERENCE, min_replicas=0, max_replicas=20))
        self.set_wanted(REFERENCE, runs)
        self._n_early = n_early

    def look(self, namespace: str, name: str) -> ClusterView | None:
        self._n_early -= 1
        return None if self._n_early >= 0 else super().look(namespace, name)


class Gated(ThreadForecasts):
    """A fit ends when the gate is open; what was fitted can be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.is_lost = False
        self.n_free = 0  # so many fits pass a closed gate

    async def fit(self, *arguments: object, **more: object) -> Model:
        self.n_free -= 1
        if self.n_free < 0:
            await self.gate.wait()
        return await super().fit(*arguments, **more)  # type: ignore[arg-type]

    async def forecast(
        self, model: Model, history: Series, *, horizon_seconds: float | None = None
    ) -> Answer:
        if self.is_lost:
            self.is_lost = False
            self.gate.clear()
            raise WorkerLost("told to")
        return await super().forecast(model, history, horizon_seconds=horizon_seconds)


def last(rig: Rig) -> Decision:
    [target] = rig.service.board
    assert target.snapshot is not None
    return target.snapshot.decision


def moved(rig: Rig) -> list[str]:
    return [step.rule for step in last(rig).moved]


async def tick(rig: Rig) -> None:
    """Let a tick pass beside a fit that does not end."""
    before = last(rig).seen.as_of
    await rig.clock.wait_for_sleepers()
    rig.clock.advance(rig.settings.tick_seconds)
    async with asyncio.timeout(5):
        while last(rig).seen.as_of <= before:
            await asyncio.sleep(0.001)


async def test_what_runs_is_asked_for_from_the_first_answer_on_until_the_fit_is_over() -> None:
    forecasts = Gated()
    cluster = Cluster(n_early=3)
    async with started_rig(source=demand(), cluster=cluster, forecasts=forecasts) as rig:
        assert await rig.value(rig.ref()) == RUNS, "the first answer waits for the cluster, too"
        assert moved(rig) == ["cover_observed", "hold_until_fitted"]
        for _ in range(4):
            await tick(rig)
            assert await rig.value(rig.ref()) == RUNS
        cluster.set_wanted(REFERENCE, RUNS + 2)  # the scaler beside this one goes on
        await tick(rig)
        assert await rig.value(rig.ref()) == RUNS + 2
        forecasts.gate.set()
        await rig.settle()
        assert await rig.value(rig.ref()) == FORECAST
        assert "hold_until_fitted" not in moved(rig)


async def test_the_keep_window_s_fit_is_waited_for_as_well() -> None:
    """Else a replica that is needed again soon would be given up for the seconds between both."""
    forecasts = Gated()
    forecasts.n_free = 1
    async with started_rig(source=demand(), cluster=Cluster(), forecasts=forecasts) as rig:
        await rig.value(rig.ref())
        for _ in range(3):
            await tick(rig)
        seen = last(rig).seen
        assert (seen.forecast is None, seen.forecast_ahead is None) == (False, True)
        assert await rig.value(rig.ref()) == RUNS
        forecasts.gate.set()
        await rig.settle()
        assert last(rig).seen.forecast_ahead is not None
        assert await rig.value(rig.ref()) == FORECAST


async def test_a_fit_that_never_ends_holds_for_a_bounded_time() -> None:
    async with started_rig(source=demand(), cluster=Cluster(), forecasts=Gated()) as rig:
        assert await rig.value(rig.ref()) == RUNS
        for _ in range(round(FIRST_FIT_SECONDS / rig.settings.tick_seconds)):
            await tick(rig)
        assert await rig.value(rig.ref()) == RUNS
        await tick(rig)
        assert await rig.value(rig.ref()) == NEEDED


async def test_a_fit_that_fails_holds_no_longer() -> None:
    async with started_rig(source=demand(), cluster=Cluster(), forecaster=Failing()) as rig:
        assert await rig.value(rig.ref()) == RUNS
        await rig.tick()
        await rig.tick()
        assert await rig.value(rig.ref()) == NEEDED


async def test_a_fresh_target_of_which_nothing_runs_begins_with_its_demand() -> None:
    async with started_rig(source=demand(), cluster=Cluster(runs=0), forecasts=Gated()) as rig:
        assert await rig.value(rig.ref()) == NEEDED


async def test_a_lost_process_takes_no_replica_with_it() -> None:
    forecasts = Gated()
    forecasts.gate.set()
    async with started_rig(source=demand(), forecasts=forecasts) as rig:
        assert await rig.observe(rig.ref()) == FORECAST
        forecasts.is_lost = True
        for _ in range(8):  # a new grid point, so that it is asked
            await tick(rig)
            assert await rig.value(rig.ref()) == FORECAST
        assert not forecasts.is_lost
        assert last(rig).seen.forecast is None
        assert moved(rig) == ["cover_observed", "hold_until_fitted"]
        forecasts.gate.set()
        await rig.settle()
        assert last(rig).seen.forecast is not None


@pytest.mark.parametrize(("away_seconds", "want"), [(120.0, FORECAST), (1_200.0, NEEDED)])
async def test_without_a_cluster_the_state_directory_remembers_for_a_lead_time(
    away_seconds: float, want: int
) -> None:
    store = MemoryStateStore()
    async with started_rig(source=demand(), store=store) as rig:
        assert await rig.observe(rig.ref()) == FORECAST
    store.reopen()
    async with started_rig(
        source=demand(), store=store, forecasts=Gated(), forecaster=WindowMaximum(),
        start_at=NOON + away_seconds,
    ) as rig:  # fmt: skip
        await rig.value(rig.ref())
        await tick(rig)
        assert await rig.value(rig.ref()) == want
