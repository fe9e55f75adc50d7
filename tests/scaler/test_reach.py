"""What the decision asks for is what the HPA does: over its whole range, in its arithmetic."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecast import Forecast
from scaler.fleet import Fleet
from scaler.params import TargetParams
from scaler.policy import decide
from scaler.reach import first_above, passes, reachable
from scaler.types import Evidence, PolicyState, Seen
from simulations.autoscaling.behavior import Behavior, scale_down, scale_up
from simulations.autoscaling.proposals import proposed
from simulations.autoscaling.spec import HpaSpec
from simulations.ports import Metric

ONE = 1_000  # a target of one replica, in milli-units
MOST = 500
TOLERANCES = [(0.0, 0.0), (0.1, 0.1), (0.0, 0.1), (0.1, 0.0), (0.05, 0.2), (1.0, 0.5)]


def tolerant(up: float, down: float, *, floor: int = 1) -> HpaSpec:
    behavior = Behavior(up=scale_up(tolerance=up), down=scale_down(tolerance=down))
    return HpaSpec(min_replicas=floor, max_replicas=MOST, behavior=behavior)


def hpa(asked: int, current: int, spec: HpaSpec) -> int:
    """Return the count to which the HPA goes from `current` when the metric says `asked`."""
    if current < spec.min_replicas or current > spec.max_replicas:
        current = min(max(current, spec.min_replicas), spec.max_replicas)
    proposal = proposed(Metric(asked * ONE, ONE), current, spec)
    return min(max(proposal, spec.min_replicas), spec.max_replicas)


@pytest.mark.parametrize(("up", "down"), TOLERANCES)
def test_the_hpa_does_what_was_decided_for_every_current_and_wanted_count(
    up: float, down: float
) -> None:
    spec = tolerant(up, down)
    for current in range(MOST + 1):
        answers = [
            reachable(wanted, current=current, up=up, down=down, limit=MOST)
            for wanted in range(MOST + 1)
        ]
        for wanted, answer in enumerate(answers):
            if current and answer:
                assert hpa(answer, current, spec) == answer, (current, wanted)
            if answer < wanted:
                assert answer == current, "only the HPA's own count may lie below the need"
                assert all(
                    not passes(n, current=current, up=up, down=down)
                    for n in range(max(wanted, current + 1), MOST + 1)
                )
        assert answers == sorted(answers), f"not monotone from {current}"
        if up == down == 0.0:
            assert answers == list(range(MOST + 1))


def test_the_arithmetic_is_the_vectorised_one_of_the_hpa() -> None:
    current, wanted = np.mgrid[1 : MOST + 1, 0 : MOST + 1]
    ratio = (wanted * ONE) / (ONE * current)
    outside = ~((ratio >= 1.0 - 0.1) & (ratio <= 1.0 + 0.1))
    for n, w in ((20, 21), (20, 22), (20, 23), (10, 11), (10, 9), (64, 71), (1, 0), (500, 451)):
        assert passes(w, current=n, up=0.1, down=0.1) == outside[n - 1, w]
    got = np.array(
        [
            [passes(w, current=n, up=0.1, down=0.1) for w in range(MOST + 1)]
            for n in range(1, MOST + 1)
        ]
    )
    assert (got == outside).all()


# From n replicas, keda-contract: the first N above that passes a tolerance of 10 %.
@pytest.mark.parametrize(
    ("n", "first"),
    [
        (1, 2),
        (5, 6),
        (9, 10),
        (10, 12),
        (15, 17),
        (19, 21),
        (20, 23),
        (30, 34),
        (40, 45),
        (100, 111),
    ],
)
def test_a_wanted_step_that_would_be_swallowed_becomes_the_first_that_passes(
    n: int, first: int
) -> None:
    assert first_above(n, 0.1) == first
    assert reachable(n + 1, current=n, up=0.1, down=0.1, limit=MOST) == first


def test_a_step_that_can_not_pass_below_the_ceiling_is_not_asked_for() -> None:
    assert reachable(21, current=20, up=0.1, down=0.1, limit=22) == 20
    assert reachable(21, current=20, up=0.1, down=0.1, limit=23) == 23


def test_outside_its_bounds_the_hpa_first_goes_back_to_them() -> None:
    assert reachable(9, current=40, up=0.1, down=0.1, limit=10) == 10
    assert reachable(11, current=4, up=0.1, down=0.1, limit=20, floor=10) == 12


def fleet_of(wanted: int) -> Fleet:
    return Fleet(at=0.0, wanted=wanted, ready=wanted)


@given(
    current=st.integers(0, MOST),
    wanted=st.integers(0, MOST),
    tolerances=st.sampled_from(TOLERANCES),
    floor=st.integers(0, 20),
    has_fleet=st.booleans(),
)
def test_the_whole_decision_is_what_the_hpa_then_does_and_stays(
    current: int, wanted: int, tolerances: tuple[float, float], floor: int, *, has_fleet: bool
) -> None:
    up, down = tolerances
    params = TargetParams(
        threshold=1.0,
        zone=ZoneInfo("UTC"),
        warm_floor=floor,
        max_replicas=MOST,
        hpa_tolerance=up,
        hpa_scale_down_tolerance=down,
    )
    spec = tolerant(up, down, floor=max(1, floor))
    seen = Seen(
        as_of=30.0,
        evidence=Evidence.FRESH,
        observed_demand=float(wanted),
        observed_at=30.0,
        forecast=Forecast(
            issued_at=30.0, horizon_seconds=300.0, level=0.95, value=float(wanted), method="x"
        ),
        fleet=fleet_of(current) if has_fleet else None,
    )
    trail = PolicyState().predicted.told(15.0, current, 0.0)
    state = PolicyState(last_good_replicas=current, predicted=trail, reactive=trail)
    state, once = decide(state, seen, params)
    assert decide(state, seen, params) == (state, once), "idempotent"
    if current and once.replicas:
        assert hpa(once.replicas, current, spec) == once.replicas
