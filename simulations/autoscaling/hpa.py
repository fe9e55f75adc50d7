"""One sync of the HPA, pure: time is an argument and the state a value.

From `horizontal.go` and `replica_calculator.go` of Kubernetes 1.37. One sync, in order:

1. The first sync of all notes the replicas as if they had been asked for: nothing is removed for
   the first 300 s of a controller.
2. Off at 0 replicas, unless the HPA itself went there. Above `maxReplicas` or below `minReplicas`:
   straight back, whatever the metrics say and with no step rule.
3. The largest proposal of the metrics (`proposals`). Where it can't be told, nothing changes and
   nothing is noted.
4. Stabilise (`stabilization`), then limit the step and the count (`limits`). Without `behavior` the
   highest recent proposal holds in both directions: a rise that the step rule cut short goes on,
   although it isn't asked for any more.
5. What was really changed is an event that the policies' periods look back on (`events`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulations.autoscaling.events import stored
from simulations.autoscaling.limits import (
    NONE_YET,
    Rescales,
    limited_down,
    limited_up,
    limited_without_behavior,
)
from simulations.autoscaling.proposals import Fleet, Reading, desired
from simulations.autoscaling.spec import HpaSpec
from simulations.autoscaling.stabilization import Recommendation, between, highest, lowest


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaState:
    """What a controller remembers of one HPA. `is_asleep`: it scaled its target to 0 itself."""

    recommendations: tuple[Recommendation, ...] = ()  # oldest first
    past: Rescales = NONE_YET
    is_asleep: bool = False


def sync(
    state: HpaState, spec: HpaSpec, readings: Sequence[Reading], *, at: float, fleet: Fleet
) -> tuple[HpaState, int]:
    """Return what to remember, and the `spec.replicas` that the HPA leaves behind at `at`."""
    if not state.recommendations:
        state = replace(state, recommendations=(Recommendation(at, fleet.wanted),))
    outside = guarded(fleet.wanted, spec, is_asleep=state.is_asleep)
    if outside is not None:
        return _rescaled(state, spec, fleet.wanted, outside, at=at), outside
    asked = desired(readings, fleet, spec)
    if asked is None:
        return state, fleet.wanted
    stable = _stabilised(state, spec, asked, fleet.wanted, at=at)
    state = replace(state, recommendations=_noted(state, spec, asked, at=at))
    replicas = limited(fleet.wanted, stable, spec, state.past, at=at)
    return _rescaled(state, spec, fleet.wanted, replicas, at=at), replicas


def guarded(wanted: int, spec: HpaSpec, *, is_asleep: bool) -> int | None:
    """Return the replicas that are set without a look at the metrics, or None to look."""
    if wanted == 0:
        return None if is_asleep else 0
    if wanted > spec.max_replicas:
        return spec.max_replicas
    return spec.min_replicas if wanted < spec.min_replicas else None


def limited(wanted: int, stable: int, spec: HpaSpec, past: Rescales, *, at: float) -> int:
    """Return the replicas after the step rules and the bounds."""
    if spec.behavior is None:
        return limited_without_behavior(wanted, stable, spec).replicas
    replicas = stable
    if stable > wanted:
        rules = spec.behavior.up
        replicas = limited_up(wanted, stable, spec, rules=rules, past=past, at=at).replicas
    elif stable < wanted:
        rules = spec.behavior.down
        replicas = limited_down(wanted, stable, spec, rules=rules, past=past, at=at).replicas
    # It slept, and minReplicas was raised meanwhile: no step rule holds then.
    return spec.min_replicas if wanted == 0 and replicas < spec.min_replicas else replicas


def remembered(past: Rescales, spec: HpaSpec, wanted: int, replicas: int, *, at: float) -> Rescales:
    """Return the rescales with the one from `wanted` to `replicas`, where there is one."""
    if spec.behavior is None or replicas == wanted:
        return past
    if replicas > wanted:
        longest = spec.behavior.up.longest_period_seconds
        up = stored(past.up, replicas - wanted, at=at, longest_seconds=longest)
        return Rescales(up, past.down)
    longest = spec.behavior.down.longest_period_seconds
    return Rescales(past.up, stored(past.down, wanted - replicas, at=at, longest_seconds=longest))


def _stabilised(state: HpaState, spec: HpaSpec, asked: int, wanted: int, *, at: float) -> int:
    high = highest(asked, state.recommendations, since=at - spec.down_window_seconds)
    if spec.behavior is None:
        return high
    low = lowest(asked, state.recommendations, since=at - spec.up_window_seconds)
    return between(wanted, low=low, high=high)


def _noted(state: HpaState, spec: HpaSpec, asked: int, *, at: float) -> tuple[Recommendation, ...]:
    since = at - max(spec.down_window_seconds, spec.up_window_seconds)
    kept = (one for one in state.recommendations if one.at > since)
    return (*kept, Recommendation(at, asked))


def _rescaled(state: HpaState, spec: HpaSpec, wanted: int, replicas: int, *, at: float) -> HpaState:
    if replicas == wanted:
        return state
    return replace(
        state,
        past=remembered(state.past, spec, wanted, replicas, at=at),
        is_asleep=replicas == 0,
    )
