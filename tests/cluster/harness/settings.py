"""What a test may want different about the control plane."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Periods of the control plane, in seconds. `REAL` holds what a user's cluster has."""

    hpa_sync_seconds: float = 1.0
    scale_down_stabilization_seconds: float = 2.0
    # Kwok renews a lease each 10 s: a shorter grace would let healthy nodes flap under load. A node
    # that `lose_node` takes says so itself and is noticed at once.
    node_monitor_grace_seconds: float = 50.0
    # How long a pod may stay on a node that is gone before it is evicted.
    eviction_seconds: int = 2


FAST = Settings()
REAL = Settings(
    hpa_sync_seconds=15.0,
    scale_down_stabilization_seconds=300.0,
    eviction_seconds=300,
)
