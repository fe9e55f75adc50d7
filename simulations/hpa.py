"""The HPA's arithmetic for one external metric of type AverageValue.

From `replica_calculator.go` and `horizontal.go` (Kubernetes 1.33 to 1.37). Pure: time is an
argument. The sync period is taken as 15 s or longer, so that each default policy (per 15 s) sees
one sync at most.

One sync, in order
1. Off at 0 replicas; above maxReplicas or below minReplicas: straight back inside.
2. ratio = usage / (target x status.replicas). Within [1 - tolerance, 1 + tolerance], both ends
   included: keep. Else ceil(usage / target). Pods that still start count like all others.
3. Stabilise: scaling down takes the largest proposal of the last 300 s.
4. Limit the step up, by one of two rules: `max(2 n, 4)` when the object sets no `behavior`, and
   `max(n + 4, 2 n)` as soon as it sets any field of it.
5. Clamp to [minReplicas, maxReplicas].
"""

from dataclasses import dataclass
from math import ceil

DEFAULT_TOLERANCE = 0.1
FIRST_STEP_UP = 4  # pods, in both rules


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaSpec:
    """What the HPA object says. `is_behavior_set`: any field of `behavior` is given."""

    min_replicas: int = 1
    max_replicas: int = 100
    scale_up_tolerance: float = DEFAULT_TOLERANCE
    scale_down_tolerance: float = DEFAULT_TOLERANCE
    is_behavior_set: bool = False
    scale_down_stabilization_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaState:
    """Proposals of the last syncs, as (time, replicas), oldest first."""

    proposals: tuple[tuple[float, int], ...] = ()


def propose(usage_milli: int, target_milli: int, *, replicas: int, spec: HpaSpec) -> int:
    """Return the replicas that the metric asks for. Needs `replicas` and `target_milli` > 0."""
    ratio = usage_milli / (target_milli * replicas)
    if 1.0 - spec.scale_down_tolerance <= ratio <= 1.0 + spec.scale_up_tolerance:
        return replicas
    return ceil(usage_milli / target_milli)


def step_up_limit(replicas: int, spec: HpaSpec) -> int:
    """Return the most replicas that one sync may set."""
    if spec.is_behavior_set:
        return max(replicas + FIRST_STEP_UP, 2 * replicas)
    return max(2 * replicas, FIRST_STEP_UP)


def sync(
    state: HpaState,
    spec: HpaSpec,
    *,
    at: float,
    replicas: int,
    usage_milli: int,
    target_milli: int,
) -> tuple[HpaState, int]:
    """Return what to remember, and the replicas that the HPA sets at `at` (Unix seconds)."""
    if replicas == 0:
        return state, 0
    if not spec.min_replicas <= replicas <= spec.max_replicas:
        return state, _clamped(replicas, spec)
    proposal = propose(usage_milli, target_milli, replicas=replicas, spec=spec)
    earlier = state.proposals or ((at, replicas),)
    since = at - spec.scale_down_stabilization_seconds
    recent = (*(entry for entry in earlier if entry[0] > since), (at, proposal))
    stable = _stabilised(proposal, max(count for _, count in recent), replicas, spec)
    limited = min(stable, step_up_limit(replicas, spec))
    return HpaState(proposals=recent), _clamped(limited, spec)


def _stabilised(proposal: int, highest: int, replicas: int, spec: HpaSpec) -> int:
    """Return the proposal after scale-down stabilisation.

    Without `behavior` the highest recent proposal counts in both directions: one that the step
    limit cut short goes on rising, although it is not asked for any more.
    """
    if not spec.is_behavior_set:
        return highest
    return min(max(replicas, proposal), highest)


def _clamped(replicas: int, spec: HpaSpec) -> int:
    return min(max(replicas, spec.min_replicas), spec.max_replicas)
