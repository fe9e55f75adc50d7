"""Figures of runs that are small enough to be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.plant.recording import Served
from simulations.ports import Outcome
from simulations.results.attainment import Slo, attainment_of
from simulations.results.costs import gpu_hours_of, regret, saving
from simulations.results.doubt import estimate, paired
from simulations.results.elasticity import elasticity_of
from simulations.results.figures import pareto
from simulations.results.scaling import n_flaps

NAN = float("nan")


def served(*rows: tuple[float, float, float, float, bool]) -> Served:
    """Return rows of (arrival, time to first, inter-token, end, lost)."""
    columns = [np.array(column, dtype=float) for column in zip(*rows, strict=True)]
    arrivals, first, pace, ends, lost = columns
    return Served(
        arrivals=arrivals, weights=np.ones(arrivals.size), waits=first - 0.1, time_to_first=first,
        inter_token=pace, ends=ends, is_lost=lost.astype(bool),
    )  # fmt: skip


def outcome(ready: list[int], demand: list[float], *, wanted: list[int] | None = None) -> Outcome:
    n = len(ready)
    counts = np.array(ready)
    busy = np.full(n, 6.0)
    idle = counts * 10.0 - busy
    return Outcome(
        tick_seconds=10.0, at=np.arange(n) * 10.0, demand=np.array(demand),
        wanted=np.array(wanted or ready), ready=counts, starting=np.zeros(n, dtype=int),
        waiting=np.zeros(n), shortage=np.zeros(n), busy=busy, idle=idle,
        busy_seconds=float(busy.sum()), idle_seconds=float(idle.sum()), starting_seconds=7.0,
    )  # fmt: skip


def test_attainment_judges_what_can_be_judged():
    found = attainment_of(
        served(
            (0, 0.5, 0.05, 9, False),  # good
            (1, 3.0, 0.05, 9, False),  # late first token
            (2, 0.5, 0.30, 9, False),  # slow
            (3, NAN, NAN, NAN, True),  # lost
            (4, NAN, NAN, NAN, False),  # still waits, and is late
            (99.5, NAN, NAN, NAN, False),  # still waits; who knows
            (50, 0.5, NAN, NAN, False),  # its first token was in time; the rest is open
            (51, 0.5, NAN, 52, False),  # one token
        ),
        Slo(time_to_first_seconds=2.0, inter_token_seconds=0.1),
        end=100.0,
    )
    assert (found.requests, found.lost, found.open_at_end) == (8, 1, 3)
    assert found.time_to_first == pytest.approx(4 / 7)
    assert found.inter_token == pytest.approx(3 / 5)
    assert found.both == pytest.approx(2 / 6)
    assert found.time_to_first_seconds == (0.5, 3.0, 3.0)
    waits = [0.4, 2.9, 0.4, 96.0, 0.5, 0.4, 0.4]
    assert found.waiting_request_seconds == pytest.approx(sum(waits))


def test_weights_count_as_so_many_requests():
    rows = [(0.0, 0.5, 0.05, 9.0, False), (1.0, 3.0, 0.05, 9.0, False)]
    single = served(*rows[:1] * 3, *rows[1:])
    heavy = served(*rows)
    weighted = Served(
        arrivals=heavy.arrivals, weights=np.array([3.0, 1.0]), waits=heavy.waits,
        time_to_first=heavy.time_to_first, inter_token=heavy.inter_token, ends=heavy.ends,
        is_lost=heavy.is_lost,
    )  # fmt: skip
    assert attainment_of(weighted, Slo(), end=10) == attainment_of(single, Slo(), end=10)


def test_nobody_served_is_no_perfect_service():
    nothing = served((0, NAN, NAN, NAN, False))
    found = attainment_of(nothing, Slo(), end=1.0)
    assert np.isnan(found.both)
    assert np.isnan(found.time_to_first_seconds[2])


def test_gpu_hours_by_reason_add_up_and_the_floor_is_what_it_keeps_idle():
    hours = gpu_hours_of(outcome([1, 3, 3], [1, 1, 1]), warm_floor=2, gpus=1, end=30.0)
    assert hours.busy * 3_600 == pytest.approx(18.0)
    # 20 s of floor a tick less 6 busy: 14, but only 4 are idle in the first.
    assert hours.floor * 3_600 == pytest.approx(4 + 14 + 14)
    assert hours.idle * 3_600 == pytest.approx(70 - 18 - 32)
    assert hours.total * 3_600 == pytest.approx(77.0)
    assert hours.cost(3.6) == pytest.approx(0.077)
    assert regret(12.0, 10.0) == pytest.approx(0.2)
    assert saving(6.0, 10.0) == pytest.approx(0.4)


def test_elasticity_measures_what_is_missing_and_what_is_too_much():
    found = elasticity_of(outcome([1, 3, 2], [4.0, 4.0, NAN]), carried=2.0, end=30.0)
    assert found.under_ratio == pytest.approx(0.5 / 2)
    assert found.over_ratio == pytest.approx(0.5 / 2)
    assert (found.under_time_ratio, found.over_time_ratio) == (0.5, 0.5)
    assert found.jitter_per_hour == pytest.approx(1 / 20 * 3_600)


@pytest.mark.parametrize(
    ("wanted", "flaps", "why"),
    [
        ([1, 1, 1, 1], 0, "nothing moved"),
        ([1, 2, 2, 2], 0, "up and up it stays"),
        ([1, 2, 1, 1], 1, "up and down at once"),
        ([1, 2, 3, 1], 1, "up in two steps is one rise"),
        ([1, 2, 1, 2, 1, 1], 2, "twice"),
        ([3, 2, 1, 1], 0, "down alone"),
        ([1, 2, *[2] * 60, 1, 1], 0, "down after ten minutes and more"),
        ([1, 2, *[2] * 59, 1, 1], 1, "down after ten minutes"),
    ],
)
def test_a_flap_is_a_rise_that_is_taken_back(wanted: list[int], flaps: int, why: str):
    n = len(wanted)
    assert n_flaps(outcome([1] * n, [1.0] * n, wanted=wanted)) == flaps, why


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20))
def test_no_point_beats_one_of_the_pareto_front(points: list[tuple[int, int]]):
    front = pareto([(float(a), float(b)) for a, b in points])
    for place in front:
        cost, miss = points[place]
        assert not any(a <= cost and b <= miss and (a, b) != (cost, miss) for a, b in points)
    best = {points[place] for place in front}
    for a, b in points:
        assert any(c <= a and d <= b for c, d in best)


def test_doubt_over_seeds_is_students():
    found = estimate([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.high - found.mean == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert np.isnan(estimate([5.0]).low), "one seed tells no doubt"
    assert paired([5.0, 9.0], [4.0, 8.0]).low == pytest.approx(1.0), "common luck cancels out"
    with pytest.raises(ValueError, match="none are given"):
        estimate([])
