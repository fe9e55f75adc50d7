"""What the page shows of a target beside its decision: a ledger, cold starts, a shortfall.

A scaler runs without any of them. What isn't there is None, and the page says what would show it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

from scaler.board import Target
from scaler.ledger.account import Account
from scaler.ledger.view import LedgerView as TargetLedger
from scaler.page.view import LedgerSide, LedgerView, ShortfallView
from scaler.types import Decision
from scaler.words import LIMITS, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What is known of a target beside the board."""

    ledger: LedgerView | None = None
    cold_starts_seconds: tuple[float, ...] | None = None


GetExtras = Callable[[Target], Extras]


def extras_of(target: Target) -> Extras:
    """Return what the target itself carries."""
    ledger = target.ledger
    return Extras(
        ledger=None if ledger is None else ledger_view(ledger),
        cold_starts_seconds=_starts(target),
    )


def ledger_view(ledger: TargetLedger) -> LedgerView:
    """Return a ledger as the page shows it."""
    total = ledger.total
    return LedgerView(
        since_at=ledger.since_at,
        until_at=ledger.at,
        known_seconds=total.known_seconds,
        unknown_seconds=total.unknown_seconds,
        prewarm=_side(total.predictive),
        reactive=_side(total.reactive),
        actual=_side(total.actual) if total.actual_seconds > 0 else None,
        actual_seconds=total.actual_seconds,
        saved_ratio=_known(total.saved_ratio),
        extra_ratio=_known(total.extra_ratio),
        mode_in_force=str(ledger.mode_in_force),
    )


def shortfall_of(decision: Decision) -> ShortfallView | None:
    """Return what the decision itself says is missing, soon or already."""
    found = decision.shortfall
    if found is None:
        return None
    as_of = decision.seen.as_of
    reason = LIMITS[found.limit]
    if found.latest_at <= as_of:
        return ShortfallView(missing_replicas=found.replicas, at=None, because=reason)
    within = duration(found.latest_at - as_of)
    return ShortfallView(
        missing_replicas=found.replicas,
        at=found.latest_at,
        because=f"{reason}, within {within}",
    )


def _side(account: Account) -> LedgerSide:
    return LedgerSide(
        short_seconds=account.short_seconds,
        shortage_demand_seconds=account.shortage_demand_seconds,
        replica_hours=account.replica_hours,
    )


def _starts(target: Target) -> tuple[float, ...] | None:
    """Return how long completed starts took, where the cluster is watched."""
    starts = None if target.view is None else target.view.starts
    if starts is None:
        return None
    return tuple(each.seconds for each in starts.finished if each.is_ready)


def _known(value: float) -> float | None:
    return None if isnan(value) else value
