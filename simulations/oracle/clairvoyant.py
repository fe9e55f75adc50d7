"""The optimum as a policy, for plots and tables: what no autoscaler can reach."""

from simulations.oracle.optimum import Plan


class Clairvoyant:
    """Sets the replicas of a plan. Demand is known to it for the whole trace."""

    name = "clairvoyant"

    def __init__(self, plan: Plan, *, tick_seconds: float) -> None:
        if not tick_seconds > 0.0:
            raise ValueError(f"tick_seconds must be > 0, got {tick_seconds!r}")
        self._wanted = plan.wanted.tolist()
        self._tick_seconds = tick_seconds

    def replicas(self, at: float) -> int:
        """Return what `spec.replicas` is to be from `at`, seconds from the trace's start, on."""
        tick = int(at // self._tick_seconds)
        return int(self._wanted[min(max(tick, 0), len(self._wanted) - 1)])
