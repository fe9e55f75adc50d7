"""The optimum as a policy, for plots and tables: what no autoscaler can reach."""

from simulations.oracle.optimum import Plan
from simulations.ports import Observation


class Clairvoyant:
    """Sets the replicas of a plan. Demand is known to it for the whole trace."""

    name = "clairvoyant"

    def __init__(self, plan: Plan, *, tick_seconds: float) -> None:
        if not tick_seconds > 0.0:
            raise ValueError(f"tick_seconds must be > 0, got {tick_seconds!r}")
        self._wanted = plan.wanted.tolist()
        self._tick_seconds = tick_seconds

    def replicas(self, seen: Observation) -> int:
        """Return what `spec.replicas` is to be from `seen.at` on; it looks at nothing else."""
        tick = int(seen.at // self._tick_seconds)
        return int(self._wanted[min(max(tick, 0), len(self._wanted) - 1)])
