"""A history read at chosen grid points: levels, maxima, peaks ahead, the same time on past days.

Everything is gathered where it is asked for, so that one row at a tick and ten thousand rows at
a fit run the same code at the cost of what they ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector, IndexVector
from forecasting.forecaster import Task
from forecasting.localtime import day_number, falls_on_weekend, same_clock_times
from forecasting.running import LEVEL_SECONDS, Running
from forecasting.series import Series
from forecasting.windows import MIN_OBSERVED_RATIO, n_steps, trailing_maximum, window_peak

TRAIL_SECONDS = 10_800.0  # the longest of the short maxima
STALE_SECONDS = 3600.0  # a level older than this says nothing about the next minutes
HIDDEN_DAYS = 3  # as long as outcomes correct and weigh, see `walk`
LOG_OFFSET_RATIO = 0.02  # of the mean demand: keeps the logarithm of a quiet minute finite


def log_offset(history: Series) -> float:
    """Return the constant added to demand before a logarithm, in the unit of the series.

    A share of the mean, so that scaling the series changes nothing; 1 when nothing but zeros
    was observed.
    """
    seen = history.values[~np.isnan(history.values)]
    mean = float(seen.mean()) if seen.size else 0.0
    return LOG_OFFSET_RATIO * mean if mean > 0 else 1.0


@dataclass(frozen=True, kw_only=True)
class Past:
    """A history and what is asked of it. `places` are grid points, float vectors of any shape.

    A place outside the history is not known (NaN), and so is whatever rests on too few
    observations.
    """

    history: Series
    task: Task
    offset: float  # added before logarithms, in the unit of the series

    @cached_property
    def n_horizon(self) -> int:
        """Grid points in the window ahead."""
        return n_steps(self.task.horizon_seconds, self.history.step_seconds)

    _trail: tuple[int, FloatVector] | None = field(default=None, init=False, repr=False)
    running: Running | None = None  # from an earlier stage of the history, if there is one

    @cached_property
    def sums(self) -> Running:
        """Running sums up to the end of the history."""
        if self.running is None:
            return Running(self)
        self.running.extend(self)
        return self.running

    @cached_property
    def _whole(self) -> Running:
        """Running sums from the beginning of the history."""
        return Running(self) if self.running is not None and self.sums.first > 0 else self.sums

    @cached_property
    def _peaks(self) -> FloatVector:
        return window_peak(self.history.values, self.n_horizon)

    @cached_property
    def _maxima(self) -> dict[int, FloatVector]:
        return {}

    def _is_cheaper_at_once(self, places: FloatVector, n_window: int) -> bool:
        """Return whether to read windows at every grid point rather than one by one."""
        return places.size * n_window > 4 * len(self.history) > 0

    def steps(self, seconds: float) -> int:
        """Return how many grid points cover `seconds`."""
        return n_steps(seconds, self.history.step_seconds)

    def n_points(self, lengths: tuple[float, ...]) -> IndexVector:
        """Return how many grid points cover each of some lengths in seconds."""
        return _lengths(lengths, self.history.step_seconds)

    def logs(self, values: FloatVector) -> FloatVector:
        """Return ``log(values + offset)``."""
        return np.log(values + self.offset)

    def times(self, places: FloatVector) -> FloatVector:
        """Return Unix seconds."""
        return self.history.start_at + places * self.history.step_seconds

    def value(self, places: FloatVector) -> FloatVector:
        """Return what was observed there."""
        return self._read(self.history.values, places)

    def _read(self, column: FloatVector, places: FloatVector) -> FloatVector:
        """Return the entries of a column (n,) at the places; NaN outside."""
        inside = (places >= 0) & (places < column.size)
        if inside.all():
            return column[places.astype(np.intp)]
        if column.size == 0:
            return np.full(places.shape, np.nan)
        return np.where(inside, column[np.where(inside, places, 0.0).astype(np.intp)], np.nan)

    def window(self, places: FloatVector, n_window: int, *, ahead: bool = False) -> FloatMatrix:
        """Return the `n_window` points up to each place, or after it, (..., n_window)."""
        span = np.arange(1, n_window + 1) if ahead else np.arange(1 - n_window, 1)
        return self.value(places[..., None] + span)

    def mean(self, places: FloatVector, seconds: float) -> FloatVector:
        """Return the mean of what was observed in the `seconds` up to each place, at most a day."""
        return np.asarray(self.means(places[None], [seconds])[0])

    def means(self, places: FloatMatrix, lengths: Sequence[float]) -> FloatMatrix:
        """Return means of several lengths in seconds; line i of the places with length i."""
        n_windows = np.array([self.steps(seconds) for seconds in lengths])
        is_earlier = self.sums.first > 0 and bool(
            (places < self.sums.first + n_windows.max()).any()
        )
        sums = self._whole if is_earlier else self.sums
        return sums.mean(places, n_windows.reshape(-1, *(1 for _ in places.shape[1:])))

    def level(self, places: FloatVector) -> FloatVector:
        """Return the mean of the last quarter of an hour."""
        return self.mean(places, LEVEL_SECONDS)

    def maximum(self, places: FloatVector, seconds: float) -> FloatVector:
        """Return the largest observation in the `seconds` up to each place."""
        n_window = self.steps(seconds)
        if places.shape == (1,):  # a tick: a slice costs a fifth of a gather
            return self._maximum_at(float(places[0]), n_window)
        if not self._is_cheaper_at_once(places, n_window):
            return np.asarray(np.fmax.reduce(self.window(places, n_window), axis=-1))
        if n_window not in self._maxima:
            self._maxima[n_window] = trailing_maximum(self.history.values, n_window)
        return self._read(self._maxima[n_window], places)

    def _maximum_at(self, place: float, n_window: int) -> FloatVector:
        """Return the largest observation in the `n_window` points up to one place, (1,)."""
        if not 0 <= place < len(self.history):  # a stale end is NaN, and in no range
            return np.asarray(np.fmax.reduce(self.window(np.array([place]), n_window), axis=-1))
        last = int(place) + 1
        if n_window <= self.steps(TRAIL_SECONDS):
            trail = self.trail(int(place))
            return trail[min(n_window, trail.size) - 1 :][:1]
        part = self.history.values[max(0, last - n_window) : last]
        return np.asarray(np.fmax.reduce(part, keepdims=True))

    def trail(self, place: int) -> FloatVector:
        """Return the maxima of the last 1, 2, ... points up to one place, for three hours."""
        if self._trail is None or self._trail[0] != place:
            first = max(0, place + 1 - self.steps(TRAIL_SECONDS))
            maxima = np.fmax.accumulate(self.history.values[first : place + 1][::-1])
            object.__setattr__(self, "_trail", (place, maxima))
        return self._trail[1]  # type: ignore[index]

    def peak(self, places: FloatVector) -> FloatVector:
        """Return the largest observation in the window after each place.

        NaN where it reaches beyond the history or too little of it was observed: a maximum over
        a gap would be too low.
        """
        if self._is_cheaper_at_once(places, self.n_horizon):
            return self._read(self._peaks, places)
        ahead = self.window(places, self.n_horizon, ahead=True)
        n_seen = np.count_nonzero(~np.isnan(ahead), axis=-1)
        enough = n_seen >= MIN_OBSERVED_RATIO * self.n_horizon
        inside = (places >= 0) & (places + self.n_horizon < len(self.history))
        return np.where(enough & inside, np.fmax.reduce(ahead, axis=-1), np.nan)

    def newest(self, places: FloatVector) -> FloatVector:
        """Return the place of the last observation at or before each, NaN if it is stale."""
        for known, kept in self._newest:
            if known is places:
                return kept
        found = places.astype(np.float64)
        holes = np.isnan(self.value(places))
        if holes.any():
            recent = ~np.isnan(self.window(places[holes], self.steps(STALE_SECONDS) + 1))
            age = recent[..., ::-1].argmax(axis=-1)
            found[holes] = np.where(recent.any(axis=-1), places[holes] - age, np.nan)
        found.setflags(write=False)
        self._newest[:] = [(places, found)]
        return found

    @cached_property
    def _newest(self) -> list[tuple[FloatVector, FloatVector]]:
        return []  # the features and four experts ask for the same places

    def past_days(self, places: FloatVector, n_days: int) -> FloatMatrix:
        """Return the places at the same clock time 1 to `n_days` days before, (n_days, ...)."""
        for known, found in self._days:
            if known is places and len(found) >= n_days:
                return found[:n_days]
        times = same_clock_times(self.times(places), self.task.zone, n_days=max(n_days, 20))
        found = np.floor((times - self.history.start_at) / self.history.step_seconds)
        self._days[:] = [(places, found)]
        return found[:n_days]

    @cached_property
    def _days(self) -> list[tuple[FloatVector, FloatMatrix]]:
        return []  # features and profile ask for the same places

    def days(self, places: FloatVector) -> FloatVector:
        """Return the number of the local day, 0 on 1970-01-01."""
        for known, kept in self._local_days:
            if known is places:
                return kept
        found = day_number(self.times(places), self.task.zone)
        found.setflags(write=False)
        self._local_days[:] = [(places, found)]
        return found

    @cached_property
    def _local_days(self) -> list[tuple[FloatVector, FloatVector]]:
        return []  # the clock, the profile and the holidays ask for the same places

    def is_holiday(self, days: FloatVector) -> BoolVector:
        """Return which days, by number, are public holidays."""
        if not self.task.holidays:
            return np.zeros(days.shape, dtype=np.bool_)
        return np.isin(days, np.array(sorted(self.task.holidays), dtype=np.float64))

    def is_free(self, days: FloatVector) -> BoolVector:
        """Return which days, by number, are spent like a weekend."""
        return np.asarray(falls_on_weekend(days) | self.is_holiday(days))

    def reaches_holiday(self, places: FloatVector) -> BoolVector:
        """Return whether any of the window after each place, or the place itself, is a holiday."""
        if not self.task.holidays:
            return np.zeros(places.shape, dtype=np.bool_)
        first, last = self.days(places), self.days(places + self.n_horizon)
        holidays = np.array(sorted(self.task.holidays), dtype=np.float64)
        next_one = np.append(holidays, np.inf)[np.searchsorted(holidays, first)]
        return np.asarray(next_one <= last)

    def nights_into_holiday(self, places: FloatVector) -> FloatVector:
        """Return how many midnights the window after each place crosses to a day of another kind.

        0 where it ends on a day of the kind that it begins on, or no holiday is near: those are
        windows as past days had them.
        """
        if not self.task.holidays:
            return np.zeros(places.shape)
        first, last = self.days(places), self.days(places + self.n_horizon)
        changes = self.is_free(first) != self.is_free(last)
        return np.where(changes & self.reaches_holiday(places), last - first, 0.0)

    def is_hidden(self, places: FloatVector) -> BoolVector:
        """Return whether outages hid the window at this time of day for `HIDDEN_DAYS`.

        Some of those days' windows were not observed well enough, and none of the same kind of day
        was. A time before the history is no outage.
        """
        days = self.past_days(places, HIDDEN_DAYS)
        ago = np.arange(1.0, HIDDEN_DAYS + 1)[:, None]
        today = self.days(places)
        is_alike = self.is_free(today - ago) == self.is_free(today)
        is_over = (days + self.n_horizon <= places) & (days >= 0)
        is_seen = ~np.isnan(self.peak(days))
        hidden = (is_over & ~is_seen).any(axis=0) & ~(is_over & is_seen & is_alike).any(axis=0)
        return np.asarray(hidden & (days >= 0).all(axis=0))

    def known_peak(self, at_places: FloatVector, *, now: FloatVector) -> FloatVector:
        """Return the peaks after `at_places` that were already known at `now`, else NaN."""
        known = at_places + self.n_horizon <= now
        return np.where(known, self.peak(at_places), np.nan)


@lru_cache(maxsize=64)
def _lengths(lengths: tuple[float, ...], step_seconds: float) -> IndexVector:
    found = np.array([n_steps(seconds, step_seconds) for seconds in lengths], dtype=np.intp)
    found.setflags(write=False)
    return found


def first_known(candidates: Sequence[FloatVector]) -> FloatVector:
    """Return, entry by entry, the first candidate that is not NaN."""
    found = candidates[0]
    for candidate in candidates[1:]:
        found = np.where(np.isnan(found), candidate, found)
    return found


def mean_known(stacked: FloatMatrix, axis: int = 0) -> FloatVector:
    """Return the mean along `axis` of what is not NaN; NaN where nothing is."""
    seen = ~np.isnan(stacked)
    n_seen = seen.sum(axis=axis)
    total = np.where(seen, stacked, 0.0).sum(axis=axis)
    return np.where(n_seen > 0, total / np.maximum(n_seen, 1), np.nan)
