"""The steepest hour of a real trace that ends now."""

import math
from dataclasses import dataclass

import numpy as np

from forecasting.series import Series
from traces import trace

TRACE = "crane_input8_1min"  # 16 days of minutes
NOW = 1_795_500_000.0
WARM_FLOOR = 6


@dataclass(frozen=True)
class Rise:
    """The steepest hour of the last two days."""

    demand: Series
    begins_at: float
    threshold: float

    def needed(self, at: float) -> int:
        """Replicas that demand needs at a grid point: what a reactive scaler would answer."""
        index = int((at - self.demand.start_at) // self.demand.step_seconds)
        return max(WARM_FLOOR, math.ceil(self.demand.values[index] / self.threshold))


def steepest_rise() -> Rise:
    """Return the rise; skips the test where the trace is not there."""
    demand = trace(TRACE, ends_at=NOW)
    smooth = np.convolve(demand.values, np.ones(15) / 15, mode="same")
    candidates = np.arange(len(demand) - 2 * 1_440, len(demand) - 180)
    steepest = candidates[np.argmax(smooth[candidates + 60] - smooth[candidates])]
    return Rise(
        demand=demand,
        begins_at=float(demand.times[steepest]),
        threshold=float(smooth.max()) / 20,
    )
