"""The ledger: what the reactive scaler alone would have done beside what prediction does.

Rules
- Both policies are model fleets (`pods.py`) on the demand that was observed: like against like. A
  real fleet, where one is known, is a third account and never stands in for one of the two.
- A tick's demand and answers are in force until the next tick. So a span split in two adds up to
  the same, and the pace of the ticks matters only as far as demand moves between them.
- Demand counts as known for as long as an answer made of it counts as fresh. After that, and while
  nobody looked, seconds are unknown: neither shortage nor cost is counted, for either policy.
- Unknown time still passes: pods become ready, answers stay as they were.
- The two start equal. From then on the total never falls, and the last `MAX_DAYS` days are kept.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import floor, isfinite

from scaler.fleet import Fleet
from scaler.ledger.account import Account, Day, Row
from scaler.ledger.pods import Pods, spend

SECONDS_PER_DAY = 86_400.0
MAX_DAYS = 90

NOT_YET = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What one tick saw and what each policy answered, in force until the next one.

    The answers are None while evidence is not fresh and the last ones are held.
    """

    at: float  # Unix seconds
    known_until: float  # until when `demand` counts as known; <= at when it is not known at all
    demand: float
    threshold: float
    reactive_replicas: int | None
    predictive_replicas: int | None
    lead_time_seconds: float
    fleet: Fleet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a tick left behind for the span that follows it."""

    known_until: float
    demand: float
    threshold: float
    ready: int | None  # of the real fleet; None when it isn't known
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A target's accounts. `days` are complete ones and today, oldest first."""

    since_at: float = NOT_YET
    at: float = NOT_YET
    total: Row = field(default_factory=Row)
    days: tuple[Day, ...] = ()
    reactive: Pods | None = None
    predictive: Pods | None = None
    in_force: Standing | None = None

    def advanced(self, tick: Tick) -> "Ledger":
        """Return the ledger as of `tick`, with the span since the last one accounted for."""
        ledger = self
        if tick.at < self.at:
            ledger = _set_back(self, tick.at)
        elif self.at > NOT_YET:
            for from_at, to_at in _spans(self.at, tick.at, self.in_force):
                ledger = _accounted(ledger, from_at, to_at)
        return _answered(ledger, tick)


def _set_back(ledger: Ledger, at: float) -> Ledger:
    """Return the ledger after its clock was set back: no second is counted twice or undone."""
    seconds = at - ledger.at
    now = ledger.in_force
    return replace(
        ledger,
        at=at,
        reactive=ledger.reactive and ledger.reactive.shifted(seconds),
        predictive=ledger.predictive and ledger.predictive.shifted(seconds),
        in_force=now and replace(now, known_until=now.known_until + seconds),
    )


def _accounted(ledger: Ledger, from_at: float, to_at: float) -> Ledger:
    """Return the ledger with one span more, which lies within a day and is all known or not."""
    now, reactive, predictive = ledger.in_force, ledger.reactive, ledger.predictive
    seconds = to_at - from_at
    if now is None or reactive is None or predictive is None:
        return _with(ledger, from_at, Row(unknown_seconds=seconds))
    if from_at >= now.known_until:
        passed = replace(ledger, reactive=reactive.as_of(to_at), predictive=predictive.as_of(to_at))
        return _with(passed, from_at, Row(unknown_seconds=seconds))
    span = {"from_at": from_at, "to_at": to_at, "demand": now.demand, "threshold": now.threshold}
    reactive, spent_reactive = spend(reactive, **span)
    predictive, spent_predictive = spend(predictive, **span)
    row = Row(
        known_seconds=seconds,
        reactive=spent_reactive,
        predictive=spent_predictive,
        actual_seconds=0.0 if now.ready is None else seconds,
        actual=_actual(now, seconds),
    )
    return _with(replace(ledger, reactive=reactive, predictive=predictive), from_at, row)


def _with(ledger: Ledger, at: float, row: Row) -> Ledger:
    """Return the ledger with `row` added to the day of `at` and to the total."""
    number = floor(at / SECONDS_PER_DAY)
    before, today = ledger.days, Day(number=number, row=row)
    if before and before[-1].number >= number:  # above it: the clock was set back over midnight
        before, today = before[:-1], replace(before[-1], row=before[-1].row + row)
    oldest = today.number - MAX_DAYS
    if before and before[0].number <= oldest:
        before = tuple(day for day in before if day.number > oldest)
    return replace(ledger, total=ledger.total + row, days=(*before, today))


def _answered(ledger: Ledger, tick: Tick) -> Ledger:
    """Return the ledger with what the tick saw and answered in force."""
    is_known = tick.known_until > tick.at and isfinite(tick.demand)
    fleet = tick.fleet
    now = Standing(
        known_until=tick.known_until if is_known else tick.at,
        demand=tick.demand if is_known else 0.0,
        threshold=tick.threshold,
        ready=None if fleet is None else fleet.ready,
        wanted=0 if fleet is None else fleet.ready + fleet.starting,
    )
    reactive, predictive = ledger.reactive, ledger.predictive
    if tick.reactive_replicas is not None and tick.predictive_replicas is not None:
        started = tick.reactive_replicas if fleet is None else fleet.ready
        reactive = _asked(reactive, tick.reactive_replicas, tick, started)
        predictive = _asked(predictive, tick.predictive_replicas, tick, started)
    return replace(
        ledger,
        since_at=tick.at if ledger.since_at == NOT_YET else ledger.since_at,
        at=tick.at,
        reactive=reactive,
        predictive=predictive,
        in_force=now,
    )


def _asked(pods: Pods | None, replicas: int, tick: Tick, started: int) -> Pods:
    """Return the fleet with the tick's answer; at the very first one it has `started` pods."""
    pods = Pods(asked=started, ready=started) if pods is None else pods.as_of(tick.at)
    return pods.asked_for(replicas, at=tick.at, lead_time_seconds=tick.lead_time_seconds)


def _actual(now: Standing, seconds: float) -> Account:
    if now.ready is None:
        return Account()
    missing = max(0.0, now.demand - now.ready * now.threshold)
    return Account(
        shortage_demand_seconds=missing * seconds,
        short_seconds=seconds if missing > 0 else 0.0,
        replica_seconds=now.wanted * seconds,
    )


def _spans(from_at: float, to_at: float, now: Standing | None) -> list[tuple[float, float]]:
    """Return the span cut where demand stops being known and at each midnight in UTC.

    A gap longer than what is kept gets one cut at the start of that: its older part counts as one
    day, which the next one pushes out.
    """
    cuts = [from_at]
    if now is not None and from_at < now.known_until < to_at:
        cuts.append(now.known_until)
    first = floor(max(from_at, to_at - MAX_DAYS * SECONDS_PER_DAY) / SECONDS_PER_DAY) + 1
    midnight = first * SECONDS_PER_DAY
    while midnight < to_at:
        if midnight > from_at:
            cuts.append(midnight)
        midnight += SECONDS_PER_DAY
    cuts = [*sorted(set(cuts)), to_at]
    return list(pairwise(cuts))
