"""A forecast beside the present: two triggers of one ScaledObject, and the HPA takes the larger.

So do the products whose formulas stand behind it: none lowers a fleet below what is asked for now.
"""

from math import nan

from simulations.autoscaling.quantities import milli
from simulations.policies.open_loop import Bounds
from simulations.ports import Metric, Observation, Policy


class Forecasted:
    """A trigger on a forecast beside another one.

    `threshold` is what one replica carries of what is forecast: demand, or 1 where that is replicas
    itself. `start_at` is when the run begins, in Unix seconds.
    """

    def __init__(
        self, name: str, bounds: Bounds, beside: Policy, *, threshold: float, start_at: float
    ) -> None:
        if not milli(threshold) > 0:
            raise ValueError(f"threshold must be >= 0.001, got {threshold!r}")
        self.name = name
        self._bounds = bounds
        self._beside = beside
        self._target = milli(threshold)
        self._start_at = start_at
        self._forecast = nan

    @property
    def forecast(self) -> float:
        """The forecast that the last answer rests on; NaN without one."""
        return self._forecast

    def metrics(self, seen: Observation) -> tuple[Metric, ...]:
        """Return the present and the forecast. No forecast asks for nothing."""
        self._forecast = self._bounds.at(self._start_at + seen.at)
        return (*self._beside.metrics(seen), Metric(milli(self._forecast), self._target))

    def is_active(self, seen: Observation) -> bool:
        """Whether either trigger is."""
        return self._beside.is_active(seen) or self._bounds.at(self._start_at + seen.at) > 0.0
