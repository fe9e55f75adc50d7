"""What rests on past days alone, worked out for hours ahead at once.

At a tick numpy spends more on being called than on one row, and half of a row is about past days:
features, profiles. What those say at the next two hundred grid points is known already, unless a
window that is read has not ended yet, and to the bit what reading it there would give. So one tick
in two hundred reads for all.
"""

from collections.abc import Callable

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.past import Past
from forecasting.running import GRID_SECONDS
from forecasting.usual import SMOOTHING_SECONDS

N_AHEAD = 240
DAY_SECONDS = 86_400.0
_MIN_AHEAD = 8  # fewer are not worth it

Read = Callable[[Past, FloatVector], FloatMatrix]


class Foresight:
    """The newest table, (k, n), of what is read at consecutive grid points of one history."""

    __slots__ = ("_begin", "_table")

    def __init__(self) -> None:
        self._begin = 0
        self._table: FloatMatrix = np.empty((0, 0))

    def at(self, past: Past, place: int, read: Read) -> FloatMatrix | None:
        """Return what `read` says at the end of the history, (k, 1); None where it must be read."""
        column = place - self._begin
        if not 0 <= column < self._table.shape[1]:
            n_ahead = foreseen(past, place)
            if n_ahead < _MIN_AHEAD:
                return None
            self._table = read(past, place + np.arange(n_ahead, dtype=np.float64))
            self._begin, column = place, 0
        return self._table[:, column : column + 1]


def foreseen(past: Past, place: int) -> int:
    """Return at how many grid points from `place` on all is known that past days will say."""
    ahead = place + np.arange(N_AHEAD, dtype=np.float64)
    yesterday = np.maximum(past.past_days(ahead, 2).max(axis=0), ahead - past.steps(DAY_SECONDS))
    around = past.steps(SMOOTHING_SECONDS) + past.steps(GRID_SECONDS)
    is_known = yesterday + around + 2 * past.n_horizon < len(past.history)
    return N_AHEAD if is_known.all() else int(is_known.argmin())
