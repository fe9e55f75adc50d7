"""What the `behavior` of an HPA says, with the API server's defaults and limits.

As soon as an object has any field of `behavior`, each field that it leaves out gets its default
(`pkg/apis/autoscaling/v2/defaults.go`). An object without `behavior` is scaled by other rules.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_STABILIZATION_SECONDS = 3_600.0
MAX_PERIOD_SECONDS = 1_800.0


class PolicyKind(StrEnum):
    """What a policy's value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class Select(StrEnum):
    """Which of several policies holds: of the largest change, of the smallest, or no change."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """At most `value` pods, or percent of the replicas, more or less within a period."""

    kind: PolicyKind
    value: int
    period_seconds: float

    def __post_init__(self) -> None:
        if not self.value > 0:
            raise ValueError(f"a policy's value must be > 0, got {self.value!r}")
        if not 0.0 < self.period_seconds <= MAX_PERIOD_SECONDS:
            raise ValueError(
                f"periodSeconds must be in (0, {MAX_PERIOD_SECONDS:g}], got {self.period_seconds!r}"
            )


DEFAULT_UP = (
    ScalingPolicy(PolicyKind.PODS, 4, 15.0),
    ScalingPolicy(PolicyKind.PERCENT, 100, 15.0),
)
DEFAULT_DOWN = (ScalingPolicy(PolicyKind.PERCENT, 100, 15.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRules:
    """Rules of one direction. `stabilization_seconds` and `tolerance`: None is left out.

    Without a window scaling up has none, and scaling down takes the controller's (300 s).
    """

    policies: tuple[ScalingPolicy, ...]
    select: Select = Select.MAX
    stabilization_seconds: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not self.policies:
            raise ValueError("policies must name at least one")
        window = self.stabilization_seconds
        if window is not None and not 0.0 <= window <= MAX_STABILIZATION_SECONDS:
            raise ValueError(
                "stabilizationWindowSeconds must be in "
                f"[0, {MAX_STABILIZATION_SECONDS:g}], got {window!r}"
            )
        if self.tolerance is not None and not self.tolerance >= 0.0:
            raise ValueError(f"tolerance must be >= 0, got {self.tolerance!r}")

    @property
    def longest_period_seconds(self) -> float:
        """The longest period of its policies."""
        return max(policy.period_seconds for policy in self.policies)


def scale_up(
    *,
    policies: tuple[ScalingPolicy, ...] = DEFAULT_UP,
    select: Select = Select.MAX,
    stabilization_seconds: float = 0.0,
    tolerance: float | None = None,
) -> ScalingRules:
    """Return rules for scaling up, with the defaults of what is left out."""
    return ScalingRules(
        policies=policies,
        select=select,
        stabilization_seconds=stabilization_seconds,
        tolerance=tolerance,
    )


def scale_down(
    *,
    policies: tuple[ScalingPolicy, ...] = DEFAULT_DOWN,
    select: Select = Select.MAX,
    stabilization_seconds: float | None = None,
    tolerance: float | None = None,
) -> ScalingRules:
    """Return rules for scaling down, with the defaults of what is left out."""
    return ScalingRules(
        policies=policies,
        select=select,
        stabilization_seconds=stabilization_seconds,
        tolerance=tolerance,
    )


DEFAULT_UP_RULES = scale_up()
DEFAULT_DOWN_RULES = scale_down()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """`spec.behavior`. `Behavior()` is the one that the API server makes of an empty one."""

    up: ScalingRules = DEFAULT_UP_RULES
    down: ScalingRules = DEFAULT_DOWN_RULES
