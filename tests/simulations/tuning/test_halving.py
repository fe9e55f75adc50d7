"""Laws of what a search drops and keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.tuning.halving import Point, better_probability, ranked, undominated
from simulations.tuning.space import Space

ratios = st.floats(0.0, 1.0)
points = st.builds(Point, hours=st.floats(0.1, 100.0), missed=ratios, short=ratios)
POOL = st.lists(points, min_size=1, max_size=12)


@given(POOL)
def test_the_cheapest_and_the_best_served_are_never_dropped(pool: list[Point]) -> None:
    kept = [pool[place] for place in undominated(pool)]
    assert min(pool, key=lambda each: each.hours) in kept
    best = min(pool, key=lambda each: (each.missed, each.short, each.hours))
    assert best in kept


@given(POOL)
def test_whoever_is_dropped_is_beaten_by_one_that_is_kept(pool: list[Point]) -> None:
    kept = set(undominated(pool))
    for place in set(range(len(pool))) - kept:
        assert any(
            pool[other].hours < pool[place].hours
            and pool[other].missed <= pool[place].missed
            and pool[other].short <= pool[place].short
            for other in kept
        )


@given(POOL, ratios)
def test_one_within_the_limit_stands_before_one_beyond_it(pool: list[Point], limit: float) -> None:
    order = ranked(pool, limit=limit, by_shortage=False)
    assert sorted(order) == list(range(len(pool)))
    beyond = [pool[place].missed > limit for place in order]
    assert beyond == sorted(beyond)
    within = [pool[place].hours for place in order if pool[place].missed <= limit]
    assert within == sorted(within)


def test_probability_of_being_cheaper_is_students() -> None:
    assert better_probability([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(0.5)
    # Differences -2, -1, 0: mean -1, standard error 1/sqrt(3); t = 1.732 with 2 degrees.
    assert better_probability([0.0, 0.0, 0.0], [2.0, 1.0, 0.0]) == pytest.approx(0.8873, abs=1e-4)
    assert better_probability([1.0, 1.0], [2.0, 2.0]) == 1.0


def test_a_sample_has_no_setting_twice_and_reaches_every_value() -> None:
    space = Space(
        values={
            "threshold": (1.0, 2.0), "warm_floor": (0.0, 1.0, 2.0), "quantile": (0.9, 0.95),
            "lead_time_seconds": (300.0,), "up_window_seconds": (0.0,),
            "down_window_seconds": (60.0, 300.0),
        }
    )  # fmt: skip
    found = space.sample(16, seed=0)
    assert len(set(found)) == 16
    assert {each.warm_floor for each in found} == {0, 1, 2}
    assert found == space.sample(16, seed=0)
    assert len(space.sample(1_000, seed=0)) == space.size == 24
