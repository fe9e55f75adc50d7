"""Rolling origin: what a forecaster would have said, asked again and again on what was known.

Nothing after an origin reaches the forecaster: it is handed the history that ends there, and is
refitted on each new day of Unix time, as the scaler does.
"""

from dataclasses import dataclass

import numpy as np

from forecasting import scores
from forecasting.arrays import FloatVector
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.localtime import DAY_SECONDS
from forecasting.past import Past
from forecasting.series import Series
from forecasting.windows import n_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """Bounds and outcomes at origins; `at`, `bounds` and `peaks` are (n,).

    A bound is NaN where there was nothing to start from, a peak where it was not observed.
    """

    task: Task
    at: FloatVector
    bounds: FloatVector
    peaks: FloatVector

    @property
    def score(self) -> "Score":
        """The scores over the origins where both are known."""
        known = ~(np.isnan(self.bounds) | np.isnan(self.peaks))
        bounds, peaks = self.bounds[known], self.peaks[known]
        if not known.any():
            return Score(n_origins=0, pinball=np.nan, coverage_ratio=np.nan, shortage=np.nan,
                         excess=np.nan, wape_ratio=np.nan)  # fmt: skip
        return Score(
            n_origins=int(known.sum()),
            pinball=scores.pinball(peaks, bounds, self.task.level),
            coverage_ratio=scores.coverage(peaks, bounds),
            shortage=scores.shortage(peaks, bounds),
            excess=scores.excess(peaks, bounds),
            wape_ratio=scores.wape(peaks, bounds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Means over origins. `pinball`, `shortage` and `excess` have the unit of the series."""

    n_origins: int
    pinball: float
    coverage_ratio: float
    shortage: float
    excess: float
    wape_ratio: float


def backtest(
    history: Series,
    task: Task,
    forecaster: Forecaster,
    *,
    begin_at: float,
    every_seconds: float = 600.0,
) -> Backtest:
    """Return what `forecaster` says at origins from `begin_at` on, `every_seconds` apart.

    The last origin is the one whose whole window lies inside the history.
    """
    step = history.step_seconds
    stride = n_steps(every_seconds, step)
    first = max(0, n_steps(begin_at - history.start_at, step) if begin_at > history.start_at else 0)
    last = len(history) - 1 - n_steps(task.horizon_seconds, step)
    places = np.arange(first, last + 1, stride, dtype=np.float64)
    bounds = np.full(places.size, np.nan)
    fitted: FittedForecaster | None = None
    fitted_on = np.nan
    for line, place in enumerate(places):
        known = history.between(history.start_at, history.start_at + place * step)
        today = np.floor(known.end_at / DAY_SECONDS)
        if fitted is None or today != fitted_on:
            fitted, fitted_on = forecaster.fit(known, task), today
        try:
            bounds[line] = fitted.forecast(known).value
        except NotEnoughHistory:
            continue
    past = Past(history=history, task=task, offset=1.0)
    return Backtest(task=task, at=past.times(places), bounds=bounds, peaks=past.peak(places))
