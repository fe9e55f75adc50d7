"""The ledger: both policies on the same demand, unknown counted as unknown."""

from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import to_json

from scaler.books.page import tick_of
from scaler.capacity import replicas_for
from scaler.fleet import Fleet, LeadTime, StartClass
from scaler.ledger.account import Account, Row
from scaler.ledger.ledger import MAX_DAYS, SECONDS_PER_DAY, Ledger, Tick
from scaler.params import TargetParams
from scaler.policy import decide
from scaler.types import Carried, Evidence, PolicyState, Seen

THRESHOLD = 10.0
LEAD_TIME_SECONDS = 120.0


def tick(
    at: float,
    demand: float = 0.0,
    reactive: int | None = 1,
    predictive: int | None = 1,
    *,
    known_seconds: float = inf,
    fleet: Fleet | None = None,
) -> Tick:
    return Tick(
        at=at,
        known_until=at + known_seconds,
        demand=demand,
        threshold=THRESHOLD,
        reactive_replicas=reactive,
        predictive_replicas=predictive,
        lead_time_seconds=LEAD_TIME_SECONDS,
        fleet=fleet,
    )


def after(*ticks: Tick) -> Ledger:
    ledger = Ledger()
    for each in ticks:
        ledger = ledger.advanced(each)
    return ledger


def test_a_spike_that_was_foreseen_by_hand() -> None:
    # Demand jumps from 10 to 30 at 300 s. One replica was there; prediction asked for three at
    # 180 s, the reactive scaler at 300 s, and each waits for 120 s.
    total = after(
        tick(0, 10),
        tick(180, 10, reactive=1, predictive=3),
        tick(300, 30, reactive=3, predictive=3),
        tick(600, 30, reactive=3, predictive=3),
    ).total
    assert total.known_seconds == 600
    assert total.reactive == Account(
        shortage_demand_seconds=20.0 * 120, short_seconds=120, replica_seconds=300 * 1 + 300 * 3
    )
    assert total.predictive == Account(
        shortage_demand_seconds=0, short_seconds=0, replica_seconds=180 * 1 + 420 * 3
    )
    assert total.saved_ratio == 1.0
    assert total.extra_ratio == pytest.approx(1440 / 1200 - 1)
    assert total.reactive.replica_hours == 1200 / 3600


def test_unknown_spans_are_counted_as_unknown_and_cost_nothing() -> None:
    ledger = after(
        tick(0, 35, known_seconds=100),
        tick(300, nan, reactive=None, predictive=None, known_seconds=-1),
        tick(360, 35),
        tick(400, 35),
    )
    total = ledger.total
    assert (total.known_seconds, total.unknown_seconds) == (140, 260)
    assert total.reactive.shortage_demand_seconds == 25.0 * 140, "not a second of the unknown ones"
    assert total.reactive.replica_seconds == 140


def test_what_was_asked_for_becomes_ready_in_unknown_time_too() -> None:
    ledger = after(
        tick(0, 10),
        tick(10, 30, reactive=3, predictive=3, known_seconds=5),
        tick(500, 30, reactive=3, predictive=3),
        tick(510, 30, reactive=3, predictive=3),
    )
    assert ledger.total.reactive.shortage_demand_seconds == 20.0 * 5
    assert ledger.reactive is not None
    assert ledger.reactive.ready == 3


def test_nobody_looked_for_a_while_and_that_is_unknown_not_zero() -> None:
    total = after(tick(0, 10, known_seconds=300), tick(7_200, 10)).total
    assert (total.known_seconds, total.unknown_seconds) == (300, 6_900)


def test_the_real_fleet_is_a_third_account_and_stands_in_for_no_other() -> None:
    fleet = Fleet(at=0.0, wanted=4, ready=2, starting=1, unschedulable=1)
    ledger = after(tick(0, 35, 4, 4, fleet=fleet), tick(60, 35, 4, 4), tick(100, 35, 4, 4))
    total = ledger.total
    assert (total.actual_seconds, total.known_seconds) == (60, 100)
    assert total.actual == Account(
        shortage_demand_seconds=15.0 * 60, short_seconds=60, replica_seconds=3 * 60
    ), "a replica without a node costs nothing yet"
    assert total.reactive == total.predictive, "equal answers, and both start from the real fleet"
    assert total.reactive.replica_seconds == 4 * 100


