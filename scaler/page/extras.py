"""What other parts may know of a target beside the board: a ledger, cold starts, a shortfall.

A scaler runs without any of them, so each is looked for and read through the few names that the
page needs (the protocols below). What isn't there is None, and the page says what would show it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Protocol

from scaler.board import Target
from scaler.page.view import LedgerSide, LedgerView, ShortfallView
from scaler.types import Decision, Limit
from scaler.words import LIMITS, duration


class Account(Protocol):
    """One policy's sums: `scaler.ledger.account.Account`."""

    @property
    def shortage_demand_seconds(self) -> float: ...  # noqa: D102
    @property
    def short_seconds(self) -> float: ...  # noqa: D102
    @property
    def replica_hours(self) -> float: ...  # noqa: D102


class Row(Protocol):
    """Both policies over one span: `scaler.ledger.account.Row`."""

    @property
    def known_seconds(self) -> float: ...  # noqa: D102
    @property
    def unknown_seconds(self) -> float: ...  # noqa: D102
    @property
    def reactive(self) -> Account: ...  # noqa: D102
    @property
    def predictive(self) -> Account: ...  # noqa: D102
    @property
    def actual(self) -> Account: ...  # noqa: D102
    @property
    def actual_seconds(self) -> float: ...  # noqa: D102
    @property
    def saved_ratio(self) -> float: ...  # noqa: D102
    @property
    def extra_ratio(self) -> float: ...  # noqa: D102


class Ledger(Protocol):
    """A target's ledger: `scaler.ledger.view.LedgerView`."""

    @property
    def since_at(self) -> float: ...  # noqa: D102
    @property
    def at(self) -> float: ...  # noqa: D102
    @property
    def total(self) -> Row: ...  # noqa: D102
    @property
    def mode_in_force(self) -> str: ...  # noqa: D102


class Shortfall(Protocol):
    """A decision's shortfall: `scaler.types.Shortfall`."""

    @property
    def replicas(self) -> int: ...  # noqa: D102
    @property
    def limit(self) -> Limit: ...  # noqa: D102
    @property
    def earliest_at(self) -> float: ...  # noqa: D102
    @property
    def latest_at(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What is known of a target beside the board."""

    ledger: LedgerView | None = None
    cold_starts_seconds: tuple[float, ...] | None = None


GetExtras = Callable[[Target], Extras]


def extras_of(target: Target) -> Extras:
    """Return what the target itself carries."""
    ledger: Ledger | None = getattr(target, "ledger", None)
    return Extras(
        ledger=None if ledger is None else ledger_view(ledger),
        cold_starts_seconds=_starts(target),
    )


def ledger_view(ledger: Ledger) -> LedgerView:
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
    found: Shortfall | None = getattr(decision, "shortfall", None)
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
    starts = getattr(getattr(target, "view", None), "starts", None)
    if starts is None:
        return None
    finished: Sequence[object] = getattr(starts, "finished", ())
    return tuple(
        float(getattr(each, "seconds", 0.0))
        for each in finished
        if getattr(each, "is_ready", False)
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else value
