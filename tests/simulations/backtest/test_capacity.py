"""The replay against timelines worked out by hand, and against the policy itself."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecast import Forecast
from forecasting.series import Series
from scaler.params import TargetParams
from scaler.policy import decide
from scaler.types import Evidence, PolicyState, Seen
from simulations.backtest.capacity import (
    headroom_for,
    play,
    ready_of,
    spared,
    stabilised,
    stage_of,
)
from simulations.backtest.case import Terms

MINUTE = 60.0


def series(values: "list[float]") -> Series:
    return Series(start_at=0.0, step_seconds=MINUTE, values=np.array(values, dtype=float))


def test_a_pod_is_ready_once_it_was_wanted_for_its_whole_start_up() -> None:
    #                       wanted  1 1 3 3 3 3 2 2 4 1 4 4 4
    wanted = np.array([1, 1, 3, 3, 3, 3, 2, 2, 4, 1, 4, 4, 4.0])
    #               ready after 2:  1 1 1 1 3 3 2 2 2 1 1 1 4
    want = [1, 1, 1, 1, 3, 3, 2, 2, 2, 1, 1, 1, 4]
    np.testing.assert_array_equal(ready_of(wanted, 2), want)


def test_the_target_falls_only_to_the_highest_of_five_minutes() -> None:
    wanted = np.array([1, 5, 1, 1, 1, 1, 1, 1.0])
    np.testing.assert_array_equal(stabilised(wanted, MINUTE), [1, 5, 5, 5, 5, 5, 5, 1])


def test_the_reactive_scaler_is_short_for_the_start_up_and_a_bound_in_time_is_not() -> None:
    """Demand goes from 10 to 30 at minute 5; a replica carries 10 and takes 3 minutes.

    Reactive: 2 replicas are missing at minutes 5, 6 and 7: 20 x 60 x 3 = 3600 unserved.
    Foreseen at minute 2: nothing is short, and two replicas more are paid for three minutes.
    """
    demand = series([10.0] * 5 + [30.0] * 7)
    origins = np.array([0.0, 120.0, 480.0])
    stage = stage_of(demand, origins, Terms(threshold=10.0), 180.0)
    reactive = play(stage, None)
    assert reactive.unserved == 3600.0
    assert reactive.short_seconds == 180.0
    assert reactive.capacity_seconds == 60 * (5 * 1 + 7 * 3)
    np.testing.assert_array_equal(reactive.unserved_by_day, [3600.0])
    ours = play(stage, np.array([10.0, 30.0, 30.0]))
    assert (ours.unserved, ours.short_seconds) == (0.0, 0.0)
    assert ours.capacity_seconds == 60 * (2 * 1 + 10 * 3)


def test_the_start_up_may_differ_from_the_window_that_is_forecast() -> None:
    demand = series([10.0] * 5 + [30.0] * 7)
    stage = stage_of(
        demand, np.array([0.0, 480.0]), Terms(threshold=10.0, start_seconds=60.0), 180.0
    )
    assert play(stage, None).unserved == 20 * 60


def test_a_missing_observation_lowers_nothing_and_counts_as_nothing_unserved() -> None:
    demand = series([30.0] * 3 + [np.nan] * 20 + [30.0] * 10)
    stage = stage_of(demand, np.array([0.0]), Terms(threshold=10.0), 1920.0)
    played = play(stage, None)
    assert played.unserved == 0.0
    assert played.capacity_seconds == 33 * 3 * 60


def test_without_a_threshold_capacity_is_demand() -> None:
    demand = series([10.0] * 5 + [30.5] * 5)
    stage = stage_of(demand, np.array([0.0]), Terms(), 540.0)
    played = play(stage, np.array([30.5]))
    assert played.unserved == 0.0
    assert played.capacity_seconds == 30.5 * 600


def test_floor_and_ceiling_bound_what_is_wanted() -> None:
    demand = series([0.0] * 5 + [95.0] * 5)
    stage = stage_of(
        demand, np.array([0.0]), Terms(threshold=10.0, warm_floor=2, max_replicas=6), 540.0
    )
    assert play(stage, None).capacity_seconds == 60 * (5 * 2 + 5 * 6)


@given(
    demand=st.floats(0, 500),
    bound=st.floats(0, 500),
    threshold=st.floats(0.5, 50),
    floor=st.integers(0, 4),
    most=st.integers(5, 40),
)
def test_what_is_wanted_is_what_the_policy_decides(
    demand: float, bound: float, threshold: float, floor: int, most: int
) -> None:
    params = TargetParams(
        threshold=threshold, zone=ZoneInfo("UTC"), warm_floor=floor, max_replicas=most
    )
    forecast = Forecast(issued_at=0.0, horizon_seconds=60.0, level=0.9, value=bound, method="any")
    seen = Seen(
        as_of=0.0,
        observed_demand=demand,
        observed_at=0.0,
        evidence=Evidence.FRESH,
        forecast=forecast,
    )
    _, decision = decide(PolicyState(), seen, params)
    stage = stage_of(
        series([demand, demand]),
        np.array([0.0]),
        Terms(threshold=threshold, warm_floor=floor, max_replicas=most),
        MINUTE,
    )
    assert play(stage, np.array([bound])).capacity_seconds == decision.replicas * 2 * MINUTE


@given(seed=st.integers(0, 50), n_start=st.integers(1, 7))
def test_ready_is_the_lowest_of_the_last_start_up(seed: int, n_start: int) -> None:
    wanted = np.random.default_rng(seed).integers(0, 9, 40).astype(float)
    want = [wanted[max(0, place - n_start) : place + 1].min() for place in range(40)]
    want = [min(each, wanted[0]) if place < n_start else each for place, each in enumerate(want)]
    np.testing.assert_array_equal(ready_of(wanted, n_start), want)


@given(seed=st.integers(0, 30))
def test_more_headroom_never_leaves_more_unserved_and_the_match_is_the_least_that_does(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    demand = series((30 + 20 * np.sin(np.arange(200) / 9) + rng.gamma(2, 3, 200)).tolist())
    stage = stage_of(demand, np.array([0.0]), Terms(threshold=10.0), 199 * MINUTE)
    stage = stage_of(demand, np.array([0.0, 180 * MINUTE]), Terms(threshold=10.0), 5 * MINUTE)
    unserved = [play(stage, None, headroom=factor).unserved for factor in (1.0, 1.2, 1.5, 3.0)]
    assert unserved == sorted(unserved, reverse=True)
    headroom, twin = headroom_for(stage, unserved[2])
    assert twin.unserved <= unserved[2]
    assert headroom <= 1.5 + 1e-9
    if headroom > 1.001:
        assert play(stage, None, headroom=headroom - 1e-3).unserved > unserved[2]


def test_a_share_of_nothing_is_not_known() -> None:
    assert spared(200.0, 50.0) == pytest.approx(0.75)
    assert np.isnan(spared(0.0, 0.0))