def test_days_are_kept_for_a_while_and_the_total_for_good() -> None:
    ledger = Ledger()
    for number in range(200):
        ledger = ledger.advanced(tick(number * SECONDS_PER_DAY + 3_600, 15.0))
    assert len(ledger.days) == MAX_DAYS
    assert [day.number for day in ledger.days] == list(range(199 - MAX_DAYS, 199 + 1))[1:]
    assert ledger.total.known_seconds == 199 * SECONDS_PER_DAY
    assert ledger.days[-2].row.known_seconds == SECONDS_PER_DAY
    assert ledger.total.reactive.shortage_demand_seconds == 5.0 * 199 * SECONDS_PER_DAY


def test_a_gap_of_years_is_unknown_and_costs_no_time_to_count() -> None:
    ledger = after(tick(0, 10, known_seconds=300), tick(4_000 * SECONDS_PER_DAY + 5, 10))
    assert ledger.total.unknown_seconds == 4_000 * SECONDS_PER_DAY + 5 - 300
    assert len(ledger.days) == MAX_DAYS
    assert ledger.days[-1].row.unknown_seconds == 5


def test_a_clock_that_is_set_back_counts_no_second_twice() -> None:
    ledger = after(
        tick(7_200, 10, known_seconds=300),
        tick(7_260, 30, 3, 3, known_seconds=300),
        tick(60, 30, 3, 3, known_seconds=300),  # two hours back, at the same moment
        tick(180, 30, 3, 3, known_seconds=300),
        tick(300, 30, 3, 3, known_seconds=300),
    )
    assert ledger.total.known_seconds == 60 + 240
    assert ledger.total.reactive.shortage_demand_seconds == 20.0 * 120, "its lead time ran on"


# What a tick adds: seconds since the last one, demand, both answers (None: held), how long known.
drawn_ticks = st.lists(
    st.tuples(
        st.integers(1, 40_000),
        st.floats(0, 200),
        st.none() | st.tuples(st.integers(0, 20), st.integers(0, 20)),
        st.sampled_from([-1.0, 60.0, 300.0, inf]),
    ),
    min_size=1,
    max_size=25,
)
Drawn = list[tuple[int, float, tuple[int, int] | None, float]]


def told(drawn: Drawn, start_at: float = 1_767_571_200.0) -> list[Tick]:
    at, ticks = start_at, []
    for seconds, demand, answers, known_seconds in drawn:
        at += seconds
        reactive, predictive = answers or (None, None)
        ticks.append(tick(at, demand, reactive, predictive, known_seconds=known_seconds))
    return ticks


def close(left: Row, right: Row) -> bool:
    adapter = TypeAdapter(Row)
    pairs = zip(_numbers(adapter.dump_python(left)), _numbers(adapter.dump_python(right)))  # noqa: B905
    return all(a == pytest.approx(b, rel=1e-9, abs=1e-6) for a, b in pairs)


def _numbers(tree: object) -> list[float]:
    if isinstance(tree, dict):
        return [number for value in tree.values() for number in _numbers(value)]
    return [float(tree)]  # type: ignore[arg-type]


@given(drawn_ticks, st.floats(0.01, 0.99))
def test_a_span_split_by_more_ticks_that_see_the_same_adds_up_to_the_same(
    drawn: Drawn, part: float
) -> None:
    whole = split = Ledger()
    ticks = told(drawn)
    for before, now in pairwise(ticks):
        whole = whole.advanced(before)
        split = split.advanced(before)
        middle = before.at + part * (now.at - before.at)
        held = replace(before, at=middle, reactive_replicas=None, predictive_replicas=None)
        split = split.advanced(held)
    whole, split = whole.advanced(ticks[-1]), split.advanced(ticks[-1])
    assert close(whole.total, split.total)
    assert [day.number for day in whole.days] == [day.number for day in split.days]
    assert all(close(a.row, b.row) for a, b in zip(whole.days, split.days, strict=True))
    assert whole.reactive == split.reactive


@given(drawn_ticks)
def test_the_days_add_up_to_the_total_and_known_and_unknown_to_the_time_that_passed(
    drawn: Drawn,
) -> None:
    ledger = after(*told(drawn))
    assert close(sum((day.row for day in ledger.days), Row()), ledger.total)
    passed = ledger.at - ledger.since_at
    assert ledger.total.known_seconds + ledger.total.unknown_seconds == pytest.approx(passed)


