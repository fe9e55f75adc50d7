"""What an HPA object and its controller's flags say."""

from dataclasses import dataclass

from simulations.autoscaling.behavior import Behavior

DEFAULT_TOLERANCE = 0.1
DEFAULT_DOWNSCALE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaSpec:
    """An HPA. `behavior` is None where the object has no field of it.

    `tolerance` and `downscale_seconds` are flags of kube-controller-manager
    (`--horizontal-pod-autoscaler-tolerance` and `-downscale-stabilization`).
    """

    min_replicas: int = 1
    max_replicas: int = 100
    behavior: Behavior | None = None
    tolerance: float = DEFAULT_TOLERANCE
    downscale_seconds: float = DEFAULT_DOWNSCALE_SECONDS

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ValueError(
                "minReplicas must be in [0, maxReplicas] and maxReplicas >= 1, "
                f"got {self.min_replicas!r} and {self.max_replicas!r}"
            )
        if not self.tolerance >= 0.0:
            raise ValueError(f"tolerance must be >= 0, got {self.tolerance!r}")
        if not self.downscale_seconds >= 0.0:
            raise ValueError(f"downscale_seconds must be >= 0, got {self.downscale_seconds!r}")

    @property
    def up_tolerance(self) -> float:
        """By which share of the target usage may lie above it and change nothing."""
        own = self.behavior.up.tolerance if self.behavior else None
        return self.tolerance if own is None else own

    @property
    def down_tolerance(self) -> float:
        """By which share of the target usage may lie below it and change nothing."""
        own = self.behavior.down.tolerance if self.behavior else None
        return self.tolerance if own is None else own

    @property
    def up_window_seconds(self) -> float:
        """How long scaling up takes the lowest proposal."""
        own = self.behavior.up.stabilization_seconds if self.behavior else None
        return 0.0 if own is None else own

    @property
    def down_window_seconds(self) -> float:
        """How long scaling down takes the highest proposal."""
        own = self.behavior.down.stabilization_seconds if self.behavior else None
        return self.downscale_seconds if own is None else own
