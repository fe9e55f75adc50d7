"""Every knob of a target, with its unit, its bounds and the reason for its default."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from zoneinfo import ZoneInfo

# A pod with nothing cached needs about 300 s until it answers (image 61 s, weights 33 s,
# compilation 42 s, graphs 54 s, engine 94 s and more: tensorfuse.io 2025-09, 8B on L40S); KEDA's
# poll and the HPA's sync add up to 30 s. Too long a lead costs some idle GPU time, too short a
# one costs waiting users, so the prior is the long one.
AUTO_LEAD_TIME_SECONDS = 330.0

# KEDA's own default for maxReplicaCount, which it does not send us.
DEFAULT_MAX_REPLICAS = 100

# Five missed minutes: longer than a Prometheus restart, shorter than a cold start.
STALE_AFTER_STEPS = 5


# The level of the forecast of the keep window. A replica that is kept in vain costs the break-even
# idle time, which is the price of the start that keeping it saves; so even odds settle it.
KEEP_LEVEL = 0.5


class Mode(StrEnum):
    """What the answer rests on."""

    PREDICT = "predict"  # the forecast and the observed demand
    OBSERVE = "observe"  # the observed demand alone; forecasts are computed and exported
    PROVE = "prove"  # observe until the ledger has shown that predict wins, then that
    ADVISE = "advise"  # observe, say when predict would win, and wait for a person


class MaxCapacityBehavior(StrEnum):
    """What a forecast above `max_replicas` does; AWS's own words (predictive scaling policies)."""

    HONOR = "HonorMaxCapacity"  # it is cut, and the shortfall is shown
    INCREASE = "IncreaseMaxCapacity"  # the ceiling rises with it


class OnStale(StrEnum):
    """What is answered once the newest observation is older than `stale_after_seconds`."""

    HOLD = "hold"  # the last good answer
    FLOOR = "floor"  # the warm floor
    ERROR = "error"  # UNAVAILABLE, so that KEDA's `fallback` can act


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleDownLimit:
    """How much may go within any `seconds`: `replicas` of them, or a `ratio` of the highest count.

    One replica may always go, or a ratio would never let the last ones.
    """

    seconds: float
    replicas: int | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        if (self.replicas is None) == (self.ratio is None):
            raise ValueError("either replicas or a ratio")

    def lowest(self, highest: int) -> int:
        """Return the least count allowed when `highest` was in force within the last `seconds`."""
        if self.replicas is not None:
            return max(0, highest - self.replicas)
        may_go = int(highest * (self.ratio or 0.0) + 1e-9)
        return max(0, highest - (may_go or 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofMargins:
    """What `mode: prove` and `advise` want shown, and on how many whole days."""

    days: int = 7  # a whole week: weekends differ
    min_saved_ratio: float = 0.2  # of the shortage that the reactive scaler has
    max_extra_ratio: float = 0.2  # of the replica-time that it costs


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetParams:
    """How one target is scaled.

    Raises ValueError, in the words of the trigger's keys, when two of them contradict each other.
    """

    threshold: float  # demand that one replica carries, > 0
    zone: ZoneInfo  # gives time of day and weekday their meaning
    activation_threshold: float = 0.0  # demand above it wakes the target from zero
    warm_floor: int = 0  # 0: minReplicaCount alone decides, so scaling to zero stays possible
    max_replicas: int = DEFAULT_MAX_REPLICAS
    lead_time_seconds: float = AUTO_LEAD_TIME_SECONDS
    quantile: float = 0.95  # one window in twenty may ask for more than was made ready
    history_days: float = 28.0  # four weeks: each weekday is seen four times
    step_seconds: float = 60.0
    stale_after_seconds: float = 300.0
    mode: Mode = Mode.PREDICT
    margins: ProofMargins = field(default_factory=ProofMargins)
    is_approved: bool = False  # `mode: advise` where no cluster can be asked for the annotation
    on_stale: OnStale = OnStale.HOLD
    # The idle time that costs as much as a start. A start bills the replica for as long as it
    # takes, so None, the lead time, is right but for fees; 0 keeps nothing for later.
    break_even_seconds: float | None = None
    release_margin: float = 0.0  # 0: the HPA's own scale-down window of 300 s settles noise
    scale_down_limit: ScaleDownLimit | None = None
    # 0: our manifests set scaleUp.tolerance to 0. A tolerance that the HPA doesn't have would ask
    # for up to a tenth more than is needed; one that it has and we don't know of, for too little.
    hpa_tolerance: float = 0.0
    hpa_scale_down_tolerance: float = 0.0
    # maxCapacityBehavior IncreaseMaxCapacity: the ceiling rises to the forecast and this share
    # more. None: HonorMaxCapacity.
    max_capacity_buffer: float | None = None
    # What a replica-hour too few costs, and one too many; they give `quantile` (newsvendor).
    miss_cost_per_replica_hour: float | None = None
    gpu_price_per_hour: float | None = None  # of all GPUs of one replica

    def keep_seconds(self, lead_seconds: float) -> float:
        """Return the idle time that costs as much as a start of `lead_seconds`."""
        return lead_seconds if self.break_even_seconds is None else self.break_even_seconds

    def __post_init__(self) -> None:
        if not (self.threshold > 0 and isfinite(self.threshold)):
            raise ValueError(f"threshold must be finite and > 0, got {self.threshold!r}")
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile must lie in (0, 1), got {self.quantile!r}")
        problem = floor_problem(self.warm_floor, self.max_replicas) or stale_problem(
            self.stale_after_seconds, self.step_seconds
        )
        if problem:
            raise ValueError(problem)


def floor_problem(warm_floor: int, max_replicas: int) -> str:
    """Return why the two contradict each other, "" when they don't."""
    if warm_floor <= max_replicas:
        return ""
    return (
        f'warmFloor: "{warm_floor}" is above maxReplicas ({max_replicas}); '
        "allowed is a whole number from 0 to maxReplicas"
    )


def stale_problem(stale_after_seconds: float, step_seconds: float) -> str:
    """Return why the two contradict each other, "" when they don't."""
    if stale_after_seconds >= step_seconds:
        return ""
    return (
        f'staleAfterSeconds: "{stale_after_seconds:g}" is below stepSeconds '
        f"({step_seconds:g}); allowed is stepSeconds or more"
    )
