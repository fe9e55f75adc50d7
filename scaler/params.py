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


class Mode(StrEnum):
    """What the answer rests on."""

    PREDICT = "predict"  # the forecast and the observed demand
    OBSERVE = "observe"  # the observed demand alone; forecasts are computed and exported
    PROVE = "prove"  # observe until the ledger has shown that predict wins, then that
    ADVISE = "advise"  # observe, say when predict would win, and wait for a person


class OnStale(StrEnum):
    """What is answered once the newest observation is older than `stale_after_seconds`."""

    HOLD = "hold"  # the last good answer
    FLOOR = "floor"  # the warm floor
    ERROR = "error"  # UNAVAILABLE, so that KEDA's `fallback` can act


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

    def __post_init__(self) -> None:
        if not (self.threshold > 0 and isfinite(self.threshold)):
            raise ValueError(f"threshold must be finite and > 0, got {self.threshold!r}")
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile must lie in (0, 1), got {self.quantile!r}")
        if self.warm_floor > self.max_replicas:
            raise ValueError(
                f'warmFloor: "{self.warm_floor}" is above maxReplicas ({self.max_replicas}); '
                f"allowed is a whole number from 0 to maxReplicas"
            )
        if self.stale_after_seconds < self.step_seconds:
            raise ValueError(
                f'staleAfterSeconds: "{self.stale_after_seconds:g}" is below stepSeconds '
                f"({self.step_seconds:g}); allowed is stepSeconds or more"
            )
