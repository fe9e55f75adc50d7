"""The decision: a visible tuple of small rules, each named in the steps of what it decided.

Theory of operation: a count starts at 0 and passes the rules in order. The first ones say what
fresh evidence asks for, `answer_stale` stands in for them without it, and the last ones bound the
result. A rule changes the count or leaves it alone; it reads no clock and keeps no state. What must
be remembered is a value, `PolicyState`, that goes in and comes out.
"""

from functools import lru_cache

from scaler.context import Context, context_of, needs_of, threshold_in_force
from scaler.params import Mode, OnStale, TargetParams
from scaler.rules import RULES, Rule, ceiling
from scaler.shortfall import shortfall_of
from scaler.types import Decision, Evidence, PolicyState, Seen, Step

__all__ = ["RULES", "Rule", "decide"]

_NAMED = tuple((rule.__name__, rule) for rule in RULES)
_CEILING = RULES.index(ceiling)
_make_step = lru_cache(maxsize=65_536)(  # most steps of a target are those of its last tick
    lambda rule, before, after: Step(rule=rule, before=before, after=after)
)


def decide(state: PolicyState, seen: Seen, params: TargetParams) -> tuple[PolicyState, Decision]:
    """Return what to answer as of `seen.as_of`, and what to remember for the next tick.

    Laws: floor <= replicas <= ceiling; monotone in observed demand and forecast; without fresh
    evidence the answer never falls below the last good one, nor without one below what runs, unless
    the trigger says so; deciding again on the same evidence changes nothing.
    """
    predicts = params.mode is Mode.PREDICT
    threshold = threshold_in_force(state, seen, params)
    needs = needs_of(seen, threshold)
    unchosen = Mode.OBSERVE if predicts else Mode.PREDICT
    context = context_of(state, seen, params, mode=params.mode, threshold=threshold, needs=needs)
    other = context_of(state, seen, params, mode=unchosen, threshold=threshold, needs=needs)
    steps = _apply(context)
    replicas, alone = steps[-1].after, _outcome(other)
    decision = Decision(
        replicas=replicas,
        is_active=_is_active(replicas, context),
        is_withheld=_is_withheld(context),
        steps=steps,
        seen=seen,
        predicted_replicas=replicas if predicts else alone,
        reactive_replicas=alone if predicts else replicas,
        threshold=threshold,
        shortfall=shortfall_of(context, steps[_CEILING].before, replicas),
    )
    return _next_state(context, decision), decision


def _apply(context: Context) -> tuple[Step, ...]:
    """Return what each rule made of the count, in order."""
    steps: list[Step] = []
    replicas = 0
    for name, rule in _NAMED:
        after = rule(replicas, context)
        steps.append(_make_step(name, replicas, after))
        replicas = after
    return tuple(steps)


def _outcome(context: Context) -> int:
    replicas = 0
    for rule in RULES:
        replicas = rule(replicas, context)
    return replicas


def _next_state(context: Context, decision: Decision) -> PolicyState:
    state, seen, pace = context.state, context.seen, context.params.scale_down_limit
    if not context.is_fresh:
        return state
    keep_seconds = 0.0 if pace is None else pace.seconds
    carried = seen.carried
    return PolicyState(
        last_good_replicas=decision.replicas,
        predicted=state.predicted.told(seen.as_of, decision.predicted_replicas, keep_seconds),
        reactive=state.reactive.told(seen.as_of, decision.reactive_replicas, keep_seconds),
        learned_threshold=state.learned_threshold if carried is None else carried.threshold,
    )


def _is_active(replicas: int, context: Context) -> bool:
    """Awake when replicas are wanted, and also while nothing is known: unknown is not zero."""
    if replicas > 0:
        return True
    is_unknown = context.seen.evidence is Evidence.UNKNOWN
    return is_unknown and context.params.on_stale is OnStale.HOLD


def _is_withheld(context: Context) -> bool:
    is_old = context.seen.evidence in {Evidence.UNKNOWN, Evidence.STALE}
    return is_old and context.params.on_stale is OnStale.ERROR
