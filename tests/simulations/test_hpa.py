"""The HPA's arithmetic against the tables of Kubernetes' own rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.hpa import HpaSpec, HpaState, propose, step_up_limit, sync

ONE = 1_000  # a target of one replica, in milli-units

# From n replicas: the first N above that passes a tolerance of 10 %, and the first N below.
TOLERANCE = [
    (1, 2, None),
    (5, 6, 4),
    (9, 10, 8),
    (10, 12, 8),
    (15, 17, 13),
    (19, 21, 17),
    (20, 23, 17),
    (30, 34, 26),
    (40, 45, 35),
    (50, 56, 44),
    (64, 71, 57),
    (100, 111, 89),
]


def proposal(replicas: int, asked: int, spec: HpaSpec | None = None) -> int:
    return propose(asked * ONE, ONE, replicas=replicas, spec=spec or HpaSpec(max_replicas=1_000))


@pytest.mark.parametrize(("n", "up", "down"), TOLERANCE)
def test_the_tolerance_swallows_all_steps_below_the_first_that_passes(
    n: int, up: int, down: int | None
) -> None:
    assert proposal(n, up) == up
    assert all(proposal(n, asked) == n for asked in range(n, up))
    if down is not None:
        assert proposal(n, down) == down
        assert all(proposal(n, asked) == n for asked in range(down + 1, n))


@pytest.mark.parametrize(("n", "up", "down"), TOLERANCE)
def test_the_smallest_step_that_passes_is_a_tenth_and_one_more(
    n: int, up: int, down: int | None
) -> None:
    assert up - n == n // 10 + 1
    assert down is None or n - down == n // 10 + 1


def test_the_tolerance_includes_both_ends() -> None:
    assert proposal(10, 11) == 10  # ratio 1.1
    assert proposal(10, 9) == 10  # ratio 0.9


def test_a_tolerance_of_zero_lets_each_step_pass() -> None:
    spec = HpaSpec(max_replicas=1_000, scale_up_tolerance=0.0)
    assert [proposal(n, n + 1, spec) for n in (20, 64, 500)] == [21, 65, 501]
    assert proposal(20, 19, spec) == 20  # scaling down keeps its own


@pytest.mark.parametrize(
    ("usage_milli", "target_milli", "replicas", "why"),
    [
        (3_001, 1_000, 4, "a fraction asks for one more"),
        (3_000, 1_000, 3, "a whole number is itself"),
        (20_000, 10_000, 2, "KEDA's own end-to-end test, 20/10"),
        (22_222, 6_111, 4, "and 22.222/6.111"),
    ],
)
def test_a_proposal_is_the_ceiling_of_usage_over_target(
    usage_milli: int, target_milli: int, replicas: int, why: str
) -> None:
    assert propose(usage_milli, target_milli, replicas=1, spec=HpaSpec()) == replicas, why


def ramp(asked: int, spec: HpaSpec, n_syncs: int) -> list[int]:
    """Return the replicas of each sync, 15 s apart, from one replica on."""
    state, counts = HpaState(), [1]
    for turn in range(n_syncs):
        state, count = sync(
            state,
            spec,
            at=15.0 * turn,
            replicas=counts[-1],
            usage_milli=asked * ONE,
            target_milli=ONE,
        )
        counts.append(count)
    return counts


def test_the_ramp_without_behavior_is_1_4_8_16() -> None:
    assert ramp(30, HpaSpec(), 4) == [1, 4, 8, 16, 30]


def test_the_ramp_with_any_behavior_set_is_1_5_10_20() -> None:
    assert ramp(30, HpaSpec(is_behavior_set=True), 4) == [1, 5, 10, 20, 30]


def test_at_zero_replicas_the_hpa_is_off() -> None:
    assert sync(
        HpaState(), HpaSpec(), at=0.0, replicas=0, usage_milli=9 * ONE, target_milli=ONE
    ) == (HpaState(), 0)


@pytest.mark.parametrize(
    ("replicas", "want", "why"),
    [(1, 2, "below the minimum: up to it"), (12, 10, "above the maximum: down to it")],
)
def test_a_count_outside_the_bounds_goes_straight_back(replicas: int, want: int, why: str) -> None:
    spec = HpaSpec(min_replicas=2, max_replicas=10)
    _, got = sync(
        HpaState(), spec, at=0.0, replicas=replicas, usage_milli=5 * ONE, target_milli=ONE
    )
    assert got == want, why


def follow(asked: list[int], spec: HpaSpec, *, start: int) -> list[int]:
    """Return the replicas after each sync, one a minute, while the metric asks for `asked`."""
    state, counts = HpaState(), [start]
    for turn, count in enumerate(asked):
        state, replicas = sync(
            state,
            spec,
            at=60.0 * turn,
            replicas=counts[-1],
            usage_milli=count * ONE,
            target_milli=ONE,
        )
        counts.append(replicas)
    return counts[1:]


@pytest.mark.parametrize("spec", [HpaSpec(), HpaSpec(is_behavior_set=True)])
def test_one_sample_of_a_spike_holds_replicas_for_five_minutes(spec: HpaSpec) -> None:
    assert follow([8, 2, 2, 2, 2, 2, 2], spec, start=4) == [8, 8, 8, 8, 8, 2, 2]


def test_a_rise_that_was_cut_short_goes_on_only_without_behavior() -> None:
    assert follow([30, 5], HpaSpec(), start=4) == [8, 16]
    assert follow([30, 5], HpaSpec(is_behavior_set=True), start=4) == [8, 8]


@given(
    replicas=st.integers(1, 200),
    asked=st.integers(0, 500),
    spec=st.builds(HpaSpec, max_replicas=st.just(200), is_behavior_set=st.booleans()),
)
def test_one_sync_stays_inside_the_bounds_and_under_the_step_limit(
    replicas: int, asked: int, spec: HpaSpec
) -> None:
    _, got = sync(
        HpaState(), spec, at=0.0, replicas=replicas, usage_milli=asked * ONE, target_milli=ONE
    )
    assert 1 <= got <= min(200, step_up_limit(replicas, spec))
    assert got >= replicas  # a first proposal downwards waits for its stabilisation
