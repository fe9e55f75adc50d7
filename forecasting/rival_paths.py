"""Rivals that forecast a path, refitted once a day; their bound is the path's largest value."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.forecast import Forecast
from forecasting.forecaster import Task
from forecasting.localtime import DAY_SECONDS
from forecasting.rivals import answered, newest
from forecasting.series import Series
from forecasting.windows import n_steps

MEAN_SECONDS = 900.0  # Holt-Winters on minutes follows noise; a season has 96 quarters of an hour
HOUR_SECONDS = 3600.0


def filled(values: FloatVector) -> FloatVector:
    """Return the values with gaps bridged in a straight line and the ends held."""
    known = np.flatnonzero(~np.isnan(values))
    if known.size == 0:
        return values
    return np.interp(np.arange(values.size), known, values[known])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """What of each new error goes into level, trend and season."""

    level: float
    trend: float
    season: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Additive Holt-Winters after its newest bin; `seasons` (m,), the next bin's first."""

    level: float
    trend: float
    seasons: FloatVector

    def after(self, values: FloatVector, gains: Gains) -> "State":
        """Return the state after further bins (Holt 1957, Winters 1960)."""
        level, trend, seasons = self.level, self.trend, self.seasons.tolist()
        for value in values.tolist():
            season = seasons.pop(0)
            before = level
            level = gains.level * (value - season) + (1 - gains.level) * (level + trend)
            trend = gains.trend * (level - before) + (1 - gains.trend) * trend
            seasons.append(gains.season * (value - level) + (1 - gains.season) * season)
        return State(level=level, trend=trend, seasons=np.array(seasons))

    def path(self, n_bins: int) -> FloatVector:
        """Return the next bins."""
        line = self.level + self.trend * np.arange(1, n_bins + 1)
        return np.asarray(line + np.resize(self.seasons, n_bins), dtype=np.float64)


def started(values: FloatVector, n_season: int) -> State:
    """Return the state after the first two seasons, by their means (Hyndman 2008, 2.6.1)."""
    first, second = values[:n_season], values[n_season : 2 * n_season]
    trend = float((second.mean() - first.mean()) / n_season)
    slope = trend * (np.arange(n_season) - (n_season - 1) / 2)
    seasons = first - first.mean() - slope
    level = float(first.mean() + trend * (n_season - 1) / 2)
    return State(level=level, trend=trend, seasons=seasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoltWinters:
    """Additive Holt-Winters with a season of a day, kept up to date at every bin.

    With `gains` None they are fitted by statsmodels, once a day, on means of `bin_seconds`. With
    given gains it is what a predictive HPA does: its documentation has 0.9 for all three and it
    looks exactly one step ahead (jthomperoo/predictive-horizontal-pod-autoscaler).
    """

    method: str
    n_days: int
    gains: Gains | None = None
    bin_seconds: float = 0.0  # 0: the series' own step
    is_one_step: bool = False

    def fit(self, history: Series, task: Task) -> "FittedHoltWinters":
        """Return the model; without two whole days the newest value stands in for it."""
        n_bin = max(1, round(self.bin_seconds / history.step_seconds))
        n_season = round(DAY_SECONDS / (n_bin * history.step_seconds))
        n_known = min(self.n_days * n_season * n_bin, len(history) // n_bin * n_bin)
        known = history.values[len(history) - n_known :]
        fitted_at, state, gains = history.end_at, None, self.gains
        if known.size >= 2 * n_season * n_bin and not np.isnan(known).all():
            bins = filled(known).reshape(-1, n_bin).mean(axis=1)
            gains = gains or _fitted_gains(bins, n_season)
            state = started(bins, n_season).after(bins[n_season:], gains)
        return FittedHoltWinters(
            model=self, task=task, n_bin=n_bin, fitted_at=fitted_at, state=state, gains=gains
        )


def _fitted_gains(bins: FloatVector, n_season: int) -> Gains:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415 - a second of imports

    model = ExponentialSmoothing(
        bins,
        trend="add",
        seasonal="add",
        seasonal_periods=n_season,
        initialization_method="heuristic",
    )
    found = model.fit().params
    return Gains(
        level=float(found["smoothing_level"]),
        trend=float(found["smoothing_trend"]),
        season=float(found["smoothing_seasonal"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHoltWinters:
    """The model after its fit, with the state at that moment."""

    model: HoltWinters
    task: Task
    n_bin: int
    fitted_at: float
    state: State | None
    gains: Gains | None

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.model.method

    def forecast(self, history: Series) -> Forecast:
        """Return the largest value of the path over the window, or its first one."""
        if self.state is None or self.gains is None:
            return answered(history, self.task, self.method, newest(history))
        since = history.between(self.fitted_at + history.step_seconds, history.end_at).values
        n_whole = since.size // self.n_bin
        held = np.concatenate(([newest(history.between(history.start_at, self.fitted_at))], since))
        bins = filled(held)[1 : 1 + n_whole * self.n_bin].reshape(-1, self.n_bin).mean(axis=1)
        state = self.state.after(bins, self.gains)
        # The window begins inside the next bin, so it reaches into one more.
        n_ahead = since.size % self.n_bin + n_steps(self.task.horizon_seconds, history.step_seconds)
        n_bins = 1 if self.model.is_one_step else ceil(n_ahead / self.n_bin)
        return answered(history, self.task, self.method, float(state.path(n_bins).max()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fourier:
    """The strongest cycles of the last days, repeated, times a margin: as Crane's DSP predictor.

    Whole days of at most 14, the `n_cycles` largest components with a period of an hour or more,
    margin 1.15 (gocrane/crane tries 1.01 to 1.2 and takes what fits best). Needs two days.
    """

    method: str = "crane-like"
    n_days: int = 14
    n_cycles: int = 20
    margin: float = 1.15

    def fit(self, history: Series, task: Task) -> "FittedFourier":
        """Return the path that repeats what was kept."""
        n_day = round(DAY_SECONDS / history.step_seconds)
        n_days = min(self.n_days, len(history) // n_day)
        known = history.values[len(history) - n_days * n_day :]
        cycle = np.empty(0)
        if n_days > 1 and not np.isnan(known).all():
            cycle = self._kept(filled(known), history.step_seconds)
        return FittedFourier(model=self, task=task, fitted_at=history.end_at, cycle=cycle)

    def _kept(self, known: FloatVector, step_seconds: float) -> FloatVector:
        spectrum = np.fft.rfft(known)
        periods = known.size * step_seconds / np.maximum(np.arange(spectrum.size), 1)
        strength = np.where(periods >= HOUR_SECONDS, np.abs(spectrum), 0.0)
        strength[0] = np.inf  # the mean
        dropped = np.argsort(strength)[: max(0, spectrum.size - 1 - self.n_cycles)]
        spectrum[dropped] = 0.0
        return np.asarray(np.fft.irfft(spectrum, known.size), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedFourier:
    """The kept cycles; `cycle` (n,) begins one step after the fit, empty without a model."""

    model: Fourier
    task: Task
    fitted_at: float
    cycle: FloatVector

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.model.method

    def forecast(self, history: Series) -> Forecast:
        """Return the largest value over the window, with its margin."""
        if self.cycle.size == 0:
            return answered(history, self.task, self.method, newest(history))
        step = history.step_seconds
        first = round((history.end_at - self.fitted_at) / step)
        places = first + np.arange(n_steps(self.task.horizon_seconds, step))
        peak = float(self.cycle[places % self.cycle.size].max())
        return answered(history, self.task, self.method, self.model.margin * peak)
