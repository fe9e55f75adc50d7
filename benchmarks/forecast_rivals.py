"""Rivals of the forecast benchmark, re-implemented as honestly as their size allows.

Path methods are refitted every 24 hours on what was known then, as their users would. `+conf`
adds the rolling conformal offset of the protocol, which none of them ships.
"""

from collections.abc import Callable
from math import ceil
from time import perf_counter

import numpy as np
from forecast_protocol import Case, Method
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from forecasting.arrays import FloatVector

HOUR_SECONDS = 3600.0
Path = Callable[[FloatVector, int], FloatVector]
"""Takes the values known so far and a number of bins; gives the path after them."""


def last(case: Case) -> FloatVector:
    """Return the newest value."""
    return np.asarray(case.series.values[case.origins])


def reactive(case: Case) -> FloatVector:
    """1.25 times the mean of the last three minutes: what a target of 80 % leaves as headroom."""
    n_window = max(1, round(180 / case.series.step_seconds))
    ahead = case.origins[:, None] - np.arange(n_window)
    return np.asarray(1.25 * case.series.values[ahead].mean(axis=1))


def yesterday(case: Case) -> FloatVector:
    """Return the peak of the same window yesterday: the yardstick itself."""
    return case.peaks(case.origins - case.bins_per_day)


def time_of_day(case: Case) -> FloatVector:
    """Return the quantile of peaks at this time of day, a quarter of an hour around."""
    stride = max(1, round(300 / case.series.step_seconds))
    around = stride * np.arange(-3, 4)
    found = np.empty(case.origins.size)
    for line, place in enumerate(case.origins):
        days = place - case.bins_per_day * np.arange(1, 29)
        weekday = [_is_weekend(case, day) == _is_weekend(case, place) for day in days]
        usable = (days - abs(around[0]) >= 0) & (days + around[-1] + case.n_horizon <= place)
        like = usable & np.array(weekday)
        chosen = days[like if like.sum() > 1 else usable]
        peaks = case.peaks((chosen[:, None] + around).ravel()) if chosen.size else None
        found[line] = case.series.values[place] if peaks is None else np.quantile(peaks, case.level)
    return found


def _is_weekend(case: Case, place: int) -> bool:
    day = (case.series.start_at + place * case.series.step_seconds) // 86_400
    return bool((day + 3) % 7 >= 5)  # noqa: PLR2004 - Saturday


def holt_winters(case: Case) -> FloatVector:
    """Additive Holt-Winters on 15-minute means of ten days, as predictive HPAs use it."""

    def path(known: FloatVector, n_bins: int) -> FloatVector:
        n_mean = max(1, round(900 / case.series.step_seconds))
        known = known[-10 * case.bins_per_day :]
        means = known[known.size % n_mean :].reshape(-1, n_mean).mean(axis=1)
        season = round(case.bins_per_day / n_mean)
        if means.size < 2 * season:
            return np.full(n_bins, known[-1])
        model = ExponentialSmoothing(
            means, trend="add", seasonal="add", seasonal_periods=season,
            initialization_method="heuristic" if means.size >= 2 * season else "estimated",
        )  # fmt: skip
        return np.repeat(model.fit().forecast(ceil(n_bins / n_mean)), n_mean)[:n_bins]

    return _by_path(case, path)


def fourier(case: Case) -> FloatVector:
    """Return the 20 largest components with periods of an hour or more of 14 days: like Crane's."""

    def path(known: FloatVector, n_bins: int) -> FloatVector:
        known = known[-14 * case.bins_per_day :]
        days = known.size // case.bins_per_day
        known = known[-days * case.bins_per_day :]
        spectrum = np.fft.rfft(known)
        periods = known.size / np.maximum(np.arange(spectrum.size), 1)
        spectrum[periods * case.series.step_seconds < HOUR_SECONDS] = 0
        weakest = np.argsort(np.abs(spectrum[1:]))[: max(0, spectrum.size - 1 - 20)] + 1
        spectrum[weakest] = 0
        again = np.fft.irfft(spectrum, known.size)
        return np.resize(again, n_bins)

    return 1.15 * _by_path(case, path)


def kalman_trend(case: Case) -> FloatVector:
    """Return the mean path of a local linear trend (level noise 1, trend 0.1, observation 10)."""
    values = case.series.values
    scale = max(float(values[: case.origins[0]].std()), 1e-9)
    noise = np.diag([1.0, 0.1])
    move = np.array([[1.0, 1.0], [0.0, 1.0]])
    state, spread = np.array([values[0] / scale, 0.0]), np.eye(2) * 10
    found = np.full(values.size, np.nan)
    for place, value in enumerate(values / scale):
        state, spread = move @ state, move @ spread @ move.T + noise
        gain = spread[:, 0] / (spread[0, 0] + 10.0)
        state = state + gain * (value - state[0])
        spread = spread - np.outer(gain, spread[0])
        found[place] = scale * max(state[0] + state[1], state[0] + case.n_horizon * state[1])
    return np.asarray(found[case.origins])


def _by_path(case: Case, path: Path) -> FloatVector:
    """Return the peaks of a path that is forecast anew every 24 hours."""
    found = np.empty(case.origins.size)
    begin, ahead = -1, np.empty(0)
    for line, place in enumerate(case.origins):
        if begin < 0 or place - begin >= case.bins_per_day:
            begin = int(place)
            ahead = path(case.series.values[: begin + 1], case.bins_per_day + case.n_horizon)
        first = place - begin
        found[line] = ahead[first : first + case.n_horizon].max()
    return found


def as_shipped(bounds: Callable[[Case], FloatVector]) -> Method:
    """Return the method as its users get it."""

    def method(case: Case) -> tuple[FloatVector, float, float]:
        begun = perf_counter()
        found = bounds(case)
        return found, 0.0, (perf_counter() - begun) / case.origins.size

    return method


def calibrated(bounds: Callable[[Case], FloatVector]) -> Method:
    """Return the method with the protocol's rolling conformal offset in logarithms."""

    def method(case: Case) -> tuple[FloatVector, float, float]:
        begun = perf_counter()
        raw = np.maximum(bounds(case), 0.0)
        offset = 0.02 * float(case.series.values.mean()) + 1e-9
        logs = np.log(raw + offset)
        errors = np.log(case.peaks(case.origins) + offset) - logs
        lag = ceil(case.n_horizon / case.origin_bins) + 1
        n_window = round(case.calibration_days * case.bins_per_day / case.origin_bins)
        found = raw.copy()
        for line in range(raw.size):
            known = errors[max(0, line - lag - n_window) : max(0, line - lag)]
            if known.size:
                shift = np.quantile(known, case.level)
                found[line] = np.exp(logs[line] + shift) - offset
        return found, 0.0, (perf_counter() - begun) / case.origins.size

    return method


RIVALS: dict[str, Method] = {
    "seasonal naive": as_shipped(yesterday),
    "seasonal naive +conf": calibrated(yesterday),
    "last +conf": calibrated(last),
    "reactive x1.25": as_shipped(reactive),
    "time of day +conf": calibrated(time_of_day),
    "Holt-Winters": as_shipped(holt_winters),
    "Holt-Winters +conf": calibrated(holt_winters),
    "FFT x1.15": as_shipped(fourier),
    "FFT +conf": calibrated(fourier),
    "Kalman trend": as_shipped(kalman_trend),
    "Kalman trend +conf": calibrated(kalman_trend),
}
