"""Pods of one Deployment: wanted now, ready a lead time later."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fleet:
    """When each pod is or will be ready, in Unix seconds, oldest first. Immutable."""

    ready_at: tuple[float, ...] = ()

    @property
    def wanted(self) -> int:
        """How many pods there are, ready or starting: `status.replicas`."""
        return len(self.ready_at)

    def ready(self, at: float) -> int:
        """Return how many pods answer requests at that time."""
        return sum(moment <= at for moment in self.ready_at)

    def scaled(self, replicas: int, *, at: float, lead_time_seconds: float) -> "Fleet":
        """Return the fleet after scaling: new pods start now, the youngest go first.

        A ReplicaSet removes pods that are not ready before those that are, and then the newest.
        """
        kept = self.ready_at[:replicas]
        n_new = replicas - len(kept)
        return Fleet(kept + (at + lead_time_seconds,) * n_new)


def warm(replicas: int, *, since: float) -> Fleet:
    """Return a fleet that has been ready all along."""
    return Fleet((since,) * replicas)
