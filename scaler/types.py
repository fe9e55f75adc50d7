"""The values that the decision is made of. Frozen, and free of any clock."""

from dataclasses import dataclass
from enum import StrEnum

from forecasting.forecast import Forecast
from scaler.fleet import Fleet, LeadTime


class Evidence(StrEnum):
    """How much is known about demand: four states that are never confused."""

    PENDING = "pending"  # nobody has looked yet
    UNKNOWN = "unknown"  # looked, and nothing was ever observed
    STALE = "stale"  # observed, but too long ago
    FRESH = "fresh"  # observed lately; zero is a fresh value like any other


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a decision rests on, as of one moment.

    `observed_demand` is NaN unless evidence is fresh or stale; times are Unix seconds.
    """

    as_of: float
    evidence: Evidence
    observed_demand: float = float("nan")
    observed_at: float = float("nan")
    forecast: Forecast | None = None
    fleet: Fleet | None = None  # None: the cluster can't be read
    lead_time: LeadTime | None = None  # None: it is what the trigger says


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule of the policy and what it made of the replica count."""

    rule: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What KEDA is told, and why.

    `replicas` is the answer. `predicted_replicas` and `reactive_replicas` are what the same rules
    give with the forecast and without it, whichever of them the mode has chosen. `is_withheld`:
    the trigger asked for an error instead of an old value (`onStale: error`).
    """

    replicas: int
    is_active: bool
    is_withheld: bool
    steps: tuple[Step, ...]
    seen: Seen
    predicted_replicas: int
    reactive_replicas: int

    @property
    def moved(self) -> tuple[Step, ...]:
        """The steps that changed the number."""
        return tuple(step for step in self.steps if step.before != step.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """What the policy remembers from tick to tick: the last answer given on fresh evidence."""

    last_good_replicas: int | None = None
