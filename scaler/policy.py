"""The decision: a visible tuple of small rules, each named in the steps of what it decided.

Theory of operation: a count starts at 0 and passes the rules in order. The first ones say what
fresh evidence asks for, `answer_stale` stands in for them without it, and the last ones bound the
result. A rule changes the count or leaves it alone; it reads no clock and keeps no state.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scaler.capacity import replicas_for
from scaler.params import Mode, OnStale, TargetParams
from scaler.types import Decision, Evidence, PolicyState, Seen, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that a rule may look at."""

    seen: Seen
    params: TargetParams
    state: PolicyState

    @property
    def is_fresh(self) -> bool:
        """Whether demand is known well enough to shrink on."""
        return self.seen.evidence is Evidence.FRESH


Rule = Callable[[int, Context], int]


def cover_forecast(replicas: int, context: Context) -> int:
    """Carry the forecast peak of the lead time ahead."""
    forecast = context.seen.forecast
    if not context.is_fresh or forecast is None or context.params.mode is not Mode.PREDICT:
        return replicas
    return max(replicas, replicas_for(forecast.value, context.params.threshold))


def cover_observed(replicas: int, context: Context) -> int:
    """Carry what is there now, whatever the forecast says."""
    if not context.is_fresh:
        return replicas
    return max(replicas, replicas_for(context.seen.observed_demand, context.params.threshold))


def sleep_when_quiet(replicas: int, context: Context) -> int:
    """Let the target go to zero while neither forecast nor demand passes activationThreshold."""
    if not context.is_fresh:
        return replicas
    demand = context.seen.observed_demand
    forecast = context.seen.forecast
    if forecast is not None and context.params.mode is Mode.PREDICT:
        demand = max(demand, forecast.value)
    return replicas if demand > context.params.activation_threshold else 0


def answer_stale(replicas: int, context: Context) -> int:
    """Without fresh evidence: hold the last good answer, or leave it to the warm floor."""
    if context.is_fresh or context.params.on_stale is OnStale.FLOOR:
        return replicas
    return max(replicas, context.state.last_good_replicas or 0)


def warm_floor(replicas: int, context: Context) -> int:
    """Never fall under the warm floor."""
    return max(replicas, context.params.warm_floor)


def ceiling(replicas: int, context: Context) -> int:
    """Never ask for more than maxReplicas."""
    return min(replicas, context.params.max_replicas)


RULES: tuple[Rule, ...] = (
    cover_forecast,
    cover_observed,
    sleep_when_quiet,
    answer_stale,
    warm_floor,
    ceiling,
)


def decide(state: PolicyState, seen: Seen, params: TargetParams) -> tuple[PolicyState, Decision]:
    """Return what to answer as of `seen.as_of`, and what to remember for the next tick.

    Laws: warm floor <= replicas <= max; monotone in observed demand and forecast; without fresh
    evidence the answer never falls below the last good one unless the trigger says so.
    """
    context = Context(seen=seen, params=params, state=state)
    steps = _apply(context)
    replicas = steps[-1].after
    decision = Decision(
        replicas=replicas,
        is_active=_is_active(replicas, context),
        is_withheld=_is_withheld(context),
        steps=steps,
        seen=seen,
        predicted_replicas=_outcome(context, Mode.PREDICT),
        reactive_replicas=_outcome(context, Mode.OBSERVE),
    )
    return (PolicyState(last_good_replicas=replicas) if context.is_fresh else state), decision


def _apply(context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    replicas = 0
    for rule in RULES:
        after = rule(replicas, context)
        steps.append(Step(rule=rule.__name__, before=replicas, after=after))
        replicas = after
    return tuple(steps)


def _outcome(context: Context, mode: Mode) -> int:
    return _apply(replace(context, params=replace(context.params, mode=mode)))[-1].after


def _is_active(replicas: int, context: Context) -> bool:
    """Awake when replicas are wanted, and also while nothing is known: unknown is not zero."""
    if replicas > 0:
        return True
    is_unknown = context.seen.evidence is Evidence.UNKNOWN
    return is_unknown and context.params.on_stale is OnStale.HOLD


def _is_withheld(context: Context) -> bool:
    is_old = context.seen.evidence in {Evidence.UNKNOWN, Evidence.STALE}
    return is_old and context.params.on_stale is OnStale.ERROR
