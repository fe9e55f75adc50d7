"""Room to grow: how many replicas will be missing, from when on, and what is in the way."""

from scaler.context import Context
from scaler.types import Limit, Shortfall


def shortfall_of(context: Context, wanted: int, answer: int) -> Shortfall | None:
    """Return what can't be had of `wanted`, the count before the ceiling, or of a later need.

    `answer` is the count after all rules.

    Three needs are compared with what can be had, the nearest in time first: the demand that is
    there now, what the decision wants within the lead time, and the forecast of the keep window.
    The first that doesn't fit says when it begins, the largest of them how much is missing. The
    forecast counts in observe mode too: it is an announcement and moves nothing.
    """
    limit, room = _room(context, wanted, answer)
    needs = context.needs
    later = _later(context)
    soon = max(wanted, needs.forecast)
    largest = max(needs.observed, soon, later)
    if largest <= room:
        return None
    seen, as_of = context.seen, context.seen.as_of
    earliest_at = latest_at = as_of
    if needs.observed <= room:
        latest_at = as_of + context.lead_seconds
        if soon <= room and seen.forecast_ahead is not None:
            ahead = seen.forecast_ahead
            earliest_at = latest_at
            latest_at = max(earliest_at, ahead.issued_at + ahead.horizon_seconds)
    return Shortfall(
        replicas=largest - room, limit=limit, earliest_at=earliest_at, latest_at=latest_at
    )


def _room(context: Context, wanted: int, answer: int) -> tuple[Limit, int]:
    """Return what is in the way first: the cluster, the HPA's tolerance, or the ceiling."""
    most, fleet = max(context.limit, answer), context.seen.fleet
    if fleet is not None and fleet.unschedulable > 0:
        placed = fleet.ready + fleet.starting
        if placed < most:
            return Limit.NO_ROOM, placed
    if answer < min(wanted, most):
        return Limit.HPA_TOLERANCE, answer
    return Limit.MAX_REPLICAS, most


def _later(context: Context) -> int:
    """Return the need of the keep window; one that the ceiling will rise for is not short."""
    needed, params, fleet = context.needs.ahead, context.params, context.seen.fleet
    rises = params.max_capacity_buffer is not None and context.predicts
    is_bounded = fleet is not None and (fleet.unschedulable > 0 or fleet.max_replicas is not None)
    return min(needed, context.limit) if rises and not is_bounded else needed
