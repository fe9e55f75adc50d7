import pytest

from simulations.activation import ActivationSpec, activated


@pytest.mark.parametrize(
    ("replicas", "spec", "want", "why"),
    [
        (0, ActivationSpec(), 1, "from 0 to max(1, min)"),
        (0, ActivationSpec(min_replicas=3), 3, "the floor belongs to minReplicaCount"),
        (0, ActivationSpec(min_replicas=3, idle_replicas=0), 3, "0 is then the idle count"),
        (1, ActivationSpec(min_replicas=3, idle_replicas=1), 3, "from the idle count to min"),
        (5, ActivationSpec(min_replicas=3), 5, "the HPA decides above 0, whatever is active"),
    ],
)
def test_active_wakes_a_sleeping_target_and_nothing_else(
    replicas: int, spec: ActivationSpec, want: int, why: str
) -> None:
    assert activated(replicas, spec, is_active=True) == want, why


@pytest.mark.parametrize(
    ("spec", "inactive_seconds", "want", "why"),
    [
        (ActivationSpec(), 299.0, 4, "the cooldown is not over"),
        (ActivationSpec(), 300.0, 0, "it is"),
        (ActivationSpec(min_replicas=2), 300.0, 4, "nothing happens while min >= 1"),
        (ActivationSpec(min_replicas=2, idle_replicas=0), 300.0, 0, "unless it may idle"),
    ],
)
def test_inactive_puts_to_sleep_after_the_cooldown(
    spec: ActivationSpec, inactive_seconds: float, want: int, why: str
) -> None:
    got = activated(4, spec, is_active=False, inactive_seconds=inactive_seconds)
    assert got == want, why
