"""What past days say about a time of day: the features that rest on nothing of today.

They are known most of a day ahead, so that a tick finds them worked out (`foresight`).
"""

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.localtime import day_angle
from forecasting.past import Past, first_known, mean_known
from forecasting.running import LEVEL_SECONDS

N_WEEK_DAYS = 7
N_COLUMNS = 25
SMOOTHING_SECONDS = 900.0


def read_usual(past: Past, places: FloatVector) -> FloatMatrix:
    """Return what past days say at grid points `places` (n,), a line each, (25, n).

    In the order of `shape`; levels are logarithms, not yet relative to that of today.
    """
    days = past.past_days(places, N_WEEK_DAYS)
    peaks = past.logs(past.known_peak(days, now=places))
    lengths = (3600.0, *[LEVEL_SECONDS] * len(days))
    hour_before, *levels = past.logs(past.means(np.concatenate((days[:1], days)), lengths))
    next_window = past.logs(past.known_peak(days[0] + past.n_horizon, now=places))
    highest, lowest, middle = _range(peaks)
    core = [
        peaks[0],
        levels[0],
        mean_known(peaks[:3]),
        first_known([peaks[6], peaks[0]]),
        first_known([levels[6], levels[0]]),
        *_clock(past, places),
    ]
    more = [next_window, highest, lowest, middle, levels[0] - hour_before]
    return np.stack([*core, *more, *_rises(past, places, days, peaks - levels)])


def _range(peaks: FloatMatrix) -> tuple[FloatVector, FloatVector, FloatVector]:
    """Return the highest, the lowest and the middle of what is known in each column."""
    ranked = np.sort(peaks, axis=0)  # NaN last
    last = np.maximum(np.count_nonzero(~np.isnan(peaks), axis=0) - 1, 0)
    columns = np.arange(peaks.shape[1])
    return ranked[last, columns], ranked[0], ranked[last // 2, columns]


def _rises(
    past: Past, places: FloatVector, days: FloatMatrix, exact: FloatMatrix
) -> list[FloatVector]:
    """Return how far demand rose above its level after this time on past days.

    `exact` holds the rises at the very grid points, (7, n); around them they are read on a grid
    of five minutes, and only those whose window had ended.
    """
    sums = past.sums
    n_side = round(SMOOTHING_SECONDS / (sums.stride * past.history.step_seconds))
    known = sums.rank(places - past.n_horizon)
    ranks = sums.rank(days)
    ends = np.minimum(ranks + n_side, known)
    n_around = (2 * n_side + 1 - (ranks + n_side - ends)).astype(np.intp)
    smoothed = sums.mean_rise(ends, np.maximum(n_around, 0))
    three = exact[:3]
    return [
        exact[0],
        mean_known(three),
        np.fmax.reduce(three, axis=0),
        mean_known(exact),
        np.fmax.reduce(exact, axis=0),
        np.fmin.reduce(exact, axis=0),
        smoothed[0],
        mean_known(smoothed[:3]),
        mean_known(smoothed),
        first_known([smoothed[6], smoothed[0]]),
    ]


def _clock(past: Past, places: FloatVector) -> FloatMatrix:
    """Return two harmonics of the local day and a weekend flag, (5, n)."""
    times = past.times(places)
    angle = day_angle(times, past.task.zone)
    waves = [wave(n * angle) for n in (1, 2) for wave in (np.sin, np.cos)]
    return np.stack([*waves, past.is_free(past.days(places)).astype(np.float64)])
