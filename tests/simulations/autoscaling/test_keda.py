"""What a poll of KEDA does to the replicas, and when."""

from typing import Any

import pytest

from simulations.autoscaling.keda import KedaState, ScaledObjectSpec, poll

ACTIVE_AT_0 = KedaState(created_at=-1_000.0, active_at=0.0)


def after(replicas: int, spec: ScaledObjectSpec, *, at: float = 0.0, is_active: bool) -> int:
    return poll(ACTIVE_AT_0, spec, at=at, replicas=replicas, is_active=is_active)[1]


@pytest.mark.parametrize(
    ("replicas", "spec", "want", "why"),
    [
        (0, ScaledObjectSpec(), 1, "from 0 to max(1, min)"),
        (0, ScaledObjectSpec(min_replicas=3), 3, "the floor belongs to minReplicaCount"),
        (0, ScaledObjectSpec(min_replicas=3, idle_replicas=0), 3, "0 is then the idle count"),
        (1, ScaledObjectSpec(min_replicas=3, idle_replicas=1), 3, "from the idle count to min"),
        (2, ScaledObjectSpec(min_replicas=3, idle_replicas=1), 3, "and from all below min"),
        (5, ScaledObjectSpec(min_replicas=3), 5, "the HPA decides above 0, whatever is active"),
        (2, ScaledObjectSpec(min_replicas=3), 2, "and raises it to min itself"),
    ],
)
def test_active_wakes_a_sleeping_target_and_nothing_else(
    replicas: int, spec: ScaledObjectSpec, want: int, why: str
) -> None:
    assert after(replicas, spec, is_active=True) == want, why


@pytest.mark.parametrize(
    ("spec", "at", "want", "why"),
    [
        (ScaledObjectSpec(), 299.0, 4, "the cooldown is not over"),
        (ScaledObjectSpec(), 300.0, 0, "it is"),
        (ScaledObjectSpec(cooldown_seconds=60.0), 60.0, 0, "a shorter one"),
        (ScaledObjectSpec(min_replicas=2), 300.0, 4, "nothing happens while min >= 1"),
        (ScaledObjectSpec(min_replicas=2, idle_replicas=0), 299.0, 4, "unless it may idle"),
        (ScaledObjectSpec(min_replicas=2, idle_replicas=0), 300.0, 0, "and has cooled down"),
        (ScaledObjectSpec(min_replicas=3, idle_replicas=1), 300.0, 1, "to the idle count"),
    ],
)
def test_inactive_puts_to_sleep_after_the_cooldown(
    spec: ScaledObjectSpec, at: float, want: int, why: str
) -> None:
    assert after(4, spec, at=at, is_active=False) == want, why


def test_inactive_below_the_minimum_goes_up_to_it_where_nothing_may_idle() -> None:
    assert after(1, ScaledObjectSpec(min_replicas=3), is_active=False) == 3
    assert after(1, ScaledObjectSpec(min_replicas=3, idle_replicas=1), is_active=False) == 1


def test_what_was_never_active_has_only_the_initial_cooldown() -> None:
    state, spec = KedaState(created_at=0.0), ScaledObjectSpec(initial_cooldown_seconds=90.0)
    assert poll(state, spec, at=89.0, replicas=2, is_active=False) == (state, 2)
    assert poll(state, spec, at=90.0, replicas=2, is_active=False) == (state, 0)


def test_an_active_poll_starts_the_cooldown_anew() -> None:
    spec = ScaledObjectSpec()
    state, _ = poll(ACTIVE_AT_0, spec, at=200.0, replicas=4, is_active=True)
    assert poll(state, spec, at=499.0, replicas=4, is_active=False)[1] == 4
    assert poll(state, spec, at=500.0, replicas=4, is_active=False)[1] == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"min_replicas": 5, "max_replicas": 4}, "minReplicaCount must be in"),
        ({"min_replicas": 2, "idle_replicas": 2}, "less than minReplicaCount \\(2\\), got 2"),
        ({"polling_seconds": 0.0}, "pollingInterval must be > 0, got 0.0"),
        ({"cooldown_seconds": -1.0}, "cooldownPeriod must be >= 0, got -1.0"),
    ],
)
def test_what_keda_refuses_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ScaledObjectSpec(**given)


def test_its_hpa_never_goes_to_zero_by_itself() -> None:
    assert ScaledObjectSpec().hpa().min_replicas == 1
    assert ScaledObjectSpec(min_replicas=3).hpa(tolerance=0.2).min_replicas == 3
