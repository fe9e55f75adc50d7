"""The wide feature set: recent shape, the same time on past days, restlessness, the clock.

Everything about demand is relative to the recent level, in logarithms, so that a series that has
grown or shrunk since the fit still looks like the one that was learnt. What was not observed is
NaN here; a model reads it as "like the average of training". When the newest observations are
missing, recent shape is that of the last one that was seen.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector
from forecasting.localtime import day_angle
from forecasting.past import Past, first_known, mean_known
from forecasting.running import LEVEL_SECONDS

N_WEEK_DAYS = 7
_MEANS = (LEVEL_SECONDS, 300.0, 3600.0, 180.0, 600.0, 1800.0, 10_800.0, 86_400.0)
_SMOOTHING_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Rows of features with the level that they are relative to.

    `rows` is (n, k), `is_core` (k,) marks the small set, `log_level` is (n,).
    """

    rows: FloatMatrix
    is_core: BoolVector
    log_level: FloatVector

    @property
    def core(self) -> FloatMatrix:
        """The small set, (n, k_core)."""
        return self.rows[:, self.is_core]

    def only(self, chosen: BoolVector) -> "Features":
        """Return the rows that are chosen, a mask of (n,)."""
        return Features(
            rows=self.rows[chosen], is_core=self.is_core, log_level=self.log_level[chosen]
        )


def read_features(past: Past, places: FloatVector) -> Features:
    """Return the features at grid points `places`, (n,)."""
    here = past.newest(places)
    days = past.past_days(places, N_WEEK_DAYS)
    peaks = past.logs(past.known_peak(days, now=places))
    # All means are read at once: at a tick, a call costs more than what it works out.
    ends = np.concatenate((np.broadcast_to(here, (len(_MEANS), *here.shape)), days[:1], days))
    lengths = (*_MEANS, 3600.0, *[LEVEL_SECONDS] * len(days))
    log_means = past.logs(past.means(ends, lengths))
    log_level, *means, day_mean, hour_before = log_means[: len(_MEANS) + 1]
    day_levels = log_means[len(_MEANS) + 1 :]
    maxima = [past.logs(past.maximum(here, minutes * 60.0)) for minutes in (15, 60, 5, 180)]
    next_window = past.logs(past.known_peak(days[0] + past.n_horizon, now=places))
    spread, moves = _restlessness(past, here)
    highest, lowest, middle = _range(peaks)
    relative_core = [
        past.logs(past.value(here)),
        *means[:2],
        *maxima[:2],
        peaks[0],
        day_levels[0],
        mean_known(peaks[:3]),
        first_known([peaks[6], peaks[0]]),
        first_known([day_levels[6], day_levels[0]]),
    ]
    relative_more = [
        *means[2:],
        *maxima[2:],
        next_window,
        highest,
        lowest,
        middle,
        day_levels[0] - hour_before + means[1],
    ]
    core = [np.stack(relative_core) - log_level, spread[None], _clock(past, places)]
    rises = _rises(past, places, days, peaks - day_levels)
    more = [np.stack(relative_more) - log_level, moves, rises, (log_level - day_mean)[None]]
    n_core = sum(len(block) for block in core)
    rows = np.concatenate(core + more).T
    return Features(
        rows=np.ascontiguousarray(rows),
        is_core=np.arange(rows.shape[1]) < n_core,
        log_level=log_level,
    )


def _range(peaks: FloatMatrix) -> tuple[FloatVector, FloatVector, FloatVector]:
    """Return the highest, the lowest and the middle of what is known in each column."""
    ranked = np.sort(peaks, axis=0)  # NaN last
    last = np.maximum(np.count_nonzero(~np.isnan(peaks), axis=0) - 1, 0)
    columns = np.arange(peaks.shape[1])
    return ranked[last, columns], ranked[0], ranked[last // 2, columns]


def _restlessness(past: Past, here: FloatVector) -> tuple[FloatVector, FloatMatrix]:
    """Return how much demand moves from step to step, and how long its last peak is ago."""
    lengths = np.array([[past.steps(seconds)] for seconds in (900.0, 3600.0, 86_400.0)])
    spreads, squares = past.sums.restlessness(here, lengths)
    moves = np.log(np.sqrt(squares) + 1e-4)
    recent = past.window(here, past.steps(7200.0))
    filled = np.where(np.isnan(recent), -1.0, recent)[:, ::-1]
    since = np.log1p(filled.argmax(axis=1) * past.history.step_seconds / 60.0)
    return spreads[1], np.concatenate((moves, since[None]))


def _rises(past: Past, places: FloatVector, days: FloatMatrix, exact: FloatMatrix) -> FloatMatrix:
    """Return how far demand rose above its level after this time on past days, and of late.

    `exact` holds the rises at the very grid points, (7, n); around them and of late they are
    read on a grid of five minutes, and only those whose window had ended.
    """
    sums = past.sums
    n_side = round(_SMOOTHING_SECONDS / (sums.stride * past.history.step_seconds))
    known = sums.rank(places - past.n_horizon)
    ends = np.minimum(sums.rank(days) + n_side, known)
    n_around = (2 * n_side + 1 - (sums.rank(days) + n_side - ends)).astype(np.intp)
    n_hour, n_day = (max(1, past.steps(s) // sums.stride) for s in (3600.0, 86_400.0))
    ends = np.concatenate((ends, known[None], known[None]))
    lengths = np.concatenate(
        (
            np.maximum(n_around, 0),
            np.full((1, places.size), n_hour),
            np.full((1, places.size), n_day),
        )
    )
    *smoothed, of_hour, of_day = sums.mean_rise(ends, lengths)
    recent = sums.rises(known[:, None] - np.arange(n_hour))
    three = exact[:3]
    return np.stack(
        [
            exact[0],
            mean_known(three),
            np.fmax.reduce(three, axis=0),
            mean_known(exact),
            np.fmax.reduce(exact, axis=0),
            np.fmin.reduce(exact, axis=0),
            smoothed[0],
            mean_known(np.stack(smoothed[:3])),
            mean_known(np.stack(smoothed)),
            first_known([smoothed[6], smoothed[0]]),
            of_hour,
            np.fmax.reduce(recent, axis=1),
            of_day,
        ]
    )


def _clock(past: Past, places: FloatVector) -> FloatMatrix:
    """Return two harmonics of the local day and a weekend flag, (5, n)."""
    times = past.times(places)
    angle = day_angle(times, past.task.zone)
    waves = [wave(n * angle) for n in (1, 2) for wave in (np.sin, np.cos)]
    return np.stack([*waves, past.is_free(past.days(places)).astype(np.float64)])
