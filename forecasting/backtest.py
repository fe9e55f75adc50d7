"""Rolling origin: what a forecaster would have said, asked again and again on what was known.

Nothing after an origin reaches the forecaster: it is handed the history that ends there, and is
refitted on each new day of Unix time, as the scaler does. The days do not depend on each other,
so that they can be asked in parallel with the same result.
"""

from dataclasses import dataclass

import numpy as np

from forecasting import scores
from forecasting.arrays import FloatVector
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import Forecaster, Task
from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from forecasting.windows import n_steps, window_peak


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
        return score(self.peaks, self.bounds, self.task.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Means over origins. `pinball`, `shortage` and `excess` have the unit of the series."""

    n_origins: int
    pinball: float
    coverage_ratio: float
    shortage: float
    excess: float
    wape_ratio: float


def score(peaks: FloatVector, bounds: FloatVector, level: float) -> Score:
    """Return the scores over the pairs that are both known; NaN when there is none."""
    known = ~(np.isnan(bounds) | np.isnan(peaks))
    bounds, peaks = bounds[known], peaks[known]
    if not known.any():
        nan = float("nan")
        return Score(
            n_origins=0, pinball=nan, coverage_ratio=nan, shortage=nan, excess=nan, wape_ratio=nan
        )
    return Score(
        n_origins=int(known.sum()),
        pinball=scores.pinball(peaks, bounds, level),
        coverage_ratio=scores.coverage(peaks, bounds),
        shortage=scores.shortage(peaks, bounds),
        excess=scores.excess(peaks, bounds),
        wape_ratio=scores.wape(peaks, bounds),
    )


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
    at = origin_times(
        history,
        begin_at=begin_at,
        end_at=history.end_at,
        every_seconds=every_seconds,
        horizon_seconds=task.horizon_seconds,
    )
    return Backtest(
        task=task,
        at=at,
        bounds=bounds_at(history, task, forecaster, at),
        peaks=peaks_after(history, at, task.horizon_seconds),
    )


def origin_times(
    history: Series,
    *,
    begin_at: float,
    end_at: float,
    every_seconds: float,
    horizon_seconds: float,
) -> FloatVector:
    """Return the origins in [begin_at, end_at], Unix seconds (n,), each on the series' grid.

    They start at the first grid point from `begin_at` on, and the whole window ahead of each
    lies inside the history, so `horizon_seconds` is the longest that will be asked for.
    """
    step = history.step_seconds
    first = max(0, int(np.ceil((begin_at - history.start_at) / step - 1e-9)))
    latest = int(np.floor((end_at - history.start_at) / step + 1e-9))
    last = min(latest, len(history) - 1 - n_steps(horizon_seconds, step))
    places = np.arange(first, last + 1, n_steps(every_seconds, step), dtype=np.float64)
    return history.start_at + step * places


def by_day(at: FloatVector) -> tuple[FloatVector, ...]:
    """Return the origins (n,) cut where the scaler refits: at each new day of Unix time."""
    if at.size == 0:
        return ()
    days = np.floor(at / DAY_SECONDS)
    return tuple(np.split(at, np.flatnonzero(np.diff(days)) + 1))


def bounds_at(history: Series, task: Task, forecaster: Forecaster, at: FloatVector) -> FloatVector:
    """Return the bounds at the origins `at`, (n,); NaN where there is nothing to start from.

    One fit for each day of origins, on what was known at the first of them.
    """
    return np.concatenate(
        [np.empty(0), *(bounds_of_day(history, task, forecaster, day) for day in by_day(at))]
    )


def bounds_of_day(
    history: Series, task: Task, forecaster: Forecaster, at: FloatVector
) -> FloatVector:
    """Return the bounds at the origins `at`, (n,), of one fit at the first of them."""
    bounds = np.full(at.size, np.nan)
    fitted = forecaster.fit(history.between(history.start_at, float(at[0])), task)
    for line, origin_at in enumerate(at.tolist()):
        try:
            forecast = fitted.forecast(history.between(history.start_at, origin_at))
        except NotEnoughHistory:
            continue
        bounds[line] = forecast.value
    return bounds


def peaks_after(history: Series, at: FloatVector, horizon_seconds: float) -> FloatVector:
    """Return the outcomes at the origins `at`, (n,): the peaks of the windows ahead.

    NaN where the window was not observed well enough, see `windows.window_peak`.
    """
    step = history.step_seconds
    peaks = window_peak(history.values, n_steps(horizon_seconds, step))
    places = np.rint((at - history.start_at) / step).astype(np.intp)
    return np.asarray(peaks[places], dtype=np.float64)