@given(drawn_ticks)
def test_equal_policies_give_equal_accounts(drawn: Drawn) -> None:
    same = [(s, d, answers and (answers[0], answers[0]), k) for s, d, answers, k in drawn]
    ledger = after(*told(same))
    assert ledger.total.reactive == ledger.total.predictive
    assert ledger.reactive == ledger.predictive


@given(drawn_ticks)
def test_asking_for_more_is_never_short_for_longer_and_never_cheaper(drawn: Drawn) -> None:
    more = [(s, d, answers and (min(answers), max(answers)), k) for s, d, answers, k in drawn]
    total = after(*told(more)).total
    low, high = total.reactive, total.predictive
    assert high.shortage_demand_seconds <= low.shortage_demand_seconds + 1e-6
    assert high.replica_seconds >= low.replica_seconds - 1e-6


@given(drawn_ticks)
def test_no_sum_ever_falls(drawn: Drawn) -> None:
    ledger = Ledger()
    for each in told(drawn):
        later = ledger.advanced(each)
        adapter = TypeAdapter(Row)
        before, now = (_numbers(adapter.dump_python(row)) for row in (ledger.total, later.total))
        assert all(b <= n for b, n in zip(before, now, strict=True))
        ledger = later


def follow(seed: int | None) -> Row:
    """Follow a day's curve with ticks every 15 s, each up to 7 s late when there is a seed."""
    late = np.random.default_rng(seed).uniform(0, 7, 2_000) if seed is not None else np.zeros(2_000)
    ledger = Ledger()
    for number in range(2_000):
        at = number * 15.0 + float(late[number])
        demand, ahead = (
            60 + 50 * (2 * abs((t / 6_000) % 1 - 0.5)) for t in (at, at + LEAD_TIME_SECONDS + 15)
        )
        reactive = replicas_for(demand, THRESHOLD)
        ledger = ledger.advanced(
            tick(at, demand, reactive, max(reactive, replicas_for(ahead, THRESHOLD)),
                 known_seconds=300)
        )  # fmt: skip
    return ledger.total


@pytest.mark.parametrize("seed", range(5))
def test_ticks_that_come_late_hardly_change_the_sums(seed: int) -> None:
    exact, late = follow(None), follow(seed)
    for policy in ("reactive", "predictive"):
        wanted, got = getattr(exact, policy), getattr(late, policy)
        assert got.replica_seconds == pytest.approx(wanted.replica_seconds, rel=0.01)
        # A tick late is that much more shortage on each of the rises: 15 s of a lead time of 120 s.
        assert got.short_seconds == pytest.approx(wanted.short_seconds, rel=0.13, abs=150)
    assert exact.predictive.short_seconds < exact.reactive.short_seconds / 5


@given(drawn_ticks, st.integers(0, 25))
def test_a_ledger_that_was_put_away_and_taken_out_goes_on_as_if_never_stopped(
    drawn: Drawn, stop_after: int
) -> None:
    adapter = TypeAdapter(Ledger)
    kept = stopped = Ledger()
    for number, each in enumerate(told(drawn)):
        kept, stopped = kept.advanced(each), stopped.advanced(each)
        if number == stop_after:
            stopped = adapter.validate_json(to_json(stopped, inf_nan_mode="constants"))
    assert stopped == kept, "bit for bit"


def test_the_ledger_takes_the_threshold_in_force_the_fleet_and_a_measured_lead_time() -> None:
    params = TargetParams(threshold=10.0, zone=ZoneInfo("UTC"), lead_time_seconds=300.0)
    carried = Carried(low=6.25, middle=7.0, high=8.0, level=0.9, n_episodes=4, as_of=0.0)
    lead_time = LeadTime(
        seconds=95.0, start_seconds=65.0, scaling_seconds=30.0, quantile=0.9, n_starts=12,
        n_censored=0, is_measured=True, start_class=StartClass.WARM_NODE,
    )  # fmt: skip
    fleet = Fleet(at=0.0, wanted=4, ready=3, starting=1)
    seen = Seen(
        as_of=60.0, evidence=Evidence.FRESH, observed_demand=20.0, observed_at=60.0,
        carried=carried, lead_time=lead_time, fleet=fleet,
    )  # fmt: skip
    tick = tick_of(decide(PolicyState(), seen, params)[1], params)
    assert (tick.threshold, tick.lead_time_seconds, tick.fleet) == (5.0, 95.0, fleet)
    prior = replace(seen, lead_time=replace(lead_time, is_measured=False))
    assert tick_of(decide(PolicyState(), prior, params)[1], params).lead_time_seconds == 300.0
