"""A whole future: the peak of each of the next windows, with bounds, up to days ahead.

For plots, schedules and forecasts of cost. What a scaler decides on is one number, the peak over
its lead time, and `Mixture` answers that better and oftener; a path answers once and looks far.
Each bound is of its own window: at level 0.9 about nine of ten windows stay below it, not the
highest of them all.
"""

from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector, read_only
from forecasting.events import Happening, due, usual
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.past import Past, log_offset
from forecasting.path_model import fit_path_model
from forecasting.path_rows import LOOK_BACK_SECONDS
from forecasting.path_young import young_bounds
from forecasting.series import Series
from forecasting.windows import n_steps

MAX_WINDOWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTask:
    """What is asked: `levels` of the peak in each window of `step_seconds`, `until_seconds` ahead.

    `zone` and `holidays` as in `Task`; holidays ahead count as well as past ones.
    """

    until_seconds: float
    step_seconds: float
    levels: tuple[float, ...]
    zone: ZoneInfo
    holidays: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.step_seconds > 0:
            raise ValueError(f"step_seconds must be > 0, got {self.step_seconds!r}")
        if not self.step_seconds <= self.until_seconds <= MAX_WINDOWS * self.step_seconds:
            raise ValueError(
                f"until_seconds must be 1 to {MAX_WINDOWS} times "
                f"step_seconds={self.step_seconds!r}, got {self.until_seconds!r}"
            )
        if not self.levels or not all(0 < level < 1 for level in self.levels):
            raise ValueError(f"levels must be one or more in (0, 1), got {self.levels!r}")
        object.__setattr__(self, "levels", tuple(sorted(set(self.levels))))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """Bounds of the windows after `issued_at`, window after window.

    `bounds` is (n_levels, n_windows), finite, >= 0, and never falls from one level to the next.
    Window i is (issued_at + i step_seconds, issued_at + (i + 1) step_seconds]. `method` is
    "same-time" when past days at the same time had a say, else "last-value".
    """

    issued_at: float
    step_seconds: float
    levels: tuple[float, ...]
    bounds: FloatMatrix
    method: str

    def __len__(self) -> int:
        return int(self.bounds.shape[1])

    @property
    def ends_at(self) -> FloatVector:
        """Unix seconds at which each window ends, (n_windows,)."""
        return self.issued_at + self.step_seconds * np.arange(1.0, len(self) + 1)

    def level(self, level: float) -> FloatVector:
        """Return the bounds at one of the levels, (n_windows,); KeyError for another."""
        if level not in self.levels:
            raise KeyError(f"level must be one of {self.levels}, got {level!r}")
        return np.asarray(self.bounds[self.levels.index(level)])


class Pathfinder(Protocol):
    """Anything that draws a path: a deterministic function of a history and a question."""

    def __call__(self, history: Series, task: PathTask, /) -> Path:
        """Return the bounds after the end of `history`; reads nothing else."""
        ...


def path(history: Series, task: PathTask, *, events: tuple[Happening, ...] = ()) -> Path:
    """Return the bounds of the windows after `history.end_at`.

    The step is rounded up to whole steps of the history. Past events are taken out of the
    history, those ahead lift their windows, as in `WithEvents`. Raises `NotEnoughHistory` when
    nothing was observed.
    """
    whole = usual(history, events).alone()
    if np.isnan(whole.last_observed):
        raise NotEnoughHistory("nothing was observed")
    plain = whole.between(whole.end_at - LOOK_BACK_SECONDS, whole.end_at)
    n_window = n_steps(task.step_seconds, plain.step_seconds)
    step_seconds = n_window * plain.step_seconds
    n_windows = n_steps(task.until_seconds, step_seconds)
    question = Task(horizon_seconds=step_seconds, level=0.5, zone=task.zone, holidays=task.holidays)
    past = Past(history=plain, task=question, offset=log_offset(plain))
    begins = len(plain) - 1.0 + n_window * np.arange(n_windows, dtype=np.float64)
    is_known = not np.isnan(plain.last_observed)
    model = None
    if is_known:
        model = fit_path_model(past, task.levels, until_seconds=n_windows * step_seconds)
    if not is_known:  # a gap as long as all that is looked back on: what was seen before it
        bounds = np.full((len(task.levels), n_windows), whole.last_observed)
        method = "last-value"
    elif model is None:
        bounds, method = young_bounds(past, begins, task.levels), "last-value"
    else:
        bounds, method = model.bounds(past, begins), "same-time"
    bounds = np.maximum.accumulate(np.maximum(bounds, 0.0), axis=0)
    return Path(
        issued_at=history.end_at,
        step_seconds=step_seconds,
        levels=task.levels,
        bounds=read_only(_lifted(bounds, past.times(begins), past, events)),
        method=method,
    )


def _lifted(
    bounds: FloatMatrix, begins_at: FloatVector, past: Past, events: tuple[Happening, ...]
) -> FloatMatrix:
    """Return the bounds with what the events ahead make of them."""
    if not events:
        return bounds
    lifted = bounds.copy()
    inside = past.history.step_seconds * np.arange(1.0, past.n_horizon + 1)
    for number, begin_at in enumerate(begins_at.tolist()):
        factor, demand = due(events, begin_at + inside, after_at=begin_at)
        lifted[:, number] = np.maximum(bounds[:, number] * factor, demand or 0.0)
    return lifted
