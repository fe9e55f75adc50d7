"""What is remembered of a target, as values."""

from dataclasses import dataclass, field
from math import nan

from scaler.ledger.ledger import Ledger
from scaler.ledger.proof import Proof
from scaler.ports import Blob
from scaler.types import Evidence, PolicyState, Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The last decision's state, and the newest observation that it rested on."""

    state: PolicyState = field(default_factory=PolicyState)
    observed_demand: float = nan
    observed_at: float = nan

    def as_stale(self, as_of: float, *, within_seconds: float) -> Seen | None:
        """Return what is remembered as stale evidence with its age: never as fresh.

        None when nothing was observed within the last `within_seconds`, or only in the future.
        """
        if not 0 <= as_of - self.observed_at <= within_seconds:  # NaN compares false
            return None
        return Seen(
            as_of=as_of,
            evidence=Evidence.STALE,
            observed_demand=self.observed_demand,
            observed_at=self.observed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The ledger with the verdict on it. `is_approved` is None until a cluster has told."""

    ledger: Ledger = field(default_factory=Ledger)
    proof: Proof = field(default_factory=Proof)
    is_approved: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All that is remembered of a target. `model` is opaque here."""

    kept: Kept = field(default_factory=Kept)
    judgement: Judgement = field(default_factory=Judgement)
    model: Blob | None = None
