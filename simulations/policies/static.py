"""Fleets that never change: what is bought where nobody scales."""

from math import ceil

import numpy as np

from forecasting.arrays import FloatVector
from simulations.ports import Observation

ROUNDING = 1e-9  # a demand that is whole but for rounding needs no further replica


class Static:
    """A fixed number of replicas."""

    def __init__(self, name: str, count: int) -> None:
        if not count >= 0:
            raise ValueError(f"count must be >= 0, got {count!r}")
        self.name = name
        self._count = count

    def replicas(self, seen: Observation) -> int:  # noqa: ARG002 - whatever is seen
        """Return the same number always."""
        return self._count


def peak_replicas(demand: FloatVector, per_replica: float, *, level: float) -> int:
    """Return the replicas that carry the `level` quantile of demand (1: its peak).

    What was not observed doesn't count. Raises ValueError where nothing was.
    """
    return _carrying(float(np.quantile(_known(demand), level)), per_replica)


def mean_replicas(demand: FloatVector, per_replica: float) -> int:
    """Return the replicas that carry the mean of demand. Raises ValueError as `peak_replicas`."""
    return _carrying(float(_known(demand).mean()), per_replica)


def _known(demand: FloatVector) -> FloatVector:
    known = demand[~np.isnan(demand)]
    if known.size == 0:
        raise ValueError("a static fleet is sized on demand, and none of it was observed")
    return known


def _carrying(demand: float, per_replica: float) -> int:
    return ceil(demand / per_replica - ROUNDING)
