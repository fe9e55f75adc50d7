"""The forecast of a whole run, asked beforehand: it depends on demand alone, and not on replicas.

So it is made once for a trace, a forecaster, a lead time and a quantile, and shared by all settings
that differ in other things. Each origin is told what was known at its time and no more: see
`forecasting.backtest`, whose rolling origin this is, fitted anew on each day of Unix time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.backtest import bounds_of_day, by_day
from forecasting.forecaster import Forecaster, Task
from forecasting.series import Series
from forecasting.windows import n_steps, trailing_maximum
from scaler.history import window_of
from scaler.metadata import Trigger
from scaler.service import one_blas_thread
from scaler.settings import ControllerSettings
from scaler.work import DAY_SECONDS, forecaster_of, task_ahead, task_of

Apply = Callable[[Callable[[Any], FloatVector], Sequence[Any]], Iterable[FloatVector]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rolled:
    """Bounds at each grid point from `start_at` on; NaN where there was nothing to start from.

    `lead` covers the lead time, `ahead` the keep window (empty: nothing is kept for later).
    """

    start_at: float
    step_seconds: float
    lead: FloatVector  # (n,)
    ahead: FloatVector  # (n,) or (0,)
    lead_task: Task
    ahead_task: Task | None
    method: str


def roll(
    demand: Series,
    trigger: Trigger,
    forecaster: Forecaster,
    *,
    begin_at: float,
    folder: Path | None = None,
    apply: Apply = map,
) -> Rolled:
    """Return what `forecaster` says at each grid point of `demand` from `begin_at` on.

    `demand` holds the history before `begin_at` too, on the trigger's step. With a `folder` the
    answer is kept there under a hash of all that it rests on, and read again. `apply` is `map` or
    its twin of several processes; the days do not depend on each other.
    """
    tasks = _tasks(demand, trigger, begin_at)
    at = demand.times[demand.times >= begin_at]
    bounds = [np.empty(0), np.empty(0)]
    for number, task in enumerate(tasks):
        if task is not None and at.size:
            told = forecaster_of(forecaster, trigger.plan)
            days = trigger.params.history_days
            question = _Question(demand=demand, forecaster=told, task=task, at=at, days=days)
            bounds[number] = _kept(question, folder, apply)
    return _rolled(demand, at, bounds, tasks, "rolled")


def foreseen(demand: Series, trigger: Trigger, *, begin_at: float) -> Rolled:
    """Return the perfect forecast: what the peaks of the windows will have been.

    At the end of the trace the window is cut short there.
    """
    tasks = _tasks(demand, trigger, begin_at)
    at = demand.times[demand.times >= begin_at]
    first = len(demand) - at.size
    bounds = [np.empty(0), np.empty(0)]
    for number, task in enumerate(tasks):
        if task is not None:
            n = n_steps(task.horizon_seconds, demand.step_seconds)
            after = np.concatenate([demand.values[1:], np.full(n, np.nan)])
            bounds[number] = trailing_maximum(after, n)[n - 1 :][first:]
    return _rolled(demand, at, bounds, tasks, "perfect")


def _rolled(
    demand: Series, at: FloatVector, bounds: list[FloatVector], tasks: tuple[Task, Task | None],
    method: str,
) -> Rolled:  # fmt: skip
    if not at.size:
        raise ValueError("begin_at: no grid point of the demand lies at or after it")
    return Rolled(
        start_at=float(at[0]),
        step_seconds=demand.step_seconds,
        lead=bounds[0],
        ahead=bounds[1],
        lead_task=tasks[0],
        ahead_task=tasks[1],
        method=method,
    )


def _tasks(demand: Series, trigger: Trigger, begin_at: float) -> tuple[Task, Task | None]:
    """Return what the scaler itself would ask for, with the holidays of the whole run."""
    params = trigger.params
    if demand.step_seconds != params.step_seconds:
        raise ValueError(
            f"demand must have the trigger's stepSeconds, {params.step_seconds:g}, "
            f"got {demand.step_seconds:g}"
        )
    task = task_of(trigger, ControllerSettings(), begin_at, params.lead_time_seconds)
    moments = np.arange(begin_at, demand.end_at + DAY_SECONDS, DAY_SECONDS).tolist()
    around = (trigger.plan.holidays.around(at, params.zone) for at in moments)
    task = replace(task, holidays=frozenset().union(*around))
    return task, task_ahead(task, params, params.lead_time_seconds)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Question:
    """What is asked of whom, at which origins; `days` of history are known at each."""

    demand: Series
    forecaster: Forecaster
    task: Task
    at: FloatVector
    days: float

    @property
    def key(self) -> str | None:
        """A hash of all that the answer rests on; None where the forecaster has no description."""
        who = repr(self.forecaster)
        if " at 0x" in who:  # an address
            return None
        known = self.demand.between(float(self.at[0]) - self.days * DAY_SECONDS, self.demand.end_at)
        key = blake2b(digest_size=16)
        for part in (who, self.task, known.start_at, known.step_seconds, self.days, _code()):
            key.update(f"{part!r};".encode())
        key.update(known.values.tobytes())
        key.update(self.at.tobytes())
        return key.hexdigest()

    def answer(self, apply: Apply) -> FloatVector:
        """Return the bounds, day by day."""
        works = [(self._known_on(day), self.task, self.forecaster, day) for day in by_day(self.at)]
        return np.concatenate(list(apply(_of_day, works)))

    def _known_on(self, day: FloatVector) -> Series:
        """Return the history of a day of origins; nothing later than its last one is even at hand.

        It begins so many days before the first, as the scaler's own window does at a fit.
        """
        window = window_of(
            float(day[0]), history_days=self.days, step_seconds=self.demand.step_seconds
        )
        return self.demand.between(window.start_at, float(day[-1]))


def _kept(question: _Question, folder: Path | None, apply: Apply) -> FloatVector:
    key = question.key if folder is not None else None
    if folder is None or key is None:
        return question.answer(apply)
    path = folder / f"forecast-{key}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            return np.asarray(kept["bounds"], dtype=np.float64)
    bounds = question.answer(apply)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{path.stem}.partial.npz"
    np.savez(partial, bounds=bounds)
    partial.replace(path)  # a run that dies here leaves nothing that looks whole
    return bounds


def _of_day(work: tuple[Series, Task, Forecaster, FloatVector]) -> FloatVector:
    history, task, forecaster, day = work
    with one_blas_thread():
        return bounds_of_day(history, task, forecaster, day)


@cache
def _code() -> str:
    """Return a digest of the forecasting package: other code, other forecasts."""
    spec = find_spec("forecasting")
    places = spec.submodule_search_locations if spec is not None else None
    digest = blake2b(digest_size=16)
    for folder in places or ():
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
