"""What metrics ask for, against Kubernetes' own tests of `replica_calculator.go`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.autoscaling.behavior import Behavior, scale_down, scale_up
from simulations.autoscaling.proposals import (
    MAX_INT32,
    MAX_INT64,
    Fleet,
    Reading,
    ValueMetric,
    desired,
    is_within,
    proposed,
    proposed_by_value,
    reported,
    total,
)
from simulations.autoscaling.spec import HpaSpec
from simulations.ports import Metric

ONE = 1_000  # a target of one replica, in thousandths
LOOSE = HpaSpec(max_replicas=1_000)


def tolerant(up: float, down: float = 0.1) -> HpaSpec:
    behavior = Behavior(up=scale_up(tolerance=up), down=scale_down(tolerance=down))
    return HpaSpec(max_replicas=1_000, behavior=behavior)


@pytest.mark.parametrize(
    ("existing", "usage", "target", "spec", "want", "average"),
    [
        (3, 8_600, 2_150, LOOSE, 4, 2_867),
        (5, 8_600, 2_867, LOOSE, 3, 1_720),
        (3, 8_600, 2_900, LOOSE, 3, 2_867),  # within the tolerance
        (3, 8_600, 2_222, LOOSE, 4, 2_867),
        (5, 8_600, 3_000, LOOSE, 3, 1_720),
        (3, 8_600, 2_800, tolerant(0.01), 4, 2_867),  # outside a tolerance of its own
        (3, MAX_INT64, MAX_INT64, LOOSE, 1, MAX_INT64),
    ],
)
def test_an_average_value_asks_for_what_kubernetes_own_tests_say(
    *, existing: int, usage: int, target: int, spec: HpaSpec, want: int, average: int
) -> None:
    assert proposed(Metric(usage, target), existing, spec) == want
    assert reported(usage, existing) == average


@pytest.mark.parametrize(
    ("wanted", "ready", "usage", "target", "spec", "want"),
    [
        (3, 1, 8_600, 4_400, LOOSE, 2),  # of the pods that are Ready
        (5, 5, 8_600, 14_334, LOOSE, 3),
        (3, 3, 8_600, 8_888, LOOSE, 3),  # within the tolerance
        (3, 3, 8_900, 8_800, tolerant(0.01), 4),
        (0, 0, 8_600, 4_400, LOOSE, 2),  # from zero: the ratio itself
    ],
)
def test_a_value_asks_for_what_kubernetes_own_tests_say(
    *, wanted: int, ready: int, usage: int, target: int, spec: HpaSpec, want: int
) -> None:
    fleet = Fleet(wanted, wanted, ready)
    assert proposed_by_value(ValueMetric(usage, target), fleet, spec) == want


def test_a_value_without_any_pod_is_a_failed_metric() -> None:
    assert proposed_by_value(ValueMetric(9_000, ONE), Fleet(3, 0, 0), LOOSE) is None


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


def of_count(replicas: int, asked: int, spec: HpaSpec = LOOSE) -> int:
    return proposed(Metric(asked * ONE, ONE), replicas, spec)


@pytest.mark.parametrize(("n", "up", "down"), TOLERANCE)
def test_the_tolerance_swallows_all_steps_below_the_first_that_passes(
    n: int, up: int, down: int | None
) -> None:
    assert up - n == n // 10 + 1
    assert of_count(n, up) == up
    assert all(of_count(n, asked) == n for asked in range(n, up))
    if down is not None:
        assert n - down == n // 10 + 1
        assert of_count(n, down) == down
        assert all(of_count(n, asked) == n for asked in range(down + 1, n))


def test_the_tolerance_includes_both_ends() -> None:
    assert of_count(10, 11) == 10  # ratio 1.1
    assert of_count(10, 9) == 10  # ratio 0.9


def test_a_tolerance_of_zero_lets_each_step_of_its_direction_pass() -> None:
    assert [of_count(n, n + 1, tolerant(0.0)) for n in (20, 64, 500)] == [21, 65, 501]
    assert of_count(20, 19, tolerant(0.0)) == 20


@pytest.mark.parametrize(
    ("usage", "target", "want", "why"),
    [
        (3_001, 1_000, 4, "a fraction asks for one more"),
        (3_000, 1_000, 3, "a whole number is itself"),
        (20_000, 10_000, 2, "KEDA's own end-to-end test, 20/10"),
        (22_222, 6_111, 4, "and 22.222/6.111"),
        (MAX_INT64, 1, MAX_INT32, "what an int32 can't hold is its most"),
    ],
)
def test_a_proposal_is_the_ceiling_of_usage_over_target(
    usage: int, target: int, want: int, why: str
) -> None:
    assert proposed(Metric(usage, target), 1, LOOSE) == want, why


def test_without_pods_any_usage_asks_for_its_ceiling_and_none_for_nothing() -> None:
    assert proposed(Metric(2_500, ONE), 0, LOOSE) == 3
    assert proposed(Metric(0, ONE), 0, LOOSE) == 0


def test_values_of_one_metric_add_up_to_what_an_int64_holds() -> None:
    assert total([4_000, 5_000]) == 9_000
    assert total([MAX_INT64 - 1, 5]) == MAX_INT64


LOW, HIGH, FAILED = Metric(2 * ONE, ONE), Metric(9 * ONE, ONE), None


@pytest.mark.parametrize(
    ("readings", "want", "why"),
    [
        ((LOW, HIGH), 9, "the largest holds"),
        ((FAILED, HIGH), 9, "upwards the ones that are left decide"),
        ((FAILED, LOW), None, "downwards one failure blocks all"),
        ((FAILED, FAILED), None, "nothing is known"),
        ((FAILED, Metric(5 * ONE, ONE)), 5, "to stay is not downwards"),
        ((Metric(0, ONE), Metric(0, ONE)), 0, "nothing asked for is an answer"),
    ],
)
def test_of_several_metrics(readings: tuple[Reading, ...], want: int | None, why: str) -> None:
    assert desired(readings, Fleet(5, 5, 5), LOOSE) == want, why


@given(
    existing=st.integers(1, 500),
    usage=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
    target=st.integers(1, 10**6),
    up=st.sampled_from([0.0, 0.05, 0.1, 1.0]),
    down=st.sampled_from([0.0, 0.05, 0.1, 0.9]),
)
def test_a_proposal_never_falls_when_usage_grows_and_stays_within_the_tolerance(
    *, existing: int, usage: int, more: int, target: int, up: float, down: float
) -> None:
    spec = tolerant(up, down)
    got = proposed(Metric(usage, target), existing, spec)
    assert proposed(Metric(usage + more, target), existing, spec) >= got
    if is_within(usage / (target * existing), spec):
        assert got == existing
