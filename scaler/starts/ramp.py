"""How long the way from a decision to its pods is: KEDA's poll, the HPA's sync, and its ramp.

The HPA's own arithmetic (`podautoscaler/horizontal.go`, Kubernetes 1.33 to 1.37). A sync sets at
most what the scale-up policies allow: a policy's value on top of what there was before the changes
of its last period. An object that sets no field of `behavior` has another rule: max(2 n, 4).
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf

HPA_SYNC_SECONDS = 15.0  # --horizontal-pod-autoscaler-sync-period's default, which no object shows
POLL_SECONDS = 30.0  # KEDA's default for pollingInterval
LONGEST_SECONDS = 21_600.0  # a ramp that takes longer than the longest lead time never arrives


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One scale-up policy of the HPA: so many pods, or so many percent, each period."""

    is_percent: bool
    value: int
    period_seconds: float

    def limit(self, before: int) -> int:
        """Return what it allows on top of the count `before` its period."""
        return ceil(before * (1 + self.value / 100)) if self.is_percent else before + self.value


DEFAULT_POLICIES = (
    Policy(is_percent=False, value=4, period_seconds=15.0),
    Policy(is_percent=True, value=100, period_seconds=15.0),
)


class Select(StrEnum):
    """Which policy counts where there are several."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleUp:
    """The HPA's scale-up rules. `is_set`: the object gives any field of `behavior`."""

    is_set: bool = False
    policies: tuple[Policy, ...] = DEFAULT_POLICIES
    select: Select = Select.MAX
    stabilization_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.policies:
            raise ValueError("policies: none given; where the object gives none, the HPA's hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What lies between an answer of ours and the pods that it asks for."""

    scale_up: ScaleUp = ScaleUp()
    sync_seconds: float = HPA_SYNC_SECONDS
    poll_seconds: float = POLL_SECONDS
    is_cached: bool = False  # `useCachedMetrics`: the HPA sees an answer of the last poll
    min_replicas: int = 0


def scaling_seconds(current: int, wanted: int, pace: Pace) -> float:
    """Return how long it may take until all of `wanted` are asked for; inf where that never is.

    The longest way: an answer that comes just after a poll and a sync waits for the next ones. From
    zero KEDA's poll sets the first replicas, and the HPA then acts at once.
    """
    if pace.scale_up.select is Select.DISABLED and wanted > current:
        return inf
    is_asleep = current == 0
    seconds = pace.poll_seconds if is_asleep or pace.is_cached else 0.0
    if is_asleep:
        current = max(1, pace.min_replicas)
    else:
        seconds += pace.sync_seconds
    rules = pace.scale_up
    if wanted > current:
        seconds += rules.stabilization_seconds if rules.is_set else 0.0
    return seconds + ramp_seconds(current, wanted, rules, pace.sync_seconds)


def ramp_seconds(current: int, wanted: int, rules: ScaleUp, sync_seconds: float) -> float:
    """Return the time from the first sync that scales up to the one that reaches `wanted`."""
    changes: list[tuple[float, int]] = []
    replicas = current
    for number in range(int(LONGEST_SECONDS / sync_seconds) + 1):
        at = number * sync_seconds
        if replicas >= wanted:
            return changes[-1][0] if changes else 0.0
        after = min(wanted, _limit(replicas, changes, rules, at))
        if after > replicas:
            changes.append((at, after - replicas))
            replicas = after
    return inf


def _limit(replicas: int, changes: list[tuple[float, int]], rules: ScaleUp, at: float) -> int:
    if not rules.is_set:
        return max(2 * replicas, 4)
    limits = []
    for policy in rules.policies:
        recent = sum(added for since, added in changes if at - since < policy.period_seconds)
        limits.append(policy.limit(replicas - recent))
    return max(replicas, min(limits) if rules.select is Select.MIN else max(limits))
