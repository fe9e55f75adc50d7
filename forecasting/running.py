"""What features read at every tick, kept as running sums and only extended.

Three kinds of sums: of demand, for means at any time of the past days; of logarithms and their
moves from step to step, for how restless demand is; and of rises, on a grid of five minutes of
Unix time so that it does not move with the start of a history.
"""

from typing import Protocol

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.series import Series
from forecasting.sums import DaySums
from forecasting.windows import n_steps

GRID_SECONDS = 300.0
LEVEL_SECONDS = 900.0  # the recent level is the mean of a quarter of an hour


class Reader(Protocol):
    """What the sums are built from."""

    @property
    def history(self) -> Series:
        """The history so far."""
        ...

    @property
    def offset(self) -> float:
        """What is added to demand before a logarithm."""
        ...

    @property
    def n_horizon(self) -> int:
        """Grid points in the window ahead."""
        ...

    def peak(self, places: FloatVector) -> FloatVector:
        """Return the peaks of the windows after the places."""
        ...


class Running:
    """Sums from the grid point `first` of a history on."""

    def __init__(self, reader: Reader, *, first: int = 0) -> None:
        history = reader.history
        step = history.step_seconds
        self.first = first
        self._n = first
        start_at = history.start_at + first * step
        self._demand = DaySums(2, start_at=start_at, step_seconds=step)
        self._restless = DaySums(5, start_at=start_at, step_seconds=step)
        # The grid: points whose number since 1970 is a multiple of the stride.
        self.stride = n_steps(GRID_SECONDS, step)
        self._number = round(history.start_at / step)  # of the history's first point, since 1970
        self._rank = -((-self._number - first) // self.stride)  # of the grid's first point
        grid_step = self.stride * step
        self._rises = DaySums(2, start_at=self._rank * grid_step, step_seconds=grid_step)
        self._rise = np.empty(0)
        self._n_level = n_steps(LEVEL_SECONDS, step)
        self.extend(reader)

    def extend(self, reader: Reader) -> None:
        """Add what the history has beyond what was read before."""
        values, offset = reader.history.values, reader.offset
        new = values[self._n :]
        seen = ~np.isnan(new)
        self._demand.extend(np.stack([np.where(seen, new, 0.0), seen]))
        before = values[self._n - 1 : self._n] if self._n else np.array([np.nan])
        logs = np.log(np.concatenate((before, new)) + offset)
        moves = logs[1:] - logs[:-1]
        moved = ~np.isnan(moves)
        here = np.where(seen, logs[1:], 0.0)
        squares = np.where(moved, moves * moves, 0.0)
        self._restless.extend(np.stack([here, here * here, seen, squares, moved]))
        self._n = values.size
        self._extend_rises(reader)

    def _extend_rises(self, reader: Reader) -> None:
        last = (self._number + self._n - 1 - reader.n_horizon) // self.stride - self._rank
        ranks = np.arange(self._rises.n, last + 1, dtype=np.float64)
        if ranks.size == 0:
            return
        places = (ranks + self._rank) * self.stride - self._number
        levels = self.mean(places, self._n_level)
        rises = np.log(reader.peak(places) + reader.offset) - np.log(levels + reader.offset)
        known = ~np.isnan(rises)
        self._rises.extend(np.stack([np.where(known, rises, 0.0), known]))
        self._rise = np.concatenate((self._rise, rises))

    def mean(self, places: FloatVector, n_windows: "np.ndarray | int") -> FloatVector:
        """Return the mean of what was observed in the `n_windows` points up to each place.

        NaN where nothing was, or outside the sums.
        """
        total = _mean(self._demand, places - self.first, n_windows)
        return np.maximum(total, 0.0)  # what subtraction leaves of nothing may be below it

    def restlessness(self, places: FloatVector, n_windows: FloatMatrix) -> tuple[FloatMatrix, ...]:
        """Return spread of the logarithms and mean square of their moves in windows."""
        inside, held = _held(self._restless, places - self.first)
        windows = n_windows.astype(np.intp)
        logs, squares, seen, moves, n_moves = self._restless.windows(held, windows)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = logs / seen
            spread = np.sqrt(np.maximum(squares / seen - mean * mean, 0.0))
            move = moves / n_moves
        return np.where(inside, spread, np.nan), np.where(inside, move, np.nan)

    def rank(self, places: FloatVector) -> FloatVector:
        """Return the number of the last grid point at or before each place."""
        return np.asarray((places + self._number) // self.stride - self._rank)

    def rises(self, ranks: FloatVector) -> FloatVector:
        """Return the rise of the peak over the level at grid points, NaN where not known."""
        n = self._rises.n
        inside = (ranks >= 0) & (ranks < n)
        if n == 0:
            return np.full(ranks.shape, np.nan)
        return np.where(inside, self._rise[np.where(inside, ranks, 0.0).astype(np.intp)], np.nan)

    def mean_rise(self, ranks: FloatVector, n_windows: "np.ndarray | int") -> FloatVector:
        """Return the mean rise over the `n_windows` grid points up to each; NaN without any."""
        return _mean(self._rises, ranks, n_windows)


def _held(sums: DaySums, places: FloatVector) -> tuple["np.ndarray", FloatVector]:
    inside = (places >= 0) & (places < sums.n)
    return inside, np.where(inside, places, 0.0)


def _mean(sums: DaySums, places: FloatVector, n_windows: "np.ndarray | int") -> FloatVector:
    inside, held = _held(sums, places)
    if sums.n == 0:
        return np.full(np.broadcast(places, n_windows).shape, np.nan)
    total, n_seen = sums.windows(held, np.asarray(n_windows, dtype=np.intp))
    known = inside & (n_seen > 0)
    return np.where(known, total / np.maximum(n_seen, 1.0), np.nan)
