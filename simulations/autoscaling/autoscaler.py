"""KEDA and the HPA around one policy: what a run of the simulator drives.

while autoscaler.next_at < end_at:
    plant.advance(autoscaler.next_at)
    plant.scale(autoscaler.step(plant.observe()))
"""

from dataclasses import dataclass

from simulations.autoscaling.fast import Hpa
from simulations.autoscaling.keda import KedaState, ScaledObjectSpec, poll
from simulations.autoscaling.proposals import Fleet, Reading
from simulations.ports import Observation, Policy

SYNC_SECONDS = 15.0  # --horizontal-pod-autoscaler-sync-period


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """When the first sync and the first poll are due, and how far apart syncs are.

    The two know nothing of each other nor of a scrape: a run draws its phases.
    """

    first_sync_at: float = 0.0
    first_poll_at: float = 0.0
    sync_seconds: float = SYNC_SECONDS

    def __post_init__(self) -> None:
        if not self.sync_seconds > 0.0:
            raise ValueError(f"sync_seconds must be > 0, got {self.sync_seconds!r}")


class Autoscaler:
    """One ScaledObject with its HPA, from its creation on."""

    def __init__(
        self, spec: ScaledObjectSpec, policy: Policy, timers: Timers, **flags: float
    ) -> None:
        """Take kube-controller-manager's `tolerance` and `downscale_seconds` as `flags`."""
        self._spec = spec
        self._policy = policy
        self._hpa = Hpa(spec.hpa(**flags))
        self._keda = KedaState(created_at=timers.first_poll_at)
        self._timers = timers
        self._n_syncs = 0
        self._n_polls = 0
        self._sync_at = timers.first_sync_at
        self._poll_at = timers.first_poll_at
        self._cached: tuple[Reading, ...] | None = None

    @property
    def next_at(self) -> float:
        """When the next poll or sync is due."""
        return min(self._sync_at, self._poll_at)

    def step(self, seen: Observation) -> int:
        """Return `spec.replicas` after the polls and syncs that are due at `seen.at`."""
        wanted = seen.wanted
        if self._poll_at <= seen.at:
            wanted = self._polled(seen, wanted)
        if self._sync_at <= seen.at:
            wanted = self._synced(seen, wanted)
        return wanted

    def _polled(self, seen: Observation, wanted: int) -> int:
        # Counted, not added up: a week of rounding would move the timer.
        self._n_polls += 1
        self._poll_at = self._timers.first_poll_at + self._n_polls * self._spec.polling_seconds
        if self._spec.uses_cached_metrics:
            self._cached = tuple(self._policy.metrics(seen))
        self._keda, replicas = poll(
            self._keda,
            self._spec,
            at=seen.at,
            replicas=wanted,
            is_active=self._policy.is_active(seen),
        )
        return replicas

    def _synced(self, seen: Observation, wanted: int) -> int:
        self._n_syncs += 1
        self._sync_at = self._timers.first_sync_at + self._n_syncs * self._timers.sync_seconds
        if wanted == 0:  # the HPA is off, and asks for nothing
            return self._hpa.sync(seen.at, Fleet(0, 0, 0), ())
        readings = self._cached if self._cached is not None else self._policy.metrics(seen)
        # Pods exist within a second of being wanted, whether or not they have found a node.
        return self._hpa.sync(seen.at, Fleet(wanted, wanted, seen.ready), readings)
