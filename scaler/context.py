"""What a rule of the policy may look at, with what several of them need worked out once."""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from scaler.capacity import replicas_for
from scaler.fleet import Fleet
from scaler.params import Mode, TargetParams
from scaler.trail import Trail
from scaler.types import Evidence, PolicyState, Seen


class Needs(NamedTuple):
    """Replicas that carry the demand that is there, the forecast, and the one of the keep window.

    0 without fresh evidence, and where there is no forecast.
    """

    observed: int
    forecast: int
    ahead: int


@dataclass(slots=True, kw_only=True, eq=False)
class Context:
    """Written once, when it is made; not frozen because fifty thousand a second are made.

    `demand` is what has to be carried within the lead time: the observed one, and with `predicts`
    the forecast. `fleet` is None where what the rules work out is not what the cluster does.
    """

    seen: Seen
    params: TargetParams
    state: PolicyState
    trail: Trail
    predicts: bool
    is_fresh: bool  # demand is known well enough to shrink on
    threshold: float
    needs: Needs
    demand: float
    held: int | None  # the answer before this one
    fleet: Fleet | None
    lead_seconds: float
    limit: int  # the most replicas that may be asked for

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is there, nor expected, that would wake a target from zero."""
        return not self.demand > self.params.activation_threshold


def raised_limit(needed: int, buffer: float) -> int:
    """Return AWS's effective maximum: 50 needed and a buffer of 0.1 make 55."""
    return needed + ceil(round(needed * buffer, 9))


def context_of(
    state: PolicyState,
    seen: Seen,
    params: TargetParams,
    *,
    mode: Mode,
    threshold: float,
    needs: Needs,
) -> Context:
    """Return what the rules see when they work out the outcome of `mode`."""
    predicts = mode is Mode.PREDICT
    is_fresh = seen.evidence is Evidence.FRESH
    trail = state.predicted if predicts else state.reactive
    forecast = seen.forecast
    demand = seen.observed_demand if is_fresh else 0.0
    if predicts and is_fresh and forecast is not None and forecast.value > demand:
        demand = forecast.value
    return Context(
        seen=seen,
        params=params,
        state=state,
        trail=trail,
        predicts=predicts,
        is_fresh=is_fresh,
        threshold=threshold,
        needs=needs,
        demand=demand,
        held=trail.held(seen.as_of),
        fleet=seen.fleet if mode is params.mode else None,
        lead_seconds=params.lead_time_seconds if seen.lead_seconds is None else seen.lead_seconds,
        limit=_limit(seen.fleet, params, needs, predicts=predicts),
    )


def _limit(fleet: Fleet | None, params: TargetParams, needs: Needs, *, predicts: bool) -> int:
    """Return maxReplicas, or what the forecast and the object's maxReplicaCount make of it."""
    limit, buffer = params.max_replicas, params.max_capacity_buffer
    if buffer is not None and predicts:
        limit = max(limit, raised_limit(needs.forecast, buffer))
    if fleet is not None and fleet.max_replicas is not None:
        limit = min(limit, fleet.max_replicas)  # the HPA stops there, whatever is asked for
        return max(limit, params.warm_floor)
    return limit


def needs_of(seen: Seen, threshold: float) -> Needs:
    """Return what fresh evidence needs when one replica carries `threshold`."""
    if seen.evidence is not Evidence.FRESH:
        return NO_NEEDS
    forecast, ahead = seen.forecast, seen.forecast_ahead
    return Needs(
        replicas_for(seen.observed_demand, threshold),
        0 if forecast is None else replicas_for(forecast.value, threshold),
        0 if ahead is None else replicas_for(ahead.value, threshold),
    )


NO_NEEDS = Needs(0, 0, 0)


def threshold_in_force(state: PolicyState, seen: Seen, params: TargetParams) -> float:
    """Return the demand that one replica is taken to carry.

    What was learned stays in force when its evidence is gone: a lost estimate must not swap a
    fleet for one that some prior thinks enough.
    """
    if seen.carried is not None:
        return seen.carried.threshold
    return params.threshold if state.learned_threshold is None else state.learned_threshold
