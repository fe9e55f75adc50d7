"""The values that the decision is made of. Frozen, and free of any clock."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from forecasting.forecast import Forecast
from scaler.fleet import Fleet, LeadTime
from scaler.trail import NOTHING, Trail

# Of what a full replica serves, how much is asked of one: the share of KV cache at which llm-d's
# autoscaler calls a replica saturated.
PLANNED_USE = 0.8


class Evidence(StrEnum):
    """How much is known about demand: four states that are never confused."""

    PENDING = "pending"  # nobody has looked yet
    UNKNOWN = "unknown"  # looked, and nothing was ever observed
    STALE = "stale"  # observed, but too long ago
    FRESH = "fresh"  # observed lately; zero is a fresh value like any other


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Replicas that somebody asked for, ready from `start_at` until `end_at` (Unix seconds)."""

    replicas: int
    start_at: float
    end_at: float
    reason: str  # the words of the schedule or the event


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one replica was seen to serve while it was full, in the unit of demand.

    `low` and `high` bound the true value with probability `level`.
    """

    low: float
    middle: float
    high: float
    level: float
    n_episodes: int  # separate times of saturation that it rests on
    as_of: float
    limited_by: str = "unknown"  # "kv-cache", "compute" or "unknown"

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.middle <= self.high and isfinite(self.high)):
            raise ValueError(
                f"0 < low <= middle <= high expected, got {self.low!r}, {self.middle!r}, "
                f"{self.high!r}"
            )

    @property
    def threshold(self) -> float:
        """The demand to plan with for one replica.

        Of the low end, so that doubt costs idle capacity and never waiting users; and a part of
        it, because a replica that is full already has a queue.
        """
        return PLANNED_USE * self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a decision rests on, as of one moment.

    `observed_demand` is NaN unless evidence is fresh or stale; times are Unix seconds.
    `forecast` covers the lead time ahead. `forecast_ahead` covers the keep window, which is the
    lead time and the break-even idle time after it, at the level `params.KEEP_LEVEL`; None:
    nothing is kept for later. `floors` may hold some that are not due: rules look at their times.
    `fleet`, `lead_time` and `carried` are None where nobody measures them.
    """

    as_of: float
    evidence: Evidence
    observed_demand: float = float("nan")
    observed_at: float = float("nan")
    forecast: Forecast | None = None
    forecast_ahead: Forecast | None = None
    floors: tuple[Floor, ...] = ()
    fleet: Fleet | None = None  # None where the cluster doesn't tell of it
    lead_time: LeadTime | None = None  # as the cluster shows it, used or not
    lead_seconds: float | None = None  # the one in use; None: the trigger's
    is_fit_pending: bool = False  # the first fit since a start is not over
    carried: Carried | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule of the policy and what it made of the replica count."""

    rule: str
    before: int
    after: int


class Limit(StrEnum):
    """What stands in the way of more replicas."""

    MAX_REPLICAS = "max-replicas"  # maxReplicas, or the object's maxReplicaCount
    NO_ROOM = "no-room"  # pods stay unschedulable: the cluster has no GPU left
    HPA_TOLERANCE = "hpa-tolerance"  # the next count that the HPA acts on is above the ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Replicas that will be missing, and when: for a metric, an event, a line on a page.

    They are missing from some moment between `earliest_at` and `latest_at` on (Unix seconds): a
    forecast tells the peak of a window, not its minute. Both are `as_of` when they are missing now.
    """

    replicas: int
    limit: Limit
    earliest_at: float
    latest_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What KEDA is told, and why.

    `replicas` is the answer. `predicted_replicas` and `reactive_replicas` are what the same rules
    give with the forecast and without it, whichever of them the mode has chosen. `is_withheld`:
    the trigger asked for an error instead of an old value (`onStale: error`). `threshold`: the
    demand that one replica was taken to carry.
    """

    replicas: int
    is_active: bool
    is_withheld: bool
    steps: tuple[Step, ...]
    seen: Seen
    predicted_replicas: int
    reactive_replicas: int
    threshold: float
    shortfall: Shortfall | None = None

    @property
    def moved(self) -> tuple[Step, ...]:
        """The steps that changed the number."""
        return tuple(step for step in self.steps if step.before != step.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """What the policy remembers from tick to tick; `policy_state` makes plain values of it.

    `last_good_replicas`: the last answer given on fresh evidence. Each outcome has a trail of its
    own, so that what the reactive scaler would have done does not lean on what the prediction did.
    `learned_threshold`: what one replica was last learned to carry.
    """

    last_good_replicas: int | None = None
    predicted: Trail = NOTHING
    reactive: Trail = NOTHING
    learned_threshold: float | None = None
