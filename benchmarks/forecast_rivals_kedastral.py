"""Kedastral v0.1.7's models, written anew from its published source (pkg/models, MIT).

It trains and predicts at each tick on a trailing window. Its capacity planner takes the maximum of
the steps up to the lead time, times a headroom of 1.2, or the option `quantile-level`: point plus z
standard deviations at each step. `own` is that option. As in the service, its baseline keeps the
patterns of earlier ticks until a bucket has two values again; here it ticks at each origin, not
twice a minute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from forecast_protocol import HORIZONS, LEVELS, Said, Stopwatch, Trace

from forecasting.arrays import FloatVector, IndexVector

HEADROOM = 1.2
Z = {0.9: 1.282, 0.95: 1.645}  # its table of quantile levels
N_SLOPE = 10
MIN_MOMENTUM = 6
N_BUCKETS = 60


@dataclass(frozen=True, slots=True)
class Steps:
    """A path with the standard deviation that its quantile option multiplies."""

    values: FloatVector  # (n_steps,)
    deviations: FloatVector  # (n_steps,)


Model: TypeAlias = Callable[[Trace, IndexVector, int], Steps]
"""Takes the places of a trailing window and a number of steps."""


def kedastral(make: Callable[[], Model], *, window_seconds: float) -> Callable[[Trace], Said]:
    """Return the source that asks a model at each origin."""

    def source(trace: Trace) -> Said:
        watch, model = Stopwatch(), make()
        ends = [trace.bins(minutes * 60) for minutes in HORIZONS]
        points = np.empty((1, len(HORIZONS), trace.origins.size))
        own = np.empty((len(LEVELS), len(HORIZONS), trace.origins.size))
        for line, place in enumerate(trace.origins):
            with watch.tick():
                window = np.arange(max(0, place + 1 - trace.bins(window_seconds)), place + 1)
                steps = model(trace, window, ends[-1])
                for column, end in enumerate(ends):
                    points[0, column, line] = steps.values[:end].max()
                    for row, level in enumerate(LEVELS):
                        wide = steps.values[:end] + Z[level] * steps.deviations[:end]
                        own[row, column, line] = wide.max()
        return watch.said(points, own)

    return source


class Baseline:
    """Last value, slope and quadratic momentum, blended with a mean by minute or hour."""

    def __init__(self) -> None:
        self._by_minute, self._by_hour = Pattern.empty(), Pattern.empty()

    def __call__(self, trace: Trace, window: IndexVector, n_steps: int) -> Steps:
        """Return the path after the window."""
        values = trace.series.values[window]
        at = trace.series.start_at + window * trace.series.step_seconds
        self._by_minute = self._by_minute.renewed(values, at // 60 % 60)
        self._by_hour = self._by_hour.renewed(values, at // 3600 % 24)
        ahead = np.arange(1, n_steps + 1) * trace.series.step_seconds
        base, is_rising = trend(values, ahead)
        seasonal = self._by_minute.at((at[-1] // 60 + ahead // 60) % 60, is_rising=is_rising)
        hourly = self._by_hour.at((at[-1] // 3600 + ahead // 3600) % 24, is_rising=is_rising)
        seasonal = np.where(np.isnan(seasonal), hourly, seasonal)
        return Steps(blended(base, seasonal), np.full(n_steps, self._deviation(values)))

    def _deviation(self, values: FloatVector) -> float:
        """Return the mean deviation over all buckets that have one."""
        spreads = np.r_[self._by_minute.deviations, self._by_hour.deviations]
        spreads = spreads[spreads > 0]
        return float(spreads.mean() if spreads.size else values.std(ddof=1))


def trend(values: FloatVector, ahead: FloatVector) -> tuple[FloatVector, bool]:
    """Return the quadratic path at seconds ahead, and whether its momentum is positive."""
    half = values.size // 2
    momentum = 0.0
    if values.size >= MIN_MOMENTUM:
        momentum = slope(values[half:]) - slope(values[:half])
    path = values[-1] + slope(values) * ahead + 0.5 * momentum * ahead**2 / 60.0
    return path, momentum > 0


def arima() -> Model:
    """Return its ARIMA(1,1,1): last value plus a tenth of coefficients times values, damped."""
    return _arima


def sarima() -> Model:
    """Return its SARIMA(1,1,1)(1,1,1,24): the seasonal terms are fitted and never read."""
    return _sarima


def _arima(trace: Trace, window: IndexVector, n_steps: int) -> Steps:
    values = trace.series.values[window]
    return _damped(values, np.diff(values), n_steps)


def _sarima(trace: Trace, window: IndexVector, n_steps: int) -> Steps:
    values = trace.series.values[window]
    season = 24
    changes = np.diff(values)
    changes = changes[season:] - changes[:-season]
    centred = changes - changes.mean()
    return _damped(values, changes, n_steps, lagged=(autocorrelation(centred, season), season))


def slope(values: FloatVector) -> float:
    """Return the least-squares slope of the last ten points, a minute apart, per second."""
    window = values[-N_SLOPE:]
    places = np.arange(window.size) - (window.size - 1) / 2
    scale = float(places @ places)
    return float(places @ window) / scale / 60.0 if scale > 0 else 0.0


def blended(base: FloatVector, seasonal: FloatVector) -> FloatVector:
    """Return trend and season in the shares that their ratio gives; trend alone without season."""
    ratio = seasonal / (base + 1.0)
    share = np.select([ratio > 1.5, ratio > 1.2, ratio < 0.8], [0.8, 0.7, 0.6], 0.5)  # noqa: PLR2004
    mixed = np.where(np.isnan(seasonal), base, (1 - share) * base + share * seasonal)
    return np.asarray(np.maximum(mixed, 0.0))


@dataclass(frozen=True, slots=True)
class Pattern:
    """Mean, maximum and deviation by bucket; NaN where a bucket has fewer than two values."""

    means: FloatVector
    maxima: FloatVector
    deviations: FloatVector

    @classmethod
    def empty(cls) -> "Pattern":
        """Return the pattern of nothing."""
        return cls(*np.full((3, N_BUCKETS), np.nan))

    def renewed(self, values: FloatVector, buckets: FloatVector) -> "Pattern":
        """Return the pattern with the buckets renewed that have at least two of the values."""
        places = buckets.astype(int)
        counts = np.bincount(places, minlength=N_BUCKETS)
        seen = counts >= 2  # noqa: PLR2004 - its own minimum
        means = np.bincount(places, values, minlength=N_BUCKETS) / np.maximum(counts, 1)
        maxima = np.full(N_BUCKETS, -np.inf)
        np.maximum.at(maxima, places, values)
        squares = np.bincount(places, (values - means[places]) ** 2, minlength=N_BUCKETS)
        deviations = np.sqrt(squares / np.maximum(counts - 1, 1))
        return Pattern(
            np.where(seen, means, self.means),
            np.where(seen, maxima, self.maxima),
            np.where(seen, deviations, self.deviations),
        )

    def at(self, buckets: FloatVector, *, is_rising: bool) -> FloatVector:
        """Return the mean, or 0.7 mean + 0.3 maximum while demand gathers pace."""
        places = buckets.astype(int)
        means = self.means[places]
        return 0.7 * means + 0.3 * self.maxima[places] if is_rising else means


def autocorrelation(values: FloatVector, lag: int) -> float:
    """Return the biased autocorrelation; 0 of a constant."""
    centred = values - values.mean()
    whole = float(centred @ centred)
    return float(centred[:-lag] @ centred[lag:]) / whole if whole > 0 else 0.0


def _damped(
    values: FloatVector,
    changes: FloatVector,
    n_steps: int,
    *,
    lagged: tuple[float, int] = (0.0, 0),
) -> Steps:
    centred = changes - changes.mean()
    coefficient = autocorrelation(centred, 1)
    residuals = centred[1:] - coefficient * centred[:-1]
    seasonal, season = lagged
    if season:
        residuals = residuals[season - 1 :] - seasonal * centred[:-season]
    last = values[-1]
    moved = autocorrelation(residuals, 1) * residuals[-1]
    path = np.empty(n_steps)
    path[0] = last + 0.1 * (coefficient * last + moved)
    for step in range(n_steps):
        if step:
            damping = 1.0 / (1.0 + 0.1 * step)
            path[step] = (0.9 * last + 0.1 * path[step - 1]) * damping + last * (1 - damping)
        path[step] = min(max(path[step], 0.0), 2 * last + 100)
    growth = np.sqrt(1.0 + 0.1 * np.arange(n_steps))
    return Steps(path, residuals.std() * growth)
