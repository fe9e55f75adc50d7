"""What KEDA does by itself: a trigger on the present."""

from collections.abc import Callable
from enum import StrEnum

from simulations.autoscaling.quantities import milli
from simulations.ports import Metric, Observation


class Signal(StrEnum):
    """What the trigger's query gives."""

    DEMAND = "demand"  # arrivals, requests a second
    IN_FLIGHT = "in-flight"  # vLLM's running and waiting requests, over all replicas
    WAITING = "waiting"


_READ: dict[Signal, Callable[[Observation], float]] = {
    Signal.DEMAND: lambda seen: seen.demand,
    Signal.IN_FLIGHT: lambda seen: seen.running + seen.waiting,
    Signal.WAITING: lambda seen: seen.waiting,
}


class Reactive:
    """KEDA's prometheus trigger of type AverageValue with `ignoreNullValues: true`, its default.

    A query that finds nothing counts as 0 there, and so it does here.
    """

    def __init__(
        self,
        name: str,
        *,
        threshold: float,
        signal: Signal = Signal.DEMAND,
        activation_threshold: float = 0.0,
    ) -> None:
        if not milli(threshold) > 0:
            raise ValueError(f"threshold must be >= 0.001, got {threshold!r}")
        self.name = name
        self._read = _READ[signal]
        self._target = milli(threshold)
        self._activation_threshold = activation_threshold

    def metrics(self, seen: Observation) -> tuple[Metric, ...]:
        """Return the signal over its threshold."""
        return (Metric(milli(self._read(seen)), self._target),)

    def is_active(self, seen: Observation) -> bool:
        """Whether the signal lies above `activationThreshold`; not while it isn't known."""
        return self._read(seen) > self._activation_threshold
