from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scaler.capacity import MAX_REPLICAS, replicas_for


@pytest.mark.parametrize(
    ("demand", "threshold", "want", "why"),
    [
        (0.0, 10.0, 0, "nothing there"),
        (20.0, 10.0, 2, "KEDA's own example"),
        (22.222, 6.111, 4, "KEDA's own example"),
        (0.3, 0.1, 3, "0.3 / 0.1 is 2.9999999999999996 in binary"),
        (30.000000001, 10.0, 3, "rounding, not a fourth replica"),
        (30.001, 10.0, 4, "more than three carry"),
        (1e300, 1e-300, MAX_REPLICAS, "a mistake stays bounded"),
    ],
)
def test_replicas_are_the_hpa_s_ceiling(
    demand: float, threshold: float, want: int, why: str
) -> None:
    assert replicas_for(demand, threshold) == want, why


@given(st.floats(0, 1e9), st.floats(1e-3, 1e6))
def test_the_replicas_carry_the_demand_and_one_fewer_would_not(
    demand: float, threshold: float
) -> None:
    assume(demand / threshold < MAX_REPLICAS)
    replicas = replicas_for(demand, threshold)
    assert replicas * threshold >= demand * (1 - 1e-9) - threshold * 1e-8
    assert (replicas - 1) * threshold < demand or replicas == 0
    assert abs(replicas - ceil(demand / threshold)) <= 1


@given(st.floats(0, 1e9) | st.integers(0, 10**6).map(float), st.floats(1e-3, 1e6))
def test_the_short_cut_past_rounding_changes_nothing(demand: float, threshold: float) -> None:
    ratio = min(demand / threshold, float(MAX_REPLICAS))
    assert replicas_for(demand, threshold) == ceil(round(ratio, 9))
