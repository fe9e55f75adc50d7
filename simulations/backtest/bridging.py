"""Gaps on straight lines, for who wants them so: never ahead of the origin.

A line over a gap rests on the observation behind it, which nobody knew inside the gap. So what a
forecaster is handed at an origin inside one ends with the last observation, carried forward; the
line itself is for the outcomes, and for origins after the gap.
"""

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.series import Series

Gaps = FloatVector
"""Unix seconds of the last observation before each gap and of the first behind it, (n, 2)."""


def bridged(series: Series) -> Series:
    """Return the series with gaps bridged in straight lines and its ends held."""
    known = np.flatnonzero(~np.isnan(series.values))
    if known.size == 0:
        return series
    values = np.interp(np.arange(len(series)), known, series.values[known])
    return replace(series, values=values)


def gaps_of(series: Series) -> Gaps:
    """Return the gaps between observations."""
    at = series.times[~np.isnan(series.values)]
    before = np.flatnonzero(np.diff(at) > 1.5 * series.step_seconds)
    return np.stack((at[before], at[before + 1]), axis=1)


def as_known(history: Series, gaps: Gaps) -> Series:
    """Return a bridged history as it was known at its end: a gap that is open there is held."""
    now = history.end_at + 0.5 * history.step_seconds
    is_open = (gaps[:, 0] < now) & (gaps[:, 1] > now)
    if not is_open.any():
        return history
    last = round((float(gaps[is_open][0, 0]) - history.start_at) / history.step_seconds)
    if last < 0:
        return history
    values = history.values.copy()
    values[last + 1 :] = values[last]
    return replace(history, values=values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bridged:
    """A forecaster that reads a bridged series and looks over no gap that is still open."""

    forecaster: Forecaster
    gaps: Gaps

    def fit(self, history: Series, task: Task) -> "FittedBridged":
        """Return the forecaster fitted on what was known."""
        fitted = self.forecaster.fit(as_known(history, self.gaps), task)
        return FittedBridged(fitted=fitted, gaps=self.gaps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedBridged:
    """A fitted forecaster that looks over no gap that is still open."""

    fitted: FittedForecaster
    gaps: Gaps

    @property
    def method(self) -> str:
        """Name of the method in use."""
        return self.fitted.method

    def forecast(self, history: Series) -> Forecast:
        """Return the bound for the window after `history.end_at`."""
        return self.fitted.forecast(as_known(history, self.gaps))
