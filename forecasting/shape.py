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

N_WEEK_DAYS = 7
_GRID_SECONDS = 300.0  # how densely rises of the past are read
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
    log_level = past.logs(past.level(here))
    relative_core, relative_more = _demand(past, places, here)
    shape_core, shape_more = _restlessness(past, here)
    core = [column - log_level for column in relative_core] + shape_core + _clock(past, places)
    more = [column - log_level for column in relative_more] + shape_more
    more += _rises(past, places, here)
    day_mean = past.logs(past.mean(here, 86_400.0))
    more.append(log_level - day_mean)
    rows = np.stack(core + more, axis=1)
    is_core = np.arange(rows.shape[1]) < len(core)
    return Features(rows=rows, is_core=is_core, log_level=log_level)


def _demand(
    past: Past, places: FloatVector, here: FloatVector
) -> tuple[list[FloatVector], list[FloatVector]]:
    """Return logarithms of demand, recent and at the same time on past days."""
    days = past.past_days(places, N_WEEK_DAYS)
    peaks = past.logs(past.known_peak(days, now=places))
    levels = past.logs(past.level(days))
    means = [past.logs(past.mean(here, minutes * 60.0)) for minutes in (5, 60, 3, 10, 30, 180)]
    maxima = [past.logs(past.maximum(here, minutes * 60.0)) for minutes in (15, 60, 5, 180)]
    next_window = past.known_peak(days[0] + past.n_horizon, now=places)
    core = [
        past.logs(past.value(here)),
        *means[:2],
        *maxima[:2],
        peaks[0],
        levels[0],
        mean_known(peaks[:3]),
        first_known([peaks[6], peaks[0]]),
        first_known([levels[6], levels[0]]),
    ]
    week = np.sort(peaks, axis=0)  # NaN last
    n_known = np.count_nonzero(~np.isnan(week), axis=0)
    columns = np.arange(places.size)
    highest = week[np.maximum(n_known - 1, 0), columns]
    middle = week[np.maximum(n_known - 1, 0) // 2, columns]
    more = [*means[2:], *maxima[2:], past.logs(next_window), highest, week[0], middle]
    more.append(levels[0] - past.logs(past.mean(days[0], 3600.0)) + means[1])
    return core, more


def _restlessness(past: Past, here: FloatVector) -> tuple[list[FloatVector], list[FloatVector]]:
    """Return how much demand moves from step to step, and how long its last peak is ago."""
    hour = past.logs(past.window(here, past.steps(3600.0)))
    mean = mean_known(hour, axis=1)
    spread = np.sqrt(mean_known((hour - mean[:, None]) ** 2, axis=1))
    moves = []
    for seconds in (900.0, 3600.0, 86_400.0):
        n_window = min(past.steps(seconds), 288)
        stride = max(1, past.steps(seconds) // n_window)
        ends = here[:, None] - stride * np.arange(n_window)
        step = past.logs(past.value(ends)) - past.logs(past.value(ends - 1))
        moves.append(np.log(np.sqrt(mean_known(step**2, axis=1)) + 1e-4))
    recent = past.window(here, past.steps(7200.0))
    filled = np.where(np.isnan(recent), -1.0, recent)[:, ::-1]
    since = np.log1p(filled.argmax(axis=1) * past.history.step_seconds / 60.0)
    return [spread], [*moves, since]


def _rises(past: Past, places: FloatVector, here: FloatVector) -> list[FloatVector]:
    """Return how far demand rose above its level after this time on past days, and of late."""
    days = past.past_days(places, N_WEEK_DAYS)
    stride = past.steps(_GRID_SECONDS)
    n_side = int(_SMOOTHING_SECONDS / (stride * past.history.step_seconds))
    around = stride * np.arange(-n_side, n_side + 1)
    latest = here - past.n_horizon
    late = stride * np.arange(past.steps(86_400.0) // stride)
    n_hour = max(1, past.steps(3600.0) // stride)
    near = days[..., None] + around
    wanted = [near, latest[:, None] - late]
    smooth, realised = _rise_at(past, wanted, now=places)
    exact = past.logs(past.known_peak(days, now=places)) - past.logs(past.level(days))
    smoothed = mean_known(smooth, axis=2)
    three, week = exact[:3], exact
    return [
        exact[0],
        mean_known(three),
        np.fmax.reduce(three, axis=0),
        mean_known(week),
        np.fmax.reduce(week, axis=0),
        np.fmin.reduce(week, axis=0),
        smoothed[0],
        mean_known(smoothed[:3]),
        mean_known(smoothed),
        first_known([smoothed[6], smoothed[0]]),
        mean_known(realised[:, :n_hour], axis=1),
        np.fmax.reduce(realised[:, :n_hour], axis=1),
        mean_known(realised, axis=1),
    ]


def _rise_at(past: Past, wanted: list[FloatMatrix], *, now: FloatVector) -> list[FloatMatrix]:
    """Return the rise of the peak over the level at the grid points wanted; reads each once.

    The grid has a point every five minutes of Unix time, so that it does not move with the start
    of the history. Places are (..., n_places, n) and are read at the grid point before them.
    """
    stride = past.steps(_GRID_SECONDS)
    phase = int(past.history.start_at / past.history.step_seconds) % stride
    n_grid = (len(past.history) + phase) // stride + 1
    ranks = [np.floor((places + phase) / stride) for places in wanted]
    held = [np.where((rank >= 0) & (rank < n_grid), rank, n_grid).astype(np.intp) for rank in ranks]
    is_wanted = np.zeros(n_grid + 1, dtype=np.bool_)
    for rank in held:
        is_wanted[rank] = True
    is_wanted[n_grid] = False
    points = np.flatnonzero(is_wanted).astype(np.float64) * stride - phase
    rises = np.full(n_grid + 1, np.nan)
    rises[is_wanted] = past.logs(past.peak(points)) - past.logs(past.level(points))
    last_known = np.floor((now - past.n_horizon + phase) / stride)[:, None]
    return [
        np.where(rank <= last_known, rises[place], np.nan)
        for rank, place in zip(ranks, held, strict=True)
    ]


def _clock(past: Past, places: FloatVector) -> list[FloatVector]:
    """Return two harmonics of the local day and a weekend flag."""
    times = past.times(places)
    angle = day_angle(times, past.task.zone)
    waves = [wave(n * angle) for n in (1, 2) for wave in (np.sin, np.cos)]
    return [*waves, past.is_free(past.days(places)).astype(np.float64)]
