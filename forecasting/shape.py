"""The wide feature set: recent shape, the same time on past days, restlessness, the clock.

Everything about demand is relative to the recent level, in logarithms, so that a series that has
grown or shrunk since the fit still looks like the one that was learnt. What was not observed is
NaN here; a model reads it as "like the average of training". When the newest observations are
missing, recent shape is that of the last one that was seen.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector
from forecasting.past import Past
from forecasting.running import LEVEL_SECONDS
from forecasting.usual import N_COLUMNS, read_usual

_MEANS = (LEVEL_SECONDS, 300.0, 3600.0, 180.0, 600.0, 1800.0, 10_800.0, 86_400.0)
_MAXIMA = (900.0, 3600.0, 300.0, 10_800.0)
_PEAK_AGE_SECONDS = 7200.0
_HOUR_SECONDS, _DAY_SECONDS = 3600.0, 86_400.0

# The columns: the small set first. Those of past days are `usual`'s, the others recent.
_N, _N_CORE = 45, 16
_USUAL = np.r_[5:10, 11:16, 22:27, 31:41]
_RECENT = np.setdiff1d(np.arange(_N), _USUAL)
_RISE_OF_THE_HOUR = 26  # this hour against the same one yesterday: of both kinds
_RELATIVE = np.isin(np.arange(_N), np.r_[0:10, 16:27])
_IS_CORE = np.arange(_N) < _N_CORE
assert len(_USUAL) == N_COLUMNS  # noqa: S101 - two tables that must agree
# Of the means: 5 minutes and an hour in the small set, then 3, 10, 30, 180 minutes.
_LEVEL, _MEAN_OF_HOUR, _MEAN_OF_DAY = 0, 2, 7
_SPREAD_OF = _MEANS.index(3600.0)
_MOVES_OF = [_MEANS.index(seconds) for seconds in (900.0, 3600.0, 86_400.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Rows of features with the level that they are relative to.

    `rows` is (n, k), `is_core` (k,) marks the small set, which comes first, `log_level` is (n,).
    """

    rows: FloatMatrix
    is_core: BoolVector
    log_level: FloatVector

    @property
    def core(self) -> FloatMatrix:
        """The small set, (n, k_core)."""
        return self.rows[:, :_N_CORE]

    def only(self, chosen: BoolVector) -> "Features":
        """Return the rows that are chosen, a mask of (n,)."""
        return Features(
            rows=self.rows[chosen], is_core=self.is_core, log_level=self.log_level[chosen]
        )


def read_features(past: Past, places: FloatVector, usual: FloatMatrix | None = None) -> Features:
    """Return the features at grid points `places`, (n,).

    `usual` is what `read_usual` says there, where that was worked out before.
    """
    columns = np.empty((_N, places.size))
    columns[_USUAL] = read_usual(past, places) if usual is None else usual
    recent = _recent_at(past, places) if places.size == 1 else None
    values, log_means = recent if recent is not None else _recent(past, places)
    columns[_RECENT] = values
    columns[_RISE_OF_THE_HOUR] += log_means[_MEAN_OF_HOUR]
    log_level = log_means[_LEVEL]
    np.subtract(columns, log_level, out=columns, where=_RELATIVE[:, None])
    return Features(rows=np.ascontiguousarray(columns.T), is_core=_IS_CORE, log_level=log_level)


def _recent(past: Past, places: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
    """Return the columns that rest on the last day, (20, n), and the logarithms of the means."""
    here = past.newest(places)
    ends = np.broadcast_to(here, (len(_MEANS), *here.shape))
    log_means = past.logs(past.means(ends, _MEANS))
    maxima = [past.logs(past.maximum(here, seconds)) for seconds in _MAXIMA]
    lengths = np.array([[past.steps(seconds)] for seconds in (900.0, 3600.0, 86_400.0)])
    spreads, squares = past.sums.restlessness(here, lengths)
    recent = past.window(here, past.steps(_PEAK_AGE_SECONDS))
    filled = np.where(np.isnan(recent), -1.0, recent)[:, ::-1]
    lines = [
        past.logs(past.value(here)),
        *log_means[1:3],
        *maxima[:2],
        spreads[1],
        *log_means[3:7],
        *maxima[2:],
        *np.log(np.sqrt(squares) + 1e-4),
        np.log1p(filled.argmax(axis=1) * past.history.step_seconds / 60.0),
        *_recent_rises(past, places),
        log_means[_LEVEL] - log_means[_MEAN_OF_DAY],
    ]
    return np.stack(lines), log_means


def _recent_rises(past: Past, places: FloatVector) -> list[FloatVector]:
    """Return how far demand rose above its level of late: over an hour, at most, over a day."""
    sums = past.sums
    known = sums.rank(places - past.n_horizon)
    n_hour, n_day = _rise_lengths(past)
    lengths = np.broadcast_to(np.array([[n_hour], [n_day]]), (2, places.size))
    of_hour, of_day = sums.mean_rise(np.broadcast_to(known, (2, places.size)), lengths)
    recent = sums.rises(known[:, None] - np.arange(n_hour))
    return [of_hour, np.fmax.reduce(recent, axis=1), of_day]


def _rise_lengths(past: Past) -> tuple[int, int]:
    stride = past.sums.stride
    return tuple(max(1, past.steps(s) // stride) for s in (_HOUR_SECONDS, _DAY_SECONDS))  # type: ignore[return-value]


def _recent_at(past: Past, places: FloatVector) -> tuple[FloatMatrix, FloatMatrix] | None:
    """Return what `_recent` says of one place, to the bit, at a fraction of the calls.

    None where something is missing that has to be minded.
    """
    place = int(places[0])
    values, sums = past.history.values, past.sums
    if not 0 <= place < values.size:
        return None
    found = sums.recent(place, past.n_points(_MEANS))
    n_hour, n_day = _rise_lengths(past)
    rises = sums.recent_rises(place - past.n_horizon, np.array([n_hour, n_day]), n_hour)
    value = values[place]
    if found is None or rises is None or np.isnan(value):
        return None
    means, spreads, squares = found
    trail = past.trail(place)
    levels = np.empty(1 + len(_MAXIMA) + len(_MEANS))
    levels[0] = value
    levels[1:5] = trail[np.minimum(past.n_points(_MAXIMA), trail.size) - 1]
    levels[5:] = means
    logs = past.logs(levels)
    log_means = logs[5:]
    latest = values[max(0, place + 1 - past.steps(_PEAK_AGE_SECONDS)) : place + 1][::-1]
    age = np.where(np.isnan(latest), -1.0, latest).argmax()
    columns = np.empty((len(_RECENT), 1))
    column = columns[:, 0]
    column[0] = logs[0]
    column[1:3] = log_means[1:3]
    column[3:5] = logs[1:3]
    column[5] = spreads[_SPREAD_OF]
    column[6:10] = log_means[3:7]
    column[10:12] = logs[3:5]
    column[12:15] = np.log(np.sqrt(squares[_MOVES_OF]) + 1e-4)
    column[15] = np.log1p(age * past.history.step_seconds / 60.0)
    column[16], column[18], column[17] = rises
    column[19] = log_means[_LEVEL] - log_means[_MEAN_OF_DAY]
    return columns, log_means[:, None]
