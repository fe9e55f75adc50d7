"""The way from an answer to its pods, against the HPA's documented ramp and our own emulations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.starts.grid import RATIO, stepped
from scaler.starts.ramp import Pace, Policy, ScaleUp, Select, ramp_seconds, scaling_seconds
from simulations.autoscaling import Behavior, Fleet, HpaSpec, HpaState, sync
from simulations.ports import Metric

SET = ScaleUp(is_set=True)
UNSET = ScaleUp()
FOUR_A_MINUTE = ScaleUp(
    is_set=True, policies=(Policy(is_percent=False, value=4, period_seconds=60),)
)


@pytest.mark.parametrize(
    ("current", "wanted", "rules", "seconds", "why"),
    [
        (1, 1, SET, 0, "nothing to do"),
        (1, 5, SET, 0, "1 -> 5 in the first sync"),
        (1, 6, SET, 15, "1 -> 5 -> 6"),
        (1, 20, SET, 30, "1 -> 5 -> 10 -> 20"),
        (1, 21, SET, 45, "1 -> 5 -> 10 -> 20 -> 21"),
        (1, 4, UNSET, 0, "without behavior: max(2 n, 4)"),
        (1, 16, UNSET, 30, "1 -> 4 -> 8 -> 16"),
        (1, 9, FOUR_A_MINUTE, 60, "four a minute, not four a sync"),
        (1, 13, FOUR_A_MINUTE, 120, "and so on"),
        (10, 5, SET, 0, "down is no matter of a lead time"),
    ],
)
def test_the_ramp_is_the_hpas(
    current: int, wanted: int, rules: ScaleUp, seconds: float, why: str
) -> None:
    assert ramp_seconds(current, wanted, rules, 15.0) == seconds, why


@pytest.mark.parametrize(
    ("current", "pace", "seconds", "why"),
    [
        (1, Pace(scale_up=SET), 15 + 30, "a sync and the ramp"),
        (0, Pace(scale_up=SET), 30 + 30, "KEDA's poll, and the HPA at once"),
        (0, Pace(scale_up=SET, min_replicas=5), 30 + 15, "KEDA sets minReplicaCount"),
        (1, Pace(scale_up=SET, is_cached=True), 30 + 15 + 30, "an answer of the last poll"),
        (1, Pace(scale_up=SET, sync_seconds=30), 30 + 60, "a slower HPA"),
        (
            1,
            Pace(scale_up=ScaleUp(is_set=True, stabilization_seconds=120)),
            15 + 120 + 30,
            "a window before each step up",
        ),
        (1, Pace(scale_up=ScaleUp(is_set=True, select=Select.DISABLED)), math.inf, "never"),
    ],
)
def test_the_whole_way_to_twenty(current: int, pace: Pace, seconds: float, why: str) -> None:
    assert scaling_seconds(current, 20, pace) == seconds, why


@given(st.integers(1, 120), st.integers(1, 400), st.booleans())
def test_the_ramp_is_that_of_the_emulated_hpa(
    current: int,
    wanted: int,
    is_set: bool,  # noqa: FBT001 - drawn
) -> None:
    behavior = Behavior() if is_set else None
    spec = HpaSpec(max_replicas=1_000, behavior=behavior, tolerance=0.0)
    state, replicas, at = HpaState(), current, 0.0
    asked = (Metric(wanted * 1_000, 1_000),)
    while replicas < wanted:
        fleet = Fleet(replicas, replicas, replicas)
        state, replicas = sync(state, spec, asked, at=at, fleet=fleet)
        at += 15.0
    expected = max(0.0, at - 15.0)
    assert ramp_seconds(current, wanted, ScaleUp(is_set=is_set), 15.0) == expected


@given(st.integers(0, 50), st.integers(0, 200), st.integers(0, 50), st.booleans())
def test_more_replicas_never_come_sooner(
    current: int,
    wanted: int,
    more: int,
    is_set: bool,  # noqa: FBT001 - drawn
) -> None:
    pace = Pace(scale_up=ScaleUp(is_set=is_set))
    assert scaling_seconds(current, wanted + more, pace) >= scaling_seconds(current, wanted, pace)


def test_a_policy_that_allows_nothing_never_arrives() -> None:
    none = ScaleUp(is_set=True, policies=(Policy(is_percent=False, value=0, period_seconds=15),))
    assert ramp_seconds(1, 2, none, 15.0) == math.inf


@given(st.floats(1, 21_600), st.floats(1, 21_600))
def test_a_step_holds_what_it_is_for_and_is_at_most_two_steps_too_long(
    seconds: float, before: float
) -> None:
    first = stepped(seconds)
    assert seconds <= first * (1 + 1e-9)
    assert first <= seconds * RATIO * (1 + 1e-9)
    moved = stepped(seconds, stepped(before))
    assert seconds <= moved * (1 + 1e-9)
    assert moved <= seconds * RATIO**2 * (1 + 1e-9)
    assert stepped(seconds, moved) == moved


@given(st.floats(10, 10_000), st.lists(st.floats(0.96, 1.04), min_size=1, max_size=50))
def test_noise_of_a_few_percent_moves_the_horizon_at_most_once(
    seconds: float, noise: list[float]
) -> None:
    horizon = stepped(seconds)
    seen = {horizon}
    for factor in noise:
        horizon = stepped(seconds * factor, horizon)
        seen.add(horizon)
    assert len(seen) <= 2


def test_a_horizon_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds must be > 0"):
        stepped(0.0)
