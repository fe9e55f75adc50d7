"""From demand to the replicas that each tick needs."""

import numpy as np
from numpy.typing import NDArray

from simulations.oracle.windows import Counts, highest_behind

# Demand that is a whole number of replicas but for rounding needs no further one.
ROUNDING = 1e-9


def needed(demand: NDArray[np.float64], per_replica: float) -> Counts:
    """Return the fewest replicas that carry `demand` at each tick.

    `demand` is of the time from each tick until the next: a scraped rate, which is of the time
    before, must be moved by a step. `per_replica` is what one replica carries within its limits, in
    the unit of demand. Raises ValueError where demand is not known: an oracle does not guess.
    """
    if not per_replica > 0.0:
        raise ValueError(f"per_replica must be > 0, got {per_replica!r}")
    if not np.isfinite(demand).all():
        first = int(np.flatnonzero(~np.isfinite(demand))[0])
        raise ValueError(f"demand must be known at each tick; at {first} it is {demand[first]}")
    return np.maximum(np.ceil(demand / per_replica - ROUNDING), 0.0).astype(np.int64)


def held(need: Counts, grace_ticks: int) -> Counts:
    """Return the need where no replica may go within `grace_ticks` of being needed."""
    if grace_ticks < 0:
        raise ValueError(f"grace_ticks must be >= 0, got {grace_ticks!r}")
    return highest_behind(need, grace_ticks)
