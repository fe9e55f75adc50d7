"""KEDA's polls and the HPA's syncs around one policy, on their own timers."""

import pytest

from simulations.autoscaling import Autoscaler, Behavior, ScaledObjectSpec, Timers
from simulations.autoscaling.behavior import scale_down
from simulations.ports import Metric, Observation

PROMPT = Behavior(down=scale_down(stabilization_seconds=0.0))


class Scripted:
    """A policy that asks for what a script says, and notes when it was asked."""

    name = "scripted"

    def __init__(self, script: dict[float, int]) -> None:
        self._script = sorted(script.items())
        self.asked_at: list[float] = []

    def wanted(self, at: float) -> int:
        return [count for since, count in self._script if since <= at][-1]

    def metrics(self, seen: Observation) -> tuple[Metric, ...]:
        self.asked_at.append(seen.at)
        return (Metric(self.wanted(seen.at) * 1_000, 1_000),)

    def is_active(self, seen: Observation) -> bool:
        return self.wanted(seen.at) > 0


def played(autoscaler: Autoscaler, *, start: int, until: float) -> list[tuple[float, int]]:
    """Return when the replicas changed and to what."""
    replicas, changes = start, []
    while autoscaler.next_at <= until:
        at = autoscaler.next_at
        seen = Observation(
            at=at, demand=0.0, running=0.0, waiting=0.0, kv_cache_use=0.0,
            wanted=replicas, ready=replicas, starting=0,
        )  # fmt: skip
        after = autoscaler.step(seen)
        if after != replicas:
            changes.append((at, after))
        replicas = after
    return changes


def test_from_zero_keda_wakes_at_its_poll_and_the_hpa_takes_over_at_its_sync() -> None:
    policy = Scripted({0.0: 0, 31.0: 9})
    spec = ScaledObjectSpec(behavior=PROMPT)
    autoscaler = Autoscaler(spec, policy, Timers(first_sync_at=5.0, first_poll_at=10.0))
    assert played(autoscaler, start=0, until=100.0) == [(40.0, 1), (50.0, 5), (65.0, 9)]
    assert policy.asked_at == [50.0, 65.0, 80.0, 95.0]  # never at 0 replicas


def test_after_the_cooldown_keda_puts_it_to_sleep_whatever_the_hpa_holds() -> None:
    policy = Scripted({0.0: 3, 100.0: 0})
    spec = ScaledObjectSpec(cooldown_seconds=120.0)
    autoscaler = Autoscaler(spec, policy, Timers())
    assert played(autoscaler, start=3, until=400.0) == [(210.0, 0)]


def test_with_cached_metrics_the_hpa_sees_what_the_last_poll_saw() -> None:
    script = {0.0: 2, 31.0: 4}
    fresh = Autoscaler(ScaledObjectSpec(min_replicas=1), Scripted(script), Timers())
    assert played(fresh, start=2, until=200.0) == [(45.0, 4)]
    spec = ScaledObjectSpec(min_replicas=1, uses_cached_metrics=True)
    cached = Autoscaler(spec, Scripted(script), Timers())
    assert played(cached, start=2, until=200.0) == [(60.0, 4)]


def test_timers_do_not_drift() -> None:
    autoscaler = Autoscaler(
        ScaledObjectSpec(), Scripted({0.0: 1}), Timers(first_sync_at=0.1, sync_seconds=0.1)
    )
    played(autoscaler, start=1, until=1_000.0)
    n_syncs = round(autoscaler.next_at / 0.1) - 1
    assert n_syncs >= 9_999
    assert autoscaler.next_at == 0.1 + n_syncs * 0.1  # a sum of ten thousand would have drifted


def test_a_timer_that_never_moves_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sync_seconds must be > 0, got 0\.0"):
        Timers(sync_seconds=0.0)
