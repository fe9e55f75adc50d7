"""Has prediction shown that it wins? Judged once a day, on whole days, with a memory.

Rules
- Only whole days in UTC count, and of them those that are known for `KNOWN_ENOUGH`. An unknown day
  proves nothing, for either side.
- Prediction has won when the last `days` such days since the last change saved at least
  `min_saved_ratio` of the reactive shortage at no more than `max_extra_ratio` of its replica-time.
- It has stopped winning when the last `days` such days saved less than `STILL_SAVES` of that
  margin, or cost more than `STILL_COSTS` beyond it. Between the two verdicts nothing changes.
- Where the reactive scaler was hardly ever short there was nothing to save. That proves nothing,
  and is no reason to step back either, unless the extra cost passes its margin.

So days that are all alike change the verdict at most once, and between two promotions there are
`days` whole ones at least.
"""

from dataclasses import dataclass
from math import isnan

from scaler.ledger.account import Day, Row
from scaler.ledger.ledger import SECONDS_PER_DAY
from scaler.params import Mode, ProofMargins

KNOWN_ENOUGH = 0.8  # of a day
STILL_SAVES = 0.5  # of the margin
STILL_COSTS = 0.05  # beyond the margin
MIN_SHORT_SECONDS = 60.0  # one grid point of the default step: less is noise of the measurement
NOT_LATER_THAN = 2  # times `days`: older days say too little of the present


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The verdict in force, since when (a day's number), and in words why."""

    is_won: bool = False
    changed_on: int | None = None
    judged_on: int | None = None
    why: str = "not judged yet"


def judged(proof: Proof, days: tuple[Day, ...], margins: ProofMargins, today: int) -> Proof:
    """Return the verdict as of the day `today`. The days before it count, itself doesn't."""
    if proof.judged_on is not None and today <= proof.judged_on:
        return proof
    earliest = today - NOT_LATER_THAN * margins.days
    if not proof.is_won and proof.changed_on is not None:
        earliest = max(earliest, proof.changed_on)
    whole = [day for day in days if earliest <= day.number < today and _is_known(day)]
    shown = whole[-margins.days :]
    is_won, why = proof.is_won, f"{len(shown)} of {margins.days} known days so far"
    if len(shown) == margins.days:
        row = sum((day.row for day in shown), Row())
        is_won = _still_wins(row, margins) if proof.is_won else _has_won(row, margins)
        why = in_words(row, margins.days)
    return Proof(
        is_won=is_won,
        changed_on=today if is_won is not proof.is_won else proof.changed_on,
        judged_on=today,
        why=why,
    )


def mode_in_force(mode: Mode, proof: Proof, *, is_approved: bool) -> Mode:
    """Return what `mode` comes to now: predict or observe, the two that the policy knows."""
    predicts = {
        Mode.PREDICT: True,
        Mode.OBSERVE: False,
        Mode.PROVE: proof.is_won,
        Mode.ADVISE: is_approved,
    }
    return Mode.PREDICT if predicts[mode] else Mode.OBSERVE


def in_words(row: Row, days: int) -> str:
    """Return what `row` says, fit for an event."""
    without, with_it = (p.short_seconds / 60 for p in (row.reactive, row.predictive))
    saved = "there was no shortage to save"
    if not isnan(row.saved_ratio):
        saved = f"prediction saves {row.saved_ratio:.0%} of the shortage"
    extra = 0.0 if isnan(row.extra_ratio) else row.extra_ratio
    return (
        f"over {days} days {saved} (short for {without:.0f} min without it, {with_it:.0f} min with "
        f"it) at {extra:+.0%} replica-hours"
    )


def _is_known(day: Day) -> bool:
    return day.row.known_seconds >= KNOWN_ENOUGH * SECONDS_PER_DAY


def _was_short(row: Row) -> bool:
    return row.reactive.short_seconds >= MIN_SHORT_SECONDS


def _extra(row: Row) -> float:
    """Return the extra share; a reactive fleet that costs nothing makes any cost endless."""
    if isnan(row.extra_ratio):
        return float("inf") if row.predictive.replica_seconds > 0 else 0.0
    return row.extra_ratio


def _has_won(row: Row, margins: ProofMargins) -> bool:
    saves = _was_short(row) and row.saved_ratio >= margins.min_saved_ratio
    return saves and _extra(row) <= margins.max_extra_ratio


def _still_wins(row: Row, margins: ProofMargins) -> bool:
    saves = not _was_short(row) or row.saved_ratio >= STILL_SAVES * margins.min_saved_ratio
    return saves and _extra(row) <= margins.max_extra_ratio + STILL_COSTS
