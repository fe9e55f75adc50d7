"""What KEDA itself does: it polls, wakes a target from 0 and puts it to sleep.

Between its minimum and maximum the HPA decides. A poll writes `spec.replicas` in three cases only,
which are those of `poll` (`scale_scaledobjects.go` of KEDA 2.21).
"""

from dataclasses import dataclass, replace

from simulations.autoscaling.behavior import Behavior
from simulations.autoscaling.spec import HpaSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledObjectSpec:
    """The fields of a ScaledObject that matter here, with KEDA's defaults.

    `uses_cached_metrics`: the HPA is given the metrics of the last poll, not of the moment.
    """

    min_replicas: int = 0
    max_replicas: int = 100
    idle_replicas: int | None = None
    polling_seconds: float = 30.0
    cooldown_seconds: float = 300.0
    initial_cooldown_seconds: float = 0.0
    uses_cached_metrics: bool = False
    behavior: Behavior | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ValueError(
                "minReplicaCount must be in [0, maxReplicaCount] and maxReplicaCount >= 1, "
                f"got {self.min_replicas!r} and {self.max_replicas!r}"
            )
        idle = self.idle_replicas
        if idle is not None and not 0 <= idle < max(1, self.min_replicas):
            raise ValueError(
                f"idleReplicaCount must be >= 0 and less than minReplicaCount "
                f"({self.min_replicas}), got {idle!r}"
            )
        if not self.polling_seconds > 0.0:
            raise ValueError(f"pollingInterval must be > 0, got {self.polling_seconds!r}")
        for key, seconds in (
            ("cooldownPeriod", self.cooldown_seconds),
            ("initialCooldownPeriod", self.initial_cooldown_seconds),
        ):
            if not seconds >= 0.0:
                raise ValueError(f"{key} must be >= 0, got {seconds!r}")

    def hpa(self, **flags: float) -> HpaSpec:
        """Return the HPA that KEDA makes: it never goes below one replica by itself.

        `flags` are `HpaSpec`'s `tolerance` and `downscale_seconds`.
        """
        return HpaSpec(
            min_replicas=max(1, self.min_replicas),
            max_replicas=self.max_replicas,
            behavior=self.behavior,
            **flags,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaState:
    """What KEDA remembers. `active_at` is None until the first poll that found it active."""

    created_at: float
    active_at: float | None = None


def poll(
    state: KedaState, spec: ScaledObjectSpec, *, at: float, replicas: int, is_active: bool
) -> tuple[KedaState, int]:
    """Return what to remember, and the `spec.replicas` that one poll leaves behind at `at`."""
    if is_active:
        return replace(state, active_at=at), _awake(replicas, spec)
    return state, _at_rest(state, spec, at, replicas)


def _awake(replicas: int, spec: ScaledObjectSpec) -> int:
    is_idle = spec.idle_replicas is not None and replicas < spec.min_replicas
    return max(1, spec.min_replicas) if replicas == 0 or is_idle else replicas


def _at_rest(state: KedaState, spec: ScaledObjectSpec, at: float, replicas: int) -> int:
    lowest = spec.min_replicas if spec.idle_replicas is None else spec.idle_replicas
    may_rest = spec.idle_replicas is not None or spec.min_replicas == 0
    if may_rest and replicas > lowest:
        return lowest if _has_cooled_down(state, spec, at) else replicas
    return spec.min_replicas if spec.idle_replicas is None and replicas < lowest else replicas


def _has_cooled_down(state: KedaState, spec: ScaledObjectSpec, at: float) -> bool:
    """Return whether the cooldown is over.

    KEDA keeps the time of activity in whole seconds, rounded down, so that the poll after exactly
    the cooldown finds it over.
    """
    if state.active_at is None:
        return at - state.created_at >= spec.initial_cooldown_seconds
    return at - state.active_at >= spec.cooldown_seconds
