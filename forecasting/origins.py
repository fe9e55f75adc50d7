"""The grid points where forecasts are scored and learnt from.

Demand likes to change on full ten minutes, so those are in; on them alone the five minutes before
a daily spike might never be seen, so there are others whose minute moves from day to day. All are
counted from 1970, so that they do not move with the start of a history.
"""

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.past import Past
from forecasting.windows import drifting_steps

SPACING_SECONDS = 600.0
_NONE = np.empty(0)


def origins(past: Past, *, after_at: float, until_at: float) -> FloatVector:
    """Return the grid points after `after_at` and up to `until_at` where forecasts are scored."""
    round_ones = round_minutes(past, after_at=after_at, until_at=until_at)
    others = drifting(past, after_at=after_at, until_at=until_at)
    if others.size == 0:
        return round_ones
    if round_ones.size == 0:
        return others
    return np.union1d(round_ones, others)


def round_minutes(past: Past, *, after_at: float, until_at: float) -> FloatVector:
    """Return the grid points at full ten minutes."""
    stride = max(1, round(SPACING_SECONDS / past.history.step_seconds))
    return _spaced(past, stride, after_at=after_at, until_at=until_at)


def drifting(past: Past, *, after_at: float, until_at: float) -> FloatVector:
    """Return grid points that fall on each minute of the day once in eleven days."""
    stride = drifting_steps(SPACING_SECONDS, past.history.step_seconds)
    return _spaced(past, stride, after_at=after_at, until_at=until_at)


def _spaced(past: Past, stride: int, *, after_at: float, until_at: float) -> FloatVector:
    """Return the grid points whose number since 1970 is a multiple of `stride`."""
    step = past.history.step_seconds
    start = round(past.history.start_at / step)
    after = max(after_at, past.history.start_at - 0.5 * step)
    first = int(after / step // stride) + 1
    last = int((until_at / step + 1e-9) // stride)
    if first > last:
        return _NONE
    return np.arange(first, last + 1, dtype=np.float64) * stride - start
