"""GPU-hours by what they were for, and what they cost."""

from dataclasses import dataclass

import numpy as np

from simulations.ports import Outcome
from simulations.results.scaling import tick_seconds

HOUR = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHours:
    """They add up to what is billed. `floor`: idle for the warm floor's sake; `idle`: beyond it."""

    busy: float
    floor: float
    starting: float
    idle: float

    @property
    def total(self) -> float:
        """All that is billed."""
        return self.busy + self.floor + self.starting + self.idle

    def cost(self, price_per_hour: float) -> float:
        """Return what they cost at that price for a GPU and hour."""
        return self.total * price_per_hour


def gpu_hours_of(outcome: Outcome, *, warm_floor: int, gpus: int, end: float) -> GpuHours:
    """Return the GPU-hours of a run that ended at `end` seconds, with `gpus` for each replica.

    Idle GPUs are the floor's as far as the floor is not busy; whatever is idle beyond it is kept
    for demand that was expected, or because nobody has let it go yet.
    """
    kept = warm_floor * gpus * tick_seconds(outcome, end)
    floor = float(np.minimum(outcome.idle, np.maximum(kept - outcome.busy, 0.0)).sum())
    return GpuHours(
        busy=outcome.busy_seconds / HOUR,
        floor=floor / HOUR,
        starting=outcome.starting_seconds / HOUR,
        idle=(outcome.idle_seconds - floor) / HOUR,
    )


def regret(cost: float, best: float) -> float:
    """Return how much dearer it was than the best possible, as a ratio of that."""
    return (cost - best) / best


def saving(cost: float, static_peak: float) -> float:
    """Return how much cheaper it was than a fleet that is always large enough, as a ratio."""
    return (static_peak - cost) / static_peak
