"""What features read at every tick, kept as running sums and only extended.

Three kinds of sums: of demand, for means at any time of the past days; of logarithms and their
moves from step to step, for how restless demand is; and of rises, on a grid of five minutes of
Unix time so that it does not move with the start of a history.
"""

from typing import Protocol

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector, IndexVector
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
        # Demand, whether it was seen, its logarithm and square, squared moves, how many.
        self._demand = DaySums(6, start_at=start_at, step_seconds=step)
        self._log_before = np.nan
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
        n_before, self._n = self._n, values.size
        if self._n == n_before + 1 and n_before > self.first:
            self._append(float(values[-1]), offset)
        elif self._n > n_before:
            self._extend(values, n_before, offset)
        self._extend_rises(reader)

    def _extend(self, values: FloatVector, n_before: int, offset: float) -> None:
        new = values[n_before:]
        seen = ~np.isnan(new)
        before = values[n_before - 1 : n_before] if n_before else np.array([np.nan])
        logs = np.log(np.concatenate((before, new)) + offset)
        moves = logs[1:] - logs[:-1]
        moved = ~np.isnan(moves)
        here = np.where(seen, logs[1:], 0.0)
        squares = np.where(moved, moves * moves, 0.0)
        demand = np.where(seen, new, 0.0)
        self._demand.extend(np.stack([demand, seen, here, here * here, squares, moved]))
        self._log_before = float(logs[-1])

    def _append(self, value: float, offset: float) -> None:
        """Add one observation: what `_extend` does, for a tick."""
        log = float(np.log(value + offset))
        move, self._log_before = log - self._log_before, log
        seen, moved = value == value, move == move  # noqa: PLR0124 - NaN is what differs from itself
        if seen and moved:
            terms = (value, 1.0, log, log * log, move * move, 1.0)
        else:
            terms = (value, 1.0, log, log * log, 0.0, 0.0) if seen else (0.0,) * 6
        self._demand.append(terms)

    def _extend_rises(self, reader: Reader) -> None:
        last = (self._number + self._n - 1 - reader.n_horizon) // self.stride - self._rank
        if last < self._rises.n:
            return
        ranks = np.arange(self._rises.n, last + 1, dtype=np.float64)
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
        inside, held = _held(self._demand, places - self.first)
        windows = n_windows.astype(np.intp)
        _, seen, logs, squares, moves, n_moves = self._demand.windows(held, windows)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = logs / seen
            spread = np.sqrt(np.maximum(squares / seen - mean * mean, 0.0))
            move = moves / n_moves
        return np.where(inside, spread, np.nan), np.where(inside, move, np.nan)

    def recent(self, place: int, n_windows: IndexVector) -> tuple[FloatVector, ...] | None:
        """Return mean, spread and mean square of moves in windows up to one place, (m,) each.

        What `mean` and `restlessness` give, for a tick; None where there is a gap to mind.
        """
        place -= self.first
        if not 0 <= place < self._demand.n:
            return None
        total, seen, logs, squares, moves, n_moves = self._demand.windows_at(place, n_windows)
        if not (seen.all() and n_moves.all()):
            return None
        mean = logs / seen
        spread = np.sqrt(np.maximum(squares / seen - mean * mean, 0.0))
        return np.maximum(total / seen, 0.0), spread, moves / n_moves

    def recent_rises(self, place: float, n_windows: IndexVector, n_last: int) -> FloatVector | None:
        """Return the mean rise over windows up to one place, and the largest of `n_last`, (m + 1,).

        None where too little is known for a short way.
        """
        rank = int((place + self._number) // self.stride - self._rank)
        if not n_last <= rank + 1 <= self._rises.n:
            return None
        total, n_seen = self._rises.windows_at(rank, n_windows)
        if not n_seen.all():
            return None
        largest = np.fmax.reduce(self._rise[rank + 1 - n_last : rank + 1])
        return np.append(total / n_seen, largest)

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
    total, n_seen = sums.windows(held, np.asarray(n_windows, dtype=np.intp), n_terms=2)
    known = inside & (n_seen > 0)
    return np.where(known, total / np.maximum(n_seen, 1.0), np.nan)
