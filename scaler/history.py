"""A target's history: read once, then only extended by what is new.

Rules
- Grid points are multiples of the step. A window ends at the newest one <= `as_of` and is exactly
  `history_days` long, so that replicas that started at different times hold equal series.
- The newest hours are read first, so that there is an answer at once; then older days, piece by
  piece. What was read is kept when a later piece fails, and a piece that fails is halved.
- Once all is read, one request a tick: a range while a grid point is due, else one instant.
- The last `SETTLE_POINTS` grid points are asked again with every range: a sample arrives up to a
  scrape after its time, so a point that was just read may be missing or still change.
- What was observed stays observed: a later answer replaces a value, but a hole in it doesn't
  (two Prometheus replicas behind one address have different holes).
- A failed read changes nothing; what it asked for is asked again next time.
- A clock that steps back: what lies after `as_of` is forgotten, and the head that was trimmed too
  early is read again. A clock that jumps ahead never asks for more than the window.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.series import Series
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery, HistorySource

SETTLE_POINTS = 5
TOO_MUCH = frozenset({"query", "timeout", "too-large"})  # what a smaller piece may mend
FIRST_POINTS = 360  # six hours of minutes: milliseconds even for a dear query
MAX_POINTS = 10_080  # 7 days of minutes; Prometheus refuses a range of more than 11,000
SECONDS_PER_DAY = 86_400.0

Observation: TypeAlias = tuple[float, float]  # demand, and its time in Unix seconds
UNKNOWN: Observation = (math.nan, math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is known of a target's demand as of one tick."""

    series: Series  # ends at the newest grid point <= as_of; exactly history_days long
    observed: float  # the newest demand; NaN when none is known in the whole window
    observed_at: float  # its time, possibly between grid points; NaN when there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Grid points from `start_at` to `end_at`, both included."""

    start_at: float
    end_at: float


def window_of(as_of: float, *, history_days: float, step_seconds: float) -> Span:
    """Return the grid points that a target's history holds as of `as_of`."""
    n_points = max(1, int(history_days * SECONDS_PER_DAY / step_seconds + 1e-6))
    end_at = math.floor(as_of / step_seconds) * step_seconds
    return Span(start_at=end_at - (n_points - 1) * step_seconds, end_at=end_at)


def known_until(known: Series | None, window: Span) -> Series | None:
    """Return what is known of `window`, None when that is nothing."""
    kept = None if known is None else known.between(window.start_at, window.end_at)
    return kept if kept is not None and len(kept) else None


def due_span(
    known: Series | None, window: Span, *, step_seconds: float, n_head: int
) -> Span | None:
    """Return the grid points to ask for next, None when all of `window` is known.

    The newest come first: a few of them when nothing is known, then what time has added, then the
    older ones, `n_head` at a time. `known` is a run without breaks that lies within `window`.
    """
    step = step_seconds
    if known is not None and known.end_at < window.end_at:
        start_at = max(known.end_at + (1 - SETTLE_POINTS) * step, window.start_at)
        if window.end_at - start_at < MAX_POINTS * step:
            return Span(start_at=start_at, end_at=window.end_at)
        known = None  # too long away: the newest matter most
    if known is None:
        start_at = window.end_at - (FIRST_POINTS - 1) * step
        return Span(start_at=max(start_at, window.start_at), end_at=window.end_at)
    if known.start_at > window.start_at:
        start_at = max(known.start_at - n_head * step, window.start_at)
        return Span(start_at=start_at, end_at=known.start_at - step)
    return None


def merged(known: Series | None, fresh: Series) -> Series:
    """Return `fresh` laid over `known`, which it touches; holes in `fresh` cover nothing.

    Where `fresh` lies apart from `known` it stands alone.
    """
    step = fresh.step_seconds
    if known is None or fresh.start_at > known.end_at + step:
        return fresh
    start_at = min(known.start_at, fresh.start_at)
    n_points = round((max(known.end_at, fresh.end_at) - start_at) / step) + 1
    values = np.full(n_points, np.nan)
    for layer in (known, fresh):
        first = round((layer.start_at - start_at) / step)
        place = values[first : first + len(layer)]
        np.copyto(place, layer.values, where=~np.isnan(layer.values))
    values.setflags(write=False)
    return Series(start_at=start_at, step_seconds=step, values=values)


def padded(known: Series, window: Span) -> Series:
    """Return `known` on all of `window`: what is not read yet is not observed."""
    n_missing = round((known.start_at - window.start_at) / known.step_seconds)
    if n_missing <= 0:
        return known
    values = np.concatenate((np.full(n_missing, np.nan), known.values))
    values.setflags(write=False)
    return Series(start_at=window.start_at, step_seconds=known.step_seconds, values=values)


