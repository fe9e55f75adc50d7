"""Forecasts of a whole run, made once: they depend on demand alone, and not on replicas.

Each is made on what was known at its time and no more: a rolling origin, with a fit on each new day
of Unix time. So a policy only looks one up, and many runs share them.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.backtest import bounds_at
from forecasting.forecaster import Forecaster, Task
from forecasting.series import Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """A bound for each grid point from `start_at` (Unix seconds) on; NaN where there is none."""

    start_at: float
    step_seconds: float
    values: FloatVector  # (n,)

    def at(self, moment: float) -> float:
        """Return the newest bound at a time, in Unix seconds; NaN before the first of all."""
        place = int((moment - self.start_at) // self.step_seconds)
        if place < 0:
            return float("nan")
        return float(self.values[min(place, self.values.size - 1)])


def bounds_of(forecaster: Forecaster, demand: Series, task: Task, *, begin_at: float) -> Bounds:
    """Return what `forecaster` says at each grid point of `demand` from `begin_at` on.

    `demand` holds the history before `begin_at` and the run itself.
    """
    at = _moments(demand, begin_at)
    return Bounds(
        start_at=float(at[0]),
        step_seconds=demand.step_seconds,
        values=bounds_at(demand, task, forecaster, at),
    )


def _moments(demand: Series, begin_at: float) -> FloatVector:
    at = demand.times[demand.times >= begin_at]
    if at.size == 0:
        raise ValueError(
            f"begin_at must not lie after the demand's end at {demand.end_at!r}, got {begin_at!r}"
        )
    return np.asarray(at, dtype=np.float64)
