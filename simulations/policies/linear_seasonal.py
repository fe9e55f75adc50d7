"""A line with seasons, fitted by least squares: what Prophet is without its changepoints.

Prophet itself (Taylor & Letham 2018) takes minutes and a compiler; with its defaults it is a trend
in pieces, a Fourier series of order 4 for the day and of order 3 for the week, added. Here the
trend is one line. Kedify's MetricPredictor is Prophet behind a KEDA trigger.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.forecast import Forecast
from forecasting.forecaster import Task
from forecasting.localtime import DAY_SECONDS, offset_seconds
from forecasting.rivals import answered, newest
from forecasting.series import Series
from forecasting.windows import n_steps

DAY_ORDER, WEEK_ORDER = 4, 3
WEEK_DAYS = 7
BIN_SECONDS = 300.0  # a fit on minutes says the same and takes five times as long
MIN_DAYS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearSeasonal:
    """Fitted on the last `n_days`; the week's season from two weeks on, as Prophet does."""

    method: str = "prophet-like"
    n_days: int = 28

    def fit(self, history: Series, task: Task) -> "FittedLine":
        """Return the curve; without two days the newest value stands in for it."""
        known = history.between(history.end_at - self.n_days * DAY_SECONDS, history.end_at)
        n_bin = n_steps(BIN_SECONDS, known.step_seconds)
        n_bins = len(known) // n_bin
        rows = known.values[len(known) - n_bins * n_bin :].reshape(n_bins, n_bin)
        n_seen = (~np.isnan(rows)).sum(axis=1)
        values = np.where(n_seen > 0, np.nansum(rows, axis=1) / np.maximum(n_seen, 1), np.nan)
        back = np.arange(n_bins, dtype=np.float64)[::-1]
        times = np.asarray(known.end_at - n_bin * known.step_seconds * back, dtype=np.float64)
        seen = ~np.isnan(values)
        curve = Curve(
            origin_at=history.end_at, zone=task.zone, weights=np.empty(0), is_weekly=False
        )
        if seen.sum() * n_bin * known.step_seconds >= MIN_DAYS * DAY_SECONDS:
            span = times[seen][-1] - times[seen][0]
            curve = curve.fitted(times[seen], values[seen], is_weekly=span >= 13.9 * DAY_SECONDS)
        return FittedLine(method=self.method, task=task, curve=curve)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Trend, day and week as weights of a design; empty where nothing was fitted."""

    origin_at: float
    zone: ZoneInfo
    weights: FloatVector  # (n_columns,) or (0,)
    is_weekly: bool

    def fitted(self, times: FloatVector, values: FloatVector, *, is_weekly: bool) -> "Curve":
        """Return the curve of least squares through the values."""
        design = self._design(times, is_weekly=is_weekly)
        weights = np.asarray(np.linalg.lstsq(design, values, rcond=1e-10)[0], dtype=np.float64)
        return Curve(origin_at=self.origin_at, zone=self.zone, weights=weights, is_weekly=is_weekly)

    def at(self, times: FloatVector) -> FloatVector:
        """Return the curve at times, in Unix seconds."""
        return np.asarray(self._design(times, is_weekly=self.is_weekly) @ self.weights)

    def _design(self, times: FloatVector, *, is_weekly: bool) -> FloatMatrix:
        days = (times + offset_seconds(times, self.zone)) / DAY_SECONDS
        columns = [np.ones(times.size), (times - self.origin_at) / (WEEK_DAYS * DAY_SECONDS)]
        seasons = [(1.0, DAY_ORDER)] + ([(WEEK_DAYS, WEEK_ORDER)] if is_weekly else [])
        for period, order in seasons:
            for k in range(1, order + 1):
                angle = 2.0 * np.pi * k * days / period
                columns += [np.sin(angle), np.cos(angle)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedLine:
    """A curve with the question that it answers."""

    method: str
    task: Task
    curve: Curve

    def forecast(self, history: Series) -> Forecast:
        """Return the largest value of the curve over the window ahead."""
        if self.curve.weights.size == 0:
            return answered(history, self.task, self.method, newest(history))
        step = history.step_seconds
        n_ahead = n_steps(self.task.horizon_seconds, step)
        ahead = history.end_at + step * np.arange(1, n_ahead + 1, dtype=np.float64)
        return answered(history, self.task, self.method, float(self.curve.at(ahead).max()))
