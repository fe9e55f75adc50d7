"""The decisions of the last day, kept small: what the status page draws and `explain` prints.

A ring of one row a minute: 1,440 rows of 41 bytes, 59 kB a target, made with its first decision. A
row's place follows from its time, so a pause leaves old rows behind that reading leaves out, and a
clock that steps back overwrites. Ticks of one minute share a row: it keeps the highest demand and
forecast, which a chart must not lose, and of everything else the newest.
"""

from dataclasses import dataclass
from math import floor, isnan, nan

import numpy as np

from scaler.types import Decision, Evidence, Step

SLOT_SECONDS = 60.0
N_SLOTS = 1_440
SPAN_SECONDS = SLOT_SECONDS * N_SLOTS
MAX_CHANGES = 20
UNKNOWN_COUNT = -1
STATES = tuple(Evidence)
ROW = np.dtype(
    [
        ("as_of", "f8"),
        ("observed_demand", "f8"),
        ("forecast_demand", "f8"),
        ("horizon_seconds", "f4"),
        ("replicas", "i4"),
        ("reactive_replicas", "i4"),
        ("ready_replicas", "i4"),
        ("evidence", "u1"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One row: a minute of a target. NaN and None are unknown, never zero."""

    as_of: float  # Unix seconds
    evidence: Evidence
    observed_demand: float
    forecast_demand: float
    horizon_seconds: float  # that the forecast covers
    replicas: int
    reactive_replicas: int
    ready_replicas: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A decision that differs from the one before it, in replicas or in evidence."""

    at: float  # as of, Unix seconds
    before_replicas: int | None  # None: the first decision
    before_evidence: Evidence | None
    decision: Decision

    @property
    def is_of_replicas(self) -> bool:
        """Whether the count moved, and not the evidence alone."""
        return self.before_replicas != self.decision.replicas

    @property
    def steps(self) -> tuple[Step, ...]:
        """The rules that moved the number."""
        return self.decision.moved


class Journal:
    """Written by the event loop alone; any thread may read it at any moment."""

    __slots__ = ("_newest_at", "_rows", "changes")

    def __init__(self) -> None:
        self._rows: np.ndarray | None = None  # made late: bad metadata never needs it
        self._newest_at = nan
        self.changes: tuple[Change, ...] = ()  # the oldest first; replaced, never changed

    def note(self, decision: Decision) -> None:
        """Keep a decision that was just published."""
        if self._rows is None:
            self._rows = np.zeros(N_SLOTS, ROW)
            self._rows["as_of"] = -np.inf
        self._note_change(decision)
        seen = decision.seen
        slot = floor(seen.as_of / SLOT_SECONDS)
        row = _row_of(decision)
        before = self._rows[slot % N_SLOTS]
        if floor(max(float(before["as_of"]), 0.0) / SLOT_SECONDS) == slot:
            for place in (1, 2):  # the two demands
                row[place] = _larger(float(before[place]), row[place])
        self._rows[slot % N_SLOTS] = tuple(row)
        self._newest_at = seen.as_of

    def moments(self) -> tuple[Moment, ...]:
        """Return the rows of the day up to the newest, the oldest first."""
        if self._rows is None:
            return ()
        rows = self._rows.copy()
        newest_at = self._newest_at
        is_recent = (rows["as_of"] > newest_at - SPAN_SECONDS) & (rows["as_of"] <= newest_at)
        rows = rows[is_recent]
        rows.sort(order="as_of")
        return tuple(_moment(row) for row in rows.tolist())

    def _note_change(self, decision: Decision) -> None:
        before = self.changes[-1].decision if self.changes else None
        seen = decision.seen
        if before is not None:
            is_same_state = before.seen.evidence is seen.evidence
            if before.replicas == decision.replicas and is_same_state:
                return
        change = Change(
            at=seen.as_of,
            before_replicas=None if before is None else before.replicas,
            before_evidence=None if before is None else before.seen.evidence,
            decision=decision,
        )
        self.changes = (*self.changes[1 - MAX_CHANGES :], change)


def _row_of(decision: Decision) -> list[float]:
    seen = decision.seen
    forecast = seen.forecast
    return [
        seen.as_of,
        seen.observed_demand,
        nan if forecast is None else forecast.value,
        nan if forecast is None else forecast.horizon_seconds,
        decision.replicas,
        decision.reactive_replicas,
        UNKNOWN_COUNT if seen.fleet is None else seen.fleet.ready,
        STATES.index(seen.evidence),
    ]


def _moment(row: tuple[float, ...]) -> Moment:
    as_of, observed, forecast, horizon, replicas, reactive, ready, state = row
    return Moment(
        as_of=as_of,
        evidence=STATES[int(state)],
        observed_demand=observed,
        forecast_demand=forecast,
        horizon_seconds=horizon,
        replicas=int(replicas),
        reactive_replicas=int(reactive),
        ready_replicas=None if ready == UNKNOWN_COUNT else int(ready),
    )


def _larger(one: float, other: float) -> float:
    """Return the larger; what is known where the other is NaN."""
    if isnan(one):
        return other
    return one if isnan(other) else max(one, other)