def zeros_after(series: Series, observed_at: float) -> Series:
    """Return `series` with zeros after `observed_at`, the time of the last observation.

    Without any observation (NaN) only the newest point is zero: nothing is known of the rest.
    """
    since = series.end_at if math.isnan(observed_at) else observed_at + series.step_seconds / 1e6
    values: FloatVector = np.where(series.times >= since, 0.0, series.values)
    values.setflags(write=False)
    return Series(start_at=series.start_at, step_seconds=series.step_seconds, values=values)


class TargetHistory:
    """One target's history. `advance` is never called twice at a time.

    `zero_when_empty` is the trigger's `ignoreNullValues: "true"`: a source that answers, but with
    nothing, has then observed a demand of zero. It is applied to what is handed out, never to what
    is kept, so a gap that turns out to be inside the history is a gap again.
    """

    def __init__(
        self,
        source: HistorySource,
        query: DemandQuery,
        history_days: float,
        zero_when_empty: bool = False,  # noqa: FBT001, FBT002 - the controller's agreed signature
    ) -> None:
        if not history_days > 0:
            raise ValueError(f"history_days must be > 0, got {history_days!r}")
        self._source = source
        self._query = query
        self._history_days = history_days
        self._zero_when_empty = zero_when_empty
        self._known: Series | None = None
        self._n_head = MAX_POINTS
        self._is_complete = False
        self._newest_observation = UNKNOWN
        self._last_reading: Reading | None = None

    @property
    def last_reading(self) -> Reading | None:
        """The newest reading, None before the first success."""
        return self._last_reading

    @property
    def is_complete(self) -> bool:
        """Whether the last reading holds all of its window that the source has."""
        return self._is_complete

    async def advance(self, as_of: float) -> Reading:
        """Return what is known as of `as_of`, after one request.

        The first reading holds the newest hours only; each further call adds older days until
        `is_complete`. Raises HistoryUnavailable, and then keeps all that it knew.
        """
        step = self._query.step_seconds
        window = window_of(as_of, history_days=self._history_days, step_seconds=step)
        known = known_until(self._known, window)
        span = due_span(known, window, step_seconds=step, n_head=self._n_head)
        if span is None and known is not None:
            answer, answered_at = await self._source.read_instant(self._query, at=as_of), as_of
        else:
            known = merged(known, await self._read(span or window, window))
            answer, answered_at = float(known.values[-1]), window.end_at
        self._known = known
        self._is_complete = known.start_at <= window.start_at
        self._newest_observation = self._newest(
            known, answer, answered_at, window=window, as_of=as_of
        )
        self._last_reading = self._reading(padded(known, window), answer, answered_at)
        return self._last_reading

    async def _read(self, span: Span, window: Span) -> Series:
        try:
            fresh = await self._source.read_range(
                self._query, start_at=span.start_at, end_at=span.end_at
            )
        except HistoryUnavailable as exc:
            if span.end_at < window.end_at and exc.reason in TOO_MUCH:
                self._n_head = max(FIRST_POINTS, self._n_head // 2)
            raise
        step = self._query.step_seconds
        n_points = round((span.end_at - span.start_at) / step) + 1
        if (fresh.start_at, fresh.step_seconds, len(fresh)) != (span.start_at, step, n_points):
            message = f"{self._query!r}: the source answered another grid than was asked"
            raise HistoryUnavailable("bad-answer", message)
        return fresh

    def _newest(
        self, known: Series, answer: float, answered_at: float, *, window: Span, as_of: float
    ) -> Observation:
        """Return the newest observation of the window: on the grid, or an instant between."""
        kept, kept_at = self._newest_observation
        candidates = [(known.last_observed, known.last_observed_at), (answer, answered_at)]
        if window.start_at <= kept_at <= as_of:  # not trimmed, nor after a clock that went back
            candidates.append((kept, kept_at))
        observations = [(value, at) for value, at in candidates if not math.isnan(value)]
        return max(observations, key=lambda observation: observation[1], default=UNKNOWN)

    def _reading(self, known: Series, answer: float, answered_at: float) -> Reading:
        observed, observed_at = self._newest_observation
        if self._zero_when_empty and math.isnan(answer):
            known = zeros_after(known, observed_at)
            observed, observed_at = 0.0, answered_at
        return Reading(series=known, observed=observed, observed_at=observed_at)
