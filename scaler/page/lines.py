"""What a target's charts draw: a few hundred points, thinned so that no peak is lost."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import median
from typing import TypeAlias

from scaler.capacity import MAX_REPLICAS, replicas_for
from scaler.journal import SLOT_SECONDS
from scaler.page.view import Details, HistoryView, MomentView
from scaler.types import Evidence

MAX_POINTS = 360
HOUR_SECONDS = 3_600.0
LEAST_AHEAD_SECONDS = 60.0

Point: TypeAlias = tuple[float, float]  # Unix seconds, value
Line: TypeAlias = tuple[tuple[Point, ...], ...]  # its unbroken pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Everything on one target's time axis. A gap in what is known is a gap in the line."""

    start_at: float
    now: float
    end_at: float  # where the window ahead ends
    lead_until_at: float  # when a replica wanted now would answer
    threshold: float
    floor_replicas: int
    max_replicas: int
    demand: Line
    bound: Line  # at each time what the forecast one horizon earlier had expected at most
    needed: Line
    replicas: Line
    reactive: Line
    ready: Line
    not_fresh: tuple[tuple[float, float], ...]  # spans without fresh evidence


def lines_of(details: Details, *, now: float, hours: float) -> Lines | None:
    """Return the lines of the last `hours`; None while there is nothing to draw."""
    trigger, lead = details.trigger, details.lead_time
    if trigger is None or lead is None or not (details.history or details.moments):
        return None
    start_at = now - hours * HOUR_SECONDS
    forecast_until = details.forecast.until_at if details.forecast else now
    end_at = max(now + lead.lead_time_seconds, forecast_until, now + LEAST_AHEAD_SECONDS)
    bin_seconds = (end_at - start_at) / MAX_POINTS
    moments = [each for each in details.moments if each.at >= start_at - 2 * HOUR_SECONDS]
    gap = _gap_seconds(moments, bin_seconds)
    demand = _demand(details.history, moments, start_at, now)
    step = details.history.step_seconds if details.history else SLOT_SECONDS
    demand_gap = 2.5 * max(step, bin_seconds)
    thin = _thinned(demand, bin_seconds)
    return Lines(
        start_at=start_at,
        now=now,
        end_at=end_at,
        lead_until_at=now + lead.lead_time_seconds,
        threshold=trigger.threshold,
        floor_replicas=trigger.warm_floor_replicas,
        max_replicas=trigger.max_replicas,
        demand=_pieces(thin, demand_gap),
        bound=_pieces(_thinned(_bound(moments, start_at), bin_seconds), gap),
        needed=_pieces([(at, _needed(value, trigger.threshold)) for at, value in thin], demand_gap),
        replicas=_counts(moments, "replicas", start_at, bin_seconds, gap),
        reactive=_counts(moments, "reactive_replicas", start_at, bin_seconds, gap),
        ready=_counts(moments, "ready_replicas", start_at, bin_seconds, gap),
        not_fresh=_not_fresh(moments, start_at, gap),
    )


def value_at(line: Line, at: float) -> float | None:
    """Return a line's value at a moment, as a step holds it; None in a gap."""
    for piece in line:
        if piece[0][0] <= at <= piece[-1][0]:
            return piece[bisect_right(piece, at, key=_when) - 1][1]
    return None


def _when(point: Point) -> float:
    return point[0]


def highest(*lines: Line) -> float:
    """Return the largest value; 0 without any."""
    return max((value for line in lines for piece in line for _, value in piece), default=0.0)


def _needed(demand: float, threshold: float) -> float:
    return float(min(replicas_for(demand, threshold), MAX_REPLICAS))


def _demand(
    history: HistoryView | None, moments: Sequence[MomentView], start_at: float, now: float
) -> list[Point]:
    """Return what was observed: the history's grid, and the newest instants after its end."""
    points: list[Point] = []
    if history is not None:
        first = max(0, ceil((start_at - history.start_at) / history.step_seconds))
        for nth, value in enumerate(history.demand[first:], start=first):
            if value is not None:
                points.append((history.start_at + nth * history.step_seconds, value))
    last_at = points[-1][0] if points else start_at
    points += [
        (each.at, each.observed_demand)
        for each in moments
        if each.observed_demand is not None
        and each.evidence == Evidence.FRESH
        and last_at < each.at <= now
    ]
    return points


def _bound(moments: Sequence[MomentView], start_at: float) -> list[Point]:
    """Return each forecast at the end of its window, which the newest one's is ahead of now."""
    points = [
        (each.at + each.forecast_horizon_seconds, each.forecast_demand)
        for each in moments
        if each.forecast_demand is not None and each.forecast_horizon_seconds is not None
    ]
    return sorted(point for point in points if point[0] >= start_at)


def _counts(
    moments: Sequence[MomentView], name: str, start_at: float, bin_seconds: float, gap: float
) -> Line:
    points: list[Point] = []
    for each in moments:
        count = getattr(each, name)
        if count is not None and each.at >= start_at:
            points.append((each.at, float(count)))
    return _pieces(_thinned(points, bin_seconds), gap)


def _thinned(points: Sequence[Point], bin_seconds: float) -> list[Point]:
    """Return at most one point for each bin: the highest in it, at its own time."""
    kept: list[Point] = []
    last_bin = None
    for point in points:
        this_bin = point[0] // bin_seconds
        if this_bin != last_bin:
            kept.append(point)
        elif point[1] > kept[-1][1]:
            kept[-1] = point
        last_bin = this_bin
    return kept


def _pieces(points: Iterable[Point], gap_seconds: float) -> Line:
    pieces: list[list[Point]] = []
    for point in points:
        if not pieces or point[0] - pieces[-1][-1][0] > gap_seconds:
            pieces.append([])
        pieces[-1].append(point)
    return tuple(tuple(piece) for piece in pieces)


def _gap_seconds(moments: Sequence[MomentView], bin_seconds: float) -> float:
    """Return how far apart two decisions may lie and still be joined: three usual ticks."""
    apart = [after.at - before.at for before, after in pairwise(moments)]
    usual = median(apart) if apart else SLOT_SECONDS
    return 3.0 * max(usual, SLOT_SECONDS, bin_seconds)


def _not_fresh(
    moments: Sequence[MomentView], start_at: float, gap: float
) -> tuple[tuple[float, float], ...]:
    spans: list[tuple[float, float]] = []
    for before, after in pairwise(moments):
        if before.evidence == Evidence.FRESH or after.at <= start_at:
            continue
        end_at = min(after.at, before.at + gap)
        if spans and before.at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], end_at)
        else:
            spans.append((max(before.at, start_at), end_at))
    return tuple(spans)
