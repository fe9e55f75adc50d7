"""What a cluster tells of a target's workload. Frozen values, free of any client.

Nothing of this is needed to decide: a scaler without access to the cluster has None in its place.
"""

from dataclasses import dataclass
from enum import StrEnum


class StartClass(StrEnum):
    """Where the next replica comes from, which is what its start takes."""

    WOKEN = "woken"  # from sleep or standby: seconds
    WARM_NODE = "warm-node"  # a node that holds image and weights
    FRESH_NODE = "fresh-node"  # a node that pulls and loads first, or doesn't exist yet: minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The replicas of one workload at one moment.

    `starting` are created, placed on a node or about to be, and not ready; `unschedulable` wait
    because no node has room. Neither counts the other.
    """

    at: float  # Unix seconds of the newest change that this rests on
    wanted: int  # what the workload's scale asks for
    ready: int
    starting: int = 0
    unschedulable: int = 0
    min_replicas: int | None = None  # of the ScaledObject; None where it can't be read
    max_replicas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """From the decision for one more replica until it answers, with where the figure is from.

    `seconds` holds the whole delay: `start_seconds` of the pod and `scaling_seconds` of KEDA's
    poll, the HPA's sync and its ramp.
    """

    seconds: float
    start_seconds: float
    scaling_seconds: float
    quantile: float
    n_starts: int  # completed starts that it rests on
    n_censored: int  # starts still under way, which count for the time they have taken
    is_measured: bool  # False: a prior, because too few starts were seen
    start_class: StartClass
    # Holds the true quantile of the start in `confidence` of all cases; its upper end is infinite
    # where too few starts bound it. None for a prior.
    interval: tuple[float, float] | None = None
    confidence: float = 0.8
