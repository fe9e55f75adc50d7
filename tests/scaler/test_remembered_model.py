"""Models that go on: from fit to fit, and from one run to the next."""

import asyncio
import logging
from dataclasses import dataclass, field

import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.forecaster import FittedForecaster, Task
from forecasting.series import Series
from rig import DAY_SECONDS, MONDAY_AT, Rig, started_rig
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.adapters.memory import MemoryHistorySource, MemoryStateStore
from scaler.ports import Blob, Model
from scaler.settings import ControllerSettings
from stand_ins import FittedWindowMaximum

NOON = MONDAY_AT + DAY_SECONDS / 2
STEP = 300.0
KEYS = {"stepSeconds": "300", "staleAfterSeconds": "900", "leadTimeSeconds": "600"}


def days() -> MemoryHistorySource:
    times = np.arange(MONDAY_AT - 3 * DAY_SECONDS, MONDAY_AT + DAY_SECONDS, STEP)
    values = 60.0 + 50.0 * np.sin(2 * np.pi * times / DAY_SECONDS)
    return MemoryHistorySource(
        {"demand": Series(start_at=float(times[0]), step_seconds=STEP, values=values)}
    )


class Counting(ThreadForecasts):
    """Notes how each fit was asked for."""

    def __init__(self, *, is_stuck: bool = False) -> None:
        super().__init__()
        self.previous: list[Model | None] = []
        self._is_stuck = is_stuck

    async def fit(self, *arguments: object, **more: object) -> Model:
        self.previous.append(more["previous"])  # type: ignore[arg-type]
        if self._is_stuck:
            await asyncio.Event().wait()
        return await super().fit(*arguments, **more)  # type: ignore[arg-type]


def method_of(rig: Rig) -> str | None:
    [target] = rig.service.board
    assert target.snapshot is not None
    forecast = target.snapshot.decision.seen.forecast
    return None if forecast is None else forecast.method


async def remembered(**keys: str) -> MemoryStateStore:
    store = MemoryStateStore()
    async with started_rig(source=days(), forecaster=default_forecaster(), store=store) as rig:
        await rig.observe(rig.ref(**KEYS, **keys))
        assert method_of(rig) is not None
    store.reopen()
    return store


EVENTS = "2026-01-06T12:00 for 1h factor 2"


@pytest.mark.parametrize("keys", [{}, {"events": EVENTS}])
async def test_a_restarted_scaler_forecasts_at_its_first_tick_without_a_fit(
    keys: dict[str, str],
) -> None:
    store = await remembered(**keys)
    forecasts = Counting(is_stuck=True)
    async with started_rig(
        source=days(), forecaster=default_forecaster(), store=store, forecasts=forecasts
    ) as rig:
        await rig.value(rig.ref(**KEYS, **keys))
        assert method_of(rig) is not None
        assert forecasts.previous == [], "no fit yet"


async def test_a_refit_goes_on_from_the_model_before_it() -> None:
    store = await remembered()
    forecasts = Counting()
    async with started_rig(
        source=days(), forecaster=default_forecaster(), store=store, forecasts=forecasts
    ) as rig:
        await rig.observe(rig.ref(**KEYS))
        assert forecasts.previous[0] is not None, "from what was remembered"


@pytest.mark.parametrize(
    ("form", "payload"),
    [("mixture/1", b"prewarm-forecast\x01nonsense"), ("mixture/1", b""), ("other/9", b"x")],
)
async def test_a_model_that_nobody_can_read_is_fitted_anew(
    form: str, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = await remembered()
    for owner in list(store._blobs):
        if "model" in store._blobs[owner]:
            bad = Blob(format=form, payload=payload, saved_at=NOON)
            await store.save({(owner, "model"): bad})
    forecasts = Counting()
    async with started_rig(
        source=days(), forecaster=default_forecaster(), store=store, forecasts=forecasts
    ) as rig:
        await rig.observe(rig.ref(**KEYS))
        assert forecasts.previous[0] is None
        assert method_of(rig) is not None
    assert "model remembered" not in caplog.messages


@dataclass(frozen=True)
class Unsteady(FittedWindowMaximum):
    """Asks for a refit once its history has grown by an hour."""

    until_at: float = 0.0

    def needs_refit(self, history: Series) -> bool:
        return history.end_at >= self.until_at + 3_600


@dataclass(frozen=True)
class Learner:
    asked: list[bool] = field(default_factory=list)

    def fit(
        self,
        history: Series,
        task: Task,
        *,
        previous: FittedForecaster | None = None,
        has_drifted: bool = False,
    ) -> Unsteady:
        del previous
        self.asked.append(has_drifted)
        return Unsteady(task=task, until_at=history.end_at)


async def test_a_model_that_has_lost_its_footing_is_fitted_anew_from_all_that_is_known() -> None:
    learner = Learner()
    settings = ControllerSettings(tick_seconds=300.0, forget_after_seconds=1e9)
    async with started_rig(source=days(), forecaster=learner, controller_settings=settings) as rig:
        await rig.observe(rig.ref(**KEYS))
        learner.asked.clear()
        await rig.tick(30)
    assert any(learner.asked)
    assert sum(learner.asked) <= 5, "once an hour, and not at each tick"


@dataclass(frozen=True)
class Restless(Unsteady):
    """Asks for a refit whenever it is asked, however new it is."""

    def needs_refit(self, history: Series) -> bool:
        del history
        return True


@dataclass(frozen=True)
class RestlessLearner(Learner):
    def fit(
        self,
        history: Series,
        task: Task,
        *,
        previous: FittedForecaster | None = None,
        has_drifted: bool = False,
    ) -> Restless:
        del previous
        self.asked.append(has_drifted)
        return Restless(task=task, until_at=history.end_at)


async def test_no_forecaster_can_ask_for_a_storm_of_refits() -> None:
    learner = RestlessLearner()
    settings = ControllerSettings(tick_seconds=300.0, forget_after_seconds=1e9)
    async with started_rig(source=days(), forecaster=learner, controller_settings=settings) as rig:
        await rig.observe(rig.ref(**KEYS))
        learner.asked.clear()
        await rig.tick(30)  # two and a half hours
    # Two models, each once an hour for the drift and once an hour for its age; a storm were 60.
    assert 1 <= sum(learner.asked) <= 2 * (3 + 3)
