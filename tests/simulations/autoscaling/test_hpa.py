"""Whole syncs of the HPA as stories, and the laws that hold for each."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.reach import passes, reachable
from simulations.autoscaling import (
    Behavior,
    Fleet,
    Hpa,
    HpaSpec,
    HpaState,
    PolicyKind,
    Reading,
    ScalingPolicy,
    ScalingRules,
    Select,
    ValueMetric,
    scale_down,
    scale_up,
    sync,
)
from simulations.ports import Metric

ONE = 1_000
SET = HpaSpec(behavior=Behavior())
UNSET = HpaSpec()


def asking(replicas: int) -> tuple[Reading, ...]:
    return (Metric(replicas * ONE, ONE),)


def settled(replicas: int) -> Fleet:
    return Fleet(replicas, replicas, replicas)


def follow(asked: list[int], spec: HpaSpec, *, start: int, period: float) -> list[int]:
    """Return the replicas after each sync while the metric asks for `asked`."""
    state, counts = HpaState(), [start]
    for turn, count in enumerate(asked):
        state, replicas = sync(
            state, spec, asking(count), at=period * turn, fleet=settled(counts[-1])
        )
        counts.append(replicas)
    return counts[1:]


def test_the_ramp_without_behavior_is_1_4_8_16() -> None:
    assert follow([30] * 4, UNSET, start=1, period=15.0) == [4, 8, 16, 30]


def test_the_ramp_with_any_behavior_set_is_1_5_10_20() -> None:
    assert follow([30] * 4, SET, start=1, period=15.0) == [5, 10, 20, 30]


@pytest.mark.parametrize("spec", [UNSET, SET])
def test_one_sample_of_a_spike_holds_replicas_for_five_minutes(spec: HpaSpec) -> None:
    got = follow([8, 2, 2, 2, 2, 2, 2], spec, start=4, period=60.0)
    assert got == [8, 8, 8, 8, 8, 2, 2]


def test_a_rise_that_was_cut_short_goes_on_only_without_behavior() -> None:
    assert follow([30, 5], UNSET, start=4, period=60.0) == [8, 16]
    assert follow([30, 5], SET, start=4, period=60.0) == [8, 8]


@pytest.mark.parametrize("spec", [UNSET, SET])
def test_the_first_sync_of_a_controller_removes_nothing_for_five_minutes(spec: HpaSpec) -> None:
    assert follow([2] * 21, spec, start=9, period=15.0) == [9] * 20 + [2]


def test_at_zero_replicas_the_hpa_is_off() -> None:
    _, replicas = sync(HpaState(), SET, asking(9), at=0.0, fleet=settled(0))
    assert replicas == 0


def test_an_hpa_that_went_to_zero_itself_comes_back_itself() -> None:
    spec = HpaSpec(min_replicas=0, downscale_seconds=30.0)
    assert follow([2, 0, 0, 0, 0, 3, 3], spec, start=2, period=15.0) == [2, 2, 0, 0, 0, 3, 3]
    raised = replace(spec, min_replicas=7, behavior=Behavior())
    state = HpaState(is_asleep=True)
    assert sync(state, raised, asking(1), at=0.0, fleet=settled(0))[1] == 7


@pytest.mark.parametrize("behavior", [None, Behavior()])
@pytest.mark.parametrize(
    ("replicas", "want", "why"),
    [(1, 6, "below the minimum: up to it"), (99, 10, "above the maximum: down to it")],
)
def test_a_count_outside_the_bounds_goes_straight_back(
    behavior: Behavior | None, replicas: int, want: int, why: str
) -> None:
    spec = HpaSpec(min_replicas=6, max_replicas=10, behavior=behavior)
    _, got = sync(HpaState(), spec, (None,), at=0.0, fleet=settled(replicas))
    assert got == want, why


def test_a_way_back_inside_the_bounds_counts_for_the_policies_periods() -> None:
    four_a_minute = scale_up(policies=(ScalingPolicy(PolicyKind.PODS, 4, 60.0),))
    spec = HpaSpec(min_replicas=6, behavior=Behavior(up=four_a_minute))
    state, replicas = sync(HpaState(), spec, asking(50), at=0.0, fleet=settled(3))
    assert replicas == 6
    _, replicas = sync(state, spec, asking(50), at=15.0, fleet=settled(6))
    assert replicas == 7  # 3 at the start of the period, and four more


def test_a_failed_metric_changes_and_notes_nothing() -> None:
    state, _ = sync(HpaState(), SET, asking(8), at=0.0, fleet=settled(8))
    assert sync(state, SET, (None,), at=15.0, fleet=settled(8)) == (state, 8)


def test_within_the_tolerance_the_proposal_is_the_pods_that_exist_not_those_wanted() -> None:
    """A Deployment whose pods are still being removed: the HPA takes what `status` says."""
    behavior = Behavior(down=scale_down(stabilization_seconds=0.0))
    spec = HpaSpec(behavior=behavior)
    _, replicas = sync(HpaState(), spec, asking(7), at=0.0, fleet=Fleet(4, 7, 4))
    assert replicas == 7


PERIODS = st.sampled_from([10.0, 15.0, 45.0, 120.0])
POLICIES = st.lists(
    st.builds(ScalingPolicy, st.sampled_from(PolicyKind), st.integers(1, 150), PERIODS),
    min_size=1,
    max_size=3,
).map(tuple)
WINDOWS = st.sampled_from([0.0, 20.0, 60.0, 300.0])
TOLERANCES = st.sampled_from([None, 0.0, 0.05, 0.3])
SELECTS = st.sampled_from([Select.MAX, Select.MAX, Select.MIN, Select.DISABLED])
RULES = st.builds(
    ScalingRules,
    policies=POLICIES,
    select=SELECTS,
    stabilization_seconds=WINDOWS,
    tolerance=TOLERANCES,
)
SPECS = st.builds(
    HpaSpec,
    min_replicas=st.integers(0, 3),
    max_replicas=st.integers(4, 60),
    behavior=st.none() | st.builds(Behavior, up=RULES, down=RULES),
    downscale_seconds=WINDOWS,
)
READING = st.one_of(
    st.builds(Metric, st.integers(0, 80_000), st.just(ONE)),
    st.builds(Metric, st.integers(0, 80_000), st.sampled_from([700, 2_150])),
    st.builds(ValueMetric, st.integers(0, 5_000), st.just(ONE)),
    st.none(),
)
READINGS = st.lists(READING, min_size=1, max_size=3).map(tuple)


@given(
    spec=SPECS,
    start=st.integers(0, 70),
    story=st.lists(
        st.tuples(st.floats(0.5, 90.0), READINGS | READING.map(lambda one: (one,)), st.booleans()),
        max_size=40,
    ),
)
def test_the_fast_form_answers_what_the_plain_form_answers(
    spec: HpaSpec, start: int, story: list[tuple[float, tuple[Reading, ...], bool]]
) -> None:
    state, fast, replicas, existing, at = HpaState(), Hpa(spec), start, start, 0.0
    for wait, readings, has_caught_up in story:
        at += wait
        existing = replicas if has_caught_up else existing
        fleet = Fleet(replicas, existing, min(replicas, existing))
        state, replicas = sync(state, spec, readings, at=at, fleet=fleet)
        assert fast.sync(at, fleet, readings) == replicas
        if fleet.wanted > 0:
            assert spec.min_replicas <= replicas <= spec.max_replicas


@given(spec=SPECS, start=st.integers(1, 60), asked=st.lists(st.integers(0, 90), max_size=15))
def test_the_answer_lies_between_the_bounds(spec: HpaSpec, start: int, asked: list[int]) -> None:
    spec = replace(spec, min_replicas=max(1, spec.min_replicas))
    for count in follow(asked, spec, start=start, period=15.0):
        assert spec.min_replicas <= count <= spec.max_replicas


@given(
    spec=SPECS,
    start=st.integers(4, 60),
    before=st.lists(st.integers(0, 60), max_size=6),
    usage=st.integers(0, 90_000),
    more=st.integers(0, 90_000),
)
def test_more_usage_never_means_fewer_replicas_in_the_same_state(
    spec: HpaSpec, start: int, before: list[int], usage: int, more: int
) -> None:
    state, replicas = HpaState(), start
    for turn, count in enumerate(before):
        state, replicas = sync(state, spec, asking(count), at=15.0 * turn, fleet=settled(replicas))
    at, fleet = 15.0 * len(before), settled(replicas)
    _, less = sync(state, spec, (Metric(usage, ONE),), at=at, fleet=fleet)
    _, got = sync(state, spec, (Metric(usage + more, ONE),), at=at, fleet=fleet)
    assert got >= less


@given(spec=SPECS, replicas=st.integers(4, 60), usage=st.integers(0, 90_000))
def test_nothing_changes_within_the_tolerance(spec: HpaSpec, replicas: int, usage: int) -> None:
    replicas = min(replicas, spec.max_replicas)
    low, high = 1.0 - spec.down_tolerance, 1.0 + spec.up_tolerance
    _, got = sync(HpaState(), spec, (Metric(usage, ONE),), at=0.0, fleet=settled(replicas))
    if low <= usage / (ONE * replicas) <= high:
        assert got == replicas


NO_WINDOW = ScalingRules(
    policies=(ScalingPolicy(PolicyKind.PERCENT, 1_000_000, 1.0),), stabilization_seconds=0.0
)


@given(
    current=st.integers(1, 500),
    wanted=st.integers(1, 500),
    up=st.sampled_from([0.0, 0.05, 0.1, 0.5]),
    down=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_a_count_that_the_scaler_takes_for_reachable_is_where_the_hpa_goes(
    current: int, wanted: int, up: float, down: float
) -> None:
    behavior = Behavior(
        up=replace(NO_WINDOW, tolerance=up), down=replace(NO_WINDOW, tolerance=down)
    )
    spec = HpaSpec(max_replicas=500, behavior=behavior)

    def went(asked: int) -> int:
        return sync(HpaState(), spec, asking(asked), at=0.0, fleet=settled(current))[1]

    # The first sync of all removes nothing: its proposal is read with no window.
    assert (went(wanted) != current) == (
        wanted != current and passes(wanted, current=current, up=up, down=down)
    )
    answer = reachable(wanted, current=current, up=up, down=down, limit=500)
    assert went(answer) == answer
