"""What others may see of a ledger: the status page, the metrics, `explain`."""

from dataclasses import dataclass

from scaler.ledger.account import Day, Row
from scaler.ledger.ledger import Ledger
from scaler.ledger.proof import Proof
from scaler.params import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """A ledger as of its last tick. Times are Unix seconds; `days` are in UTC, today last.

    `reactive_ready` and `predictive_ready` are the model fleets' pods that answer at `at`, zero
    before the first answers. `row.actual_seconds` > 0 says that a real fleet was seen: then
    `row.actual` is what really happened, under the mode that was in force at the time.
    """

    since_at: float
    at: float
    total: Row
    days: tuple[Day, ...]
    reactive_ready: int
    predictive_ready: int
    proof: Proof
    mode: Mode  # what the trigger says
    mode_in_force: Mode  # what that comes to now: predict or observe


def view_of(ledger: Ledger, proof: Proof, *, mode: Mode, mode_in_force: Mode) -> LedgerView:
    """Return what may be seen of `ledger`."""
    return LedgerView(
        since_at=ledger.since_at,
        at=ledger.at,
        total=ledger.total,
        days=ledger.days,
        reactive_ready=0 if ledger.reactive is None else ledger.reactive.ready,
        predictive_ready=0 if ledger.predictive is None else ledger.predictive.ready,
        proof=proof,
        mode=mode,
        mode_in_force=mode_in_force,
    )
