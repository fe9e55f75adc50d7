"""The optimum against dynamic programming over all fleets, and its laws."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.oracle import Clairvoyant, Costs, cost_of, held, needed, optimum, regret
from simulations.ports import Observation

NEEDS = st.lists(st.integers(0, 4), min_size=1, max_size=14)
COSTS = st.builds(
    Costs,
    cold_start_ticks=st.integers(0, 5),
    start_fee=st.sampled_from([0.0, 0.5, 2.0]),
    drain_ticks=st.integers(0, 3),
    initial_replicas=st.integers(0, 5),
)


def by_programming(need: list[int], costs: Costs) -> float:
    """Return the least cost over all fleets, by dynamic programming on the number of replicas."""
    most = max([*need, costs.initial_replicas])
    best = {costs.initial_replicas: 0.0}
    for tick, least in enumerate(need):
        drain = min(costs.drain_ticks, len(need) - tick)
        best = {
            n: n
            + min(
                spent + costs.of_start * max(n - before, 0) + drain * max(before - n, 0)
                for before, spent in best.items()
            )
            for n in range(least, most + 1)
        }
    return min(best.values())


@given(need=NEEDS, costs=COSTS)
def test_it_costs_what_dynamic_programming_finds(need: list[int], costs: Costs) -> None:
    plan = optimum(np.array(need), costs)
    assert plan.cost == pytest.approx(by_programming(need, costs))
    assert (plan.ready >= need).all()


@given(need=NEEDS, costs=COSTS, data=st.data())
def test_no_fleet_that_covers_the_need_costs_less(
    need: list[int], costs: Costs, data: st.DataObject
) -> None:
    fleet = np.array([data.draw(st.integers(least, 6)) for least in need])
    assert cost_of(fleet, costs) >= optimum(np.array(need), costs).cost - 1e-9


@given(
    wanted=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    cold=st.integers(0, 4),
    fee=st.sampled_from([0.0, 1.5]),
)
def test_no_policy_is_billed_less_for_what_it_carried(
    wanted: list[int], cold: int, fee: float
) -> None:
    """Any sequence of `spec.replicas`: pods start cold, those not yet ready go first."""
    starting: list[int] = []  # ticks left
    ready, billed, n_starts = wanted[0], 0, 0
    carried = []
    for count in wanted:
        new = max(0, count - ready - len(starting))
        starting = (starting + [cold] * new)[: max(0, count - ready)]
        n_starts += new
        ready = min(ready, count)
        starting, done = [left for left in starting if left > 0], starting.count(0)
        ready += done
        carried.append(ready)
        billed += ready + len(starting)
        starting = [left - 1 for left in starting]
    costs = Costs(cold_start_ticks=cold, start_fee=fee, initial_replicas=wanted[0])
    assert optimum(np.array(carried), costs).cost <= billed + fee * n_starts


@given(need=NEEDS, costs=COSTS)
def test_a_longer_cold_start_never_costs_less(need: list[int], costs: Costs) -> None:
    slower = replace(costs, cold_start_ticks=costs.cold_start_ticks + 1)
    assert optimum(np.array(need), slower).cost >= optimum(np.array(need), costs).cost - 1e-9


@given(need=NEEDS, costs=COSTS, grace=st.integers(0, 4))
def test_with_a_grace_it_is_still_exact_and_never_cheaper(
    need: list[int], costs: Costs, grace: int
) -> None:
    longer = held(np.array(need), grace)
    assert longer.tolist() == [max(need[max(0, t - grace) : t + 1]) for t in range(len(need))]
    plan = optimum(longer, costs)
    assert plan.cost == pytest.approx(by_programming(longer.tolist(), costs))
    assert plan.cost >= optimum(np.array(need), costs).cost - 1e-9


@given(need=NEEDS, costs=COSTS)
def test_what_is_wanted_is_ready_in_time(need: list[int], costs: Costs) -> None:
    plan = optimum(np.array(need), costs)
    cold = costs.cold_start_ticks
    for tick, count in enumerate(plan.ready.tolist()):
        assert (plan.wanted[max(0, tick - cold) : tick + 1] >= count).all()
    later = [max(plan.ready[t : t + cold + 1].tolist()) for t in range(len(need))]
    assert plan.wanted.tolist() == later


@pytest.mark.parametrize(
    ("need", "cold", "ready", "cost", "why"),
    [
        ([2, 0, 0, 2], 2, [2, 2, 2, 2], 8 + 4, "a gap as long as a cold start is sat out"),
        ([2, 0, 0, 0, 2], 2, [2, 0, 0, 0, 2], 4 + 8, "a longer one is not"),
        ([3, 1, 1, 3], 1, [3, 1, 1, 3], 8 + 5, "each level decides alone"),
        ([0, 0, 1], 5, [0, 0, 1], 1 + 5, "the first start is billed, wherever it began"),
        ([0, 0, 0], 3, [0, 0, 0], 0, "no need costs nothing"),
    ],
)
def test_by_hand(need: list[int], cold: int, ready: list[int], cost: float, why: str) -> None:
    plan = optimum(np.array(need), Costs(cold_start_ticks=cold))
    assert (plan.ready.tolist(), plan.cost) == (ready, cost), why


def test_needed_replicas_carry_the_demand_and_one_less_would_not() -> None:
    demand = np.array([0.0, 9.9, 10.0, 10.000_000_000_1, 10.1, 35.0])
    assert needed(demand, 10.0).tolist() == [0, 1, 1, 1, 2, 4]
    with pytest.raises(ValueError, match="must be known at each tick; at 1 it is nan"):
        needed(np.array([1.0, np.nan]), 10.0)


def test_regret_is_a_share_of_the_best() -> None:
    assert regret(115.0, 100.0) == pytest.approx(0.15)
    assert np.isnan(regret(1.0, 0.0))


def seen(at: float) -> Observation:
    return Observation(
        at=at, demand=0.0, running=0.0, waiting=0.0, kv_cache_use=0.0, wanted=0, ready=0, starting=0
    )


def test_as_a_policy_it_sets_what_the_plan_wants_tick_by_tick() -> None:
    plan = optimum(np.array([0, 0, 0, 2]), Costs(cold_start_ticks=1))
    policy = Clairvoyant(plan, tick_seconds=15.0)
    moments = (0.0, 14.9, 29.9, 30.0, 45.0, 900.0)
    assert [policy.replicas(seen(at)) for at in moments] == [0, 0, 0, 2, 2, 2]
