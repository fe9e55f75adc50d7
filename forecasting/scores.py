"""Scores of an upper bound against what happened. Lower is better unless said otherwise.

Every function takes pairs that are both known: `actual` and `bound` are (n,), without NaN.
"""

import numpy as np

from forecasting.arrays import FloatVector


def pinball(actual: FloatVector, bound: FloatVector, level: float) -> float:
    """Return the mean pinball loss in the unit of the series (Koenker & Bassett 1978)."""
    return float(np.mean(pinball_each(actual, bound, level)))


def pinball_each(actual: FloatVector, bound: FloatVector, level: float) -> FloatVector:
    """Return the pinball loss of each pair: `level` per unit short, `1 - level` per unit over."""
    short = actual - bound
    return np.maximum(level * short, (level - 1.0) * short)


def coverage(actual: FloatVector, bound: FloatVector) -> float:
    """Return the share of outcomes at or below the bound; `level` is ideal."""
    return float(np.mean(actual <= bound))


def wape(actual: FloatVector, bound: FloatVector) -> float:
    """Return the sum of absolute errors over the sum of outcomes, a ratio."""
    total = float(np.sum(np.abs(actual)))
    return float(np.sum(np.abs(actual - bound))) / total if total > 0 else float("nan")


def shortage(actual: FloatVector, bound: FloatVector) -> float:
    """Return the mean demand that the bound did not cover, in the unit of the series."""
    return float(np.mean(np.maximum(actual - bound, 0.0)))


def excess(actual: FloatVector, bound: FloatVector) -> float:
    """Return the mean bound beyond the outcome, in the unit of the series."""
    return float(np.mean(np.maximum(bound - actual, 0.0)))


def interval_width(bound: FloatVector, lower: FloatVector) -> float:
    """Return the mean distance from a lower bound up to the bound, in the unit of the series.

    For example from the median up to the 0.95 quantile. Narrow counts only where the coverage
    holds.
    """
    return float(np.mean(bound - lower))
