"""Knative's autoscaler against Knative's own tests (`autoscaler_test.go`)."""

from dataclasses import replace
from typing import Any

import pytest

from simulations.policies.kpa import Kpa, KpaSpec, KpaState, begun, decided
from simulations.ports import Observation

TESTED = KpaSpec(target=10.0, max_scale_up_rate=10.0, max_scale_down_rate=10.0)
ONE = replace(TESTED, target=1.0)
CALM = KpaState()


@pytest.mark.parametrize(
    ("spec", "state", "ready", "stable", "panic", "want"),
    [
        (TESTED, CALM, 1, 0.0, 0.0, 0),
        (replace(TESTED, target=181.0), CALM, 1, 21.0, 26.0, 1),
        (TESTED, CALM, 1, 50.0, 49.0, 5),
        (TESTED, CALM, 1, 50.0, 50.0, 5),
        (TESTED, CALM, 5, 50.0, 50.0, 5),
        (TESTED, CALM, 1, 50.0, 10.0, 5),
        (TESTED, CALM, 1, 100.0, 10.0, 10),
        (ONE, KpaState(panicked_at=-5.0, most=5), 5, 50.0, 30.0, 50),  # the stable one is larger
        (ONE, KpaState(panicked_at=-5.0, most=5), 5, 20.0, 30.0, 30),
        (replace(ONE, max_scale_up_rate=1.1), CALM, 2, 3.0, 3.1, 3),
        (replace(TESTED, max_scale_down_rate=1.1), CALM, 100, 1.0, 1.0, 90),
        (TESTED, CALM, 1, 50.0, 100.0, 10),  # panic takes precedence
        (TESTED, CALM, 8, 100.0, 100.0, 10),
        (TESTED, CALM, 8, 50.0, 50.0, 5),
        (TESTED, CALM, 1, 1_000.0, 1_001.0, 10),  # ten times as many at once
        (TESTED, CALM, 10, 1_000.0, 1_001.0, 100),
        (TESTED, CALM, 100, 1.0, 1.0, 10),
        (TESTED, CALM, 0, 1_000.0, 888.0, 10),  # no pods count as one
    ],
)
def test_one_decision(
    *, spec: KpaSpec, state: KpaState, ready: int, stable: float, panic: float, want: int
) -> None:
    assert decided(state, spec, at=0.0, ready=ready, stable=stable, panic=panic)[1] == want


Turn = tuple[float, int, float, float, int, float | None]  # at, ready, stable, panic; count, since


@pytest.mark.parametrize(
    ("spec", "story", "why"),
    [
        (
            ONE,
            [
                (0.0, 10, 11, 25, 25, 0.0),
                (30.0, 40, 30, 41, 41, 0.0),
                (62.0, 55, 50, 56, 50, None),
            ],
            "a slow rise ends the panic after a stable window",
        ),
        (
            ONE,
            [(0.0, 10, 11, 25, 25, 0.0), (30.0, 40, 30, 80, 80, 30.0)],
            "a surge that goes on extends it",
        ),
        (
            ONE,
            [
                (0.0, 1, 6, 6, 6, 0.0),
                (0.1, 6, 36, 36, 36, 0.1),
                (1.1, 36, 216, 216, 216, 1.1),
                (1.1, 216, 1_296, 1_296, 1_296, 1.1),
                (2.1, 1_296, 1_296, 1_296, 1_296, 1.1),
            ],
            "it tracks an exponential rise and then stays",
        ),
        (
            TESTED,
            [
                (0.0, 1, 100, 100, 10, 0.0),
                (0.5, 10, 100, 1_000, 100, 0.5),
                (30.5, 10, 1, 1, 100, 0.5),
                (61.5, 10, 1, 1, 1, None),
            ],
            "nothing goes down in a panic",
        ),
    ],
)
def test_a_panic(spec: KpaSpec, story: list[Turn], why: str) -> None:
    state = CALM
    for at, ready, stable, panic, want, since in story:
        state, got = decided(state, spec, at=at, ready=ready, stable=stable, panic=panic)
        assert (got, state.panicked_at) == (want, since), why


def test_it_begins_in_a_panic_with_several_pods() -> None:
    assert begun(7.0, 0) == KpaState(most=0)
    assert begun(7.0, 1) == KpaState(most=1)
    assert begun(7.0, 2) == KpaState(panicked_at=7.0, most=2)


def seen(at: float, in_flight: float, ready: int = 1) -> Observation:
    return Observation(
        at=at, demand=0.0, running=in_flight, waiting=0.0, kv_cache_use=0.0,
        wanted=ready, ready=ready, starting=0,
    )  # fmt: skip


def test_scaling_down_waits_for_the_delay() -> None:
    spec = replace(
        TESTED, panic_threshold=100.0, scale_down_delay_seconds=300.0, min_replicas=0,
        stable_window_seconds=1.0, panic_window_seconds=1.0,
    )  # fmt: skip
    kpa = Kpa("kpa", spec)
    story = [
        (2.0, 40, 4), (300.0, 0, 4), (302.0, 0, 0),
        (540.0, 40, 4), (600.0, 30, 4), (660.0, 0, 4), (840.0, 0, 3), (900.0, 0, 0),
    ]  # fmt: skip
    assert [kpa.replicas(seen(at, n)) for at, n, _ in story] == [want for _, _, want in story]


def test_the_windows_hold_what_was_in_flight_in_their_time() -> None:
    spec = replace(TESTED, stable_window_seconds=60.0, panic_window_seconds=15.0)
    kpa = Kpa("kpa", spec)
    # Means of the last 60 s: 10, 20, 20, 20 and then without the 10; panic at twice the pods.
    counts = [kpa.replicas(seen(15.0 * n, x, 3)) for n, x in enumerate([10, 30, 20, 20, 50])]
    assert counts == [3, 3, 3, 3, 5]


def test_replicas_stay_within_the_bounds() -> None:
    kpa = Kpa("kpa", replace(TESTED, min_replicas=2, max_replicas=4))
    assert [kpa.replicas(seen(100.0 * n, x, 2)) for n, x in enumerate([0.0, 900.0])] == [2, 4]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"target": 0.0}, "target must be > 0, got 0.0"),
        ({"max_scale_down_rate": 1.0}, "max_scale_down_rate must be > 1, got 1.0"),
        ({"min_replicas": 5, "max_replicas": 4}, "min_replicas must be in"),
    ],
)
def test_what_knative_refuses_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        KpaSpec(**{"target": 1.0, **given})
