"""The rules of the policy. Each is small, takes a count and the context, and returns a count.

In order: what fresh evidence asks for, what is kept although it doesn't, what holds without fresh
evidence, what bounds the result, and what the HPA makes of it. The first sentence of each is what
people read beside the number that it moved.
"""

from collections.abc import Callable

from scaler.capacity import replicas_for
from scaler.context import Context
from scaler.params import OnStale
from scaler.reach import reachable

Rule = Callable[[int, Context], int]


def cover_forecast(replicas: int, context: Context) -> int:
    """Carry the forecast peak of the lead time ahead."""
    return max(replicas, context.needs.forecast) if context.predicts else replicas


def cover_observed(replicas: int, context: Context) -> int:
    """Carry what is there now, whatever the forecast says."""
    return max(replicas, context.needs.observed)


def sleep_when_quiet(replicas: int, context: Context) -> int:
    """Let the target go to zero while neither forecast nor demand passes activationThreshold."""
    return 0 if context.is_fresh and context.is_quiet else replicas


def keep_needed_again(replicas: int, context: Context) -> int:
    """Keep what is needed again before a new start would have paid for itself.

    Stopping a replica and starting it again costs a start, which serves nobody; keeping it costs
    its idle time. So a gap shorter than the start (and the idle time of the same price, the
    break-even) is kept. With the gap known that is optimal per replica (ski rental: Karlin,
    Manasse, Rudolph and Sleator 1988; for servers: Lin, Wierman, Andrew and Thereska 2011), and a
    forecast stands in for knowing it (Purohit, Svitkina and Kumar 2018). It never adds a replica.
    """
    held, ahead = context.held, context.seen.forecast_ahead
    if held is None or held <= replicas or ahead is None or not context.predicts:
        return replicas
    if ahead.value <= context.params.activation_threshold:
        return replicas
    return max(replicas, min(held, context.needs.ahead))


def hold_against_noise(replicas: int, context: Context) -> int:
    """Release a replica only when the rest would carry releaseMargin more than is expected.

    While demand stays within a band whose ends differ by less than the margin, the answer moves up
    at most: ceil(demand x (1 + margin)) reaches whatever an earlier demand of the band needed.
    """
    held, margin = context.held, context.params.release_margin
    if margin == 0.0 or held is None or held <= replicas or not context.is_fresh:
        return replicas
    if context.is_quiet:
        return replicas
    demand = context.demand * (1.0 + margin)
    return max(replicas, min(held, replicas_for(demand, context.threshold)))


def hold_while_starting(replicas: int, context: Context) -> int:
    """Keep replicas that still start: each was asked for, and is nearly paid for.

    At most for a lead time after the last rise, so that pods that never get ready hold nothing.
    """
    held, fleet = context.held, context.fleet
    if fleet is None or fleet.starting == 0 or held is None or not context.is_fresh:
        return replicas
    if context.seen.as_of - context.trail.rose_before(context.seen.as_of) > context.lead_seconds:
        return replicas
    return max(replicas, min(held, fleet.ready + fleet.starting))


def hold_until_fitted(replicas: int, context: Context) -> int:
    """After a start, ask for no fewer replicas than run until the first fit is over.

    Without a model the answer is demand's alone. What runs may have been asked for on a forecast,
    by this scaler before it ended or by the one beside it: KEDA was handed 20, 17, 20, 17 by two of
    which one had come back in mid-rise.
    """
    if not context.seen.is_fit_pending or not context.predicts or not context.is_fresh:
        return replicas
    before, most = _asked_before(context), context.limit
    if context.params.max_capacity_buffer is not None:
        most = max(most, _raised_before(context))
    return max(replicas, min(before, most))


def _asked_before(context: Context) -> int:
    """Return what runs, or what was answered if that still counts.

    An answer was made for its lead time ahead; later than that it says nothing of now.
    """
    runs = 0 if context.fleet is None else context.fleet.wanted
    return max(runs, context.trail.lately(context.seen.as_of, context.lead_seconds) or 0)


def limit_scale_down(replicas: int, context: Context) -> int:
    """Shrink no faster than scaleDownLimit."""
    pace, as_of = context.params.scale_down_limit, context.seen.as_of
    if pace is None or not context.is_fresh:
        return replicas
    highest = context.trail.highest(as_of - pace.seconds, as_of)
    return replicas if highest is None else max(replicas, pace.lowest(highest))


def answer_stale(replicas: int, context: Context) -> int:
    """Without fresh evidence: hold the last good answer, or leave it to the warm floor."""
    if context.is_fresh or context.params.on_stale is OnStale.FLOOR:
        return replicas
    return max(replicas, context.state.last_good_replicas or 0)


def hold_fleet_unknown(replicas: int, context: Context) -> int:
    """While no answer was ever given on evidence: ask for no fewer replicas than run now.

    A scaler that has just started, without memory and without a source, knows nothing that a
    fleet could shrink on. What runs was asked for by somebody who knew more.
    """
    fleet, params = context.seen.fleet, context.params
    if fleet is None or context.is_fresh or params.on_stale is not OnStale.HOLD:
        return replicas
    if context.state.last_good_replicas is not None:
        return replicas
    return max(replicas, min(fleet.wanted, context.limit))


def scheduled_floor(replicas: int, context: Context) -> int:
    """Have the replicas of a schedule or event ready when it begins, and until it ends."""
    as_of = context.seen.as_of
    due_at = as_of + context.lead_seconds
    for floor in context.seen.floors:
        if floor.start_at <= due_at and floor.end_at > as_of:
            replicas = max(replicas, floor.replicas)
    return replicas


def warm_floor(replicas: int, context: Context) -> int:
    """Never fall under the warm floor."""
    return max(replicas, context.params.warm_floor)


def ceiling(replicas: int, context: Context) -> int:
    """Never ask for more than may be had: maxReplicas, or what maxCapacityBehavior makes of it."""
    if replicas <= context.limit:
        return replicas
    limit, is_raised = context.limit, context.params.max_capacity_buffer is not None
    if is_raised:
        limit = max(limit, _raised_before(context))
    return min(replicas, limit)


def _raised_before(context: Context) -> int:
    """Return how far an earlier forecast had raised the ceiling, which is lost or not back yet."""
    if not context.is_fresh:
        return context.state.last_good_replicas or 0
    if not context.seen.is_fit_pending or not context.predicts:
        return 0
    before, fleet = _asked_before(context), context.fleet
    if fleet is None or fleet.max_replicas is None:
        return before
    return min(before, fleet.max_replicas)


def pass_tolerance(replicas: int, context: Context) -> int:
    """Ask for the nearest count that the HPA acts on from where it is, and that covers the need."""
    params, fleet = context.params, context.fleet
    if params.hpa_tolerance == 0.0 and params.hpa_scale_down_tolerance == 0.0:
        return replicas
    current = context.held if fleet is None else fleet.wanted
    if not current or replicas == 0:  # asleep: KEDA decides, and not the HPA
        return replicas
    after = reachable(
        replicas,
        current=current,
        up=params.hpa_tolerance,
        down=params.hpa_scale_down_tolerance,
        limit=max(replicas, context.limit),
        floor=params.warm_floor,
    )
    return after if context.is_fresh else max(replicas, after)


RULES: tuple[Rule, ...] = (
    cover_forecast,
    cover_observed,
    sleep_when_quiet,
    keep_needed_again,
    hold_against_noise,
    hold_while_starting,
    hold_until_fitted,
    limit_scale_down,
    answer_stale,
    hold_fleet_unknown,
    scheduled_floor,
    warm_floor,
    ceiling,
    pass_tolerance,
)
