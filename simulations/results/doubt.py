"""How sure a figure is, from runs that differ in their seed alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds, and where the true mean lies with probability `level`.

    One seed tells no doubt: low and high are NaN.
    """

    mean: float
    low: float
    high: float
    n_seeds: int
    level: float


def estimate(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """Return the mean with Student's interval. Raises ValueError without values."""
    if not values:
        raise ValueError("values: none are given; needed is one of each seed")
    given = np.asarray(values, dtype=np.float64)
    mean, n = float(given.mean()), given.size
    if n == 1:
        return Estimate(mean=mean, low=np.nan, high=np.nan, n_seeds=1, level=level)
    half = float(stdtrit(n - 1, (1 + level) / 2) * given.std(ddof=1) / np.sqrt(n))
    return Estimate(mean=mean, low=mean - half, high=mean + half, n_seeds=n, level=level)


def paired(first: Sequence[float], second: Sequence[float], *, level: float = 0.95) -> Estimate:
    """Return by how much the first is larger, seed by seed: common luck cancels out."""
    return estimate([a - b for a, b in zip(first, second, strict=True)], level=level)
