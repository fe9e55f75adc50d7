"""Grid steps in a time, strides that see every time of the day, peaks of windows ahead."""

from functools import lru_cache
from math import ceil, gcd

import numpy as np

from forecasting.arrays import FloatVector

_DAYS_TO_COVER = 4
MIN_OBSERVED_RATIO = 0.8  # a window seen by less hides its peak too often to learn from


def n_steps(seconds: float, step_seconds: float) -> int:
    """Return how many grid steps cover `seconds`, at least one."""
    return max(1, ceil(seconds / step_seconds - 1e-9))


@lru_cache(maxsize=64)  # a search, asked for at every tick
def drifting_steps(seconds: float, step_seconds: float) -> int:
    """Return a stride of about `seconds`, in grid steps, whose phase moves from day to day.

    Rows spaced by ten minutes see each day at one phase only: the five minutes before a daily
    spike may be in none of them. The stride shares no factor with the steps of a week, and four
    days of it leave the shortest stretch of the day unseen (13 for a minute: at most 4 minutes).
    """
    day = max(1, round(86_400.0 / step_seconds))
    wanted = max(1, round(seconds / step_seconds))
    near = range(max(1, 3 * wanted // 4), 3 * wanted + 1)
    candidates = [n for n in near if gcd(n, 7 * day) == 1] or [1]
    return min(candidates, key=lambda n: (_longest_gap(day, n), abs(n - wanted)))


def _longest_gap(day: int, stride: int) -> int:
    """Return the longest stretch of steps that no row of four days falls into."""
    phases = sorted({(-day * k) % stride for k in range(_DAYS_TO_COVER)})
    ends = [*phases[1:], phases[0] + stride]
    return max(end - begin for begin, end in zip(phases, ends, strict=True))


def trailing_maximum(values: FloatVector, n_window: int) -> FloatVector:
    """Return the maximum of the observed among the last `n_window` points, at each point, (n,).

    Built by doubling: a window of 2k is the larger of two windows of k, so the cost is
    n log(n_window).
    """
    longest = np.array(values, dtype=np.float64)
    width = 1
    while width < min(n_window, values.size):
        shift = min(width, n_window - width)
        longest[shift:] = np.fmax(longest[shift:], longest[:-shift].copy())
        width += shift
    return longest


def window_peak(values: FloatVector, n_horizon: int) -> FloatVector:
    """Return the maximum of the `n_horizon` points *after* each point, (n,).

    NaN where the window reaches beyond the series or less than `MIN_OBSERVED_RATIO` of it was
    observed: a maximum over a gap would be too low.
    """
    peaks = np.full(values.size, np.nan)
    if values.size <= n_horizon:
        return peaks
    maxima = trailing_maximum(values, n_horizon)
    seen = np.concatenate(([0], np.cumsum(~np.isnan(values))))
    n_seen = seen[n_horizon + 1 :] - seen[1 : values.size - n_horizon + 1]
    enough = n_seen >= MIN_OBSERVED_RATIO * n_horizon
    peaks[: values.size - n_horizon] = np.where(enough, maxima[n_horizon:], np.nan)
    return peaks
