"""Sums over windows at any grid point, from running sums that begin anew each midnight UTC.

Because of the new beginning they do not depend on where a history starts: two processes that
read different stretches of the same days get the same bits. It also keeps them small, so that
little is lost when two are subtracted.
"""

from collections.abc import Sequence

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector, IndexVector

DAY_SECONDS = 86_400.0
_SPARE = 1440  # columns of room behind the last one, so that most extensions copy nothing


class DaySums:
    """Running sums of several terms, (n_terms, n), that can be extended in place.

    Extending adds terms in time order to the last sum, so it gives what building at once gives.
    Windows may be up to a day long.
    """

    def __init__(self, n_terms: int, *, start_at: float, step_seconds: float) -> None:
        self._step = step_seconds
        self._first = start_at
        self._room = np.zeros((n_terms, 1))
        self._day: tuple[int, int, int] = (0, 0, 0)  # where a day, its eve and the next one begin
        self.n = 0

    def extend(self, terms: FloatMatrix) -> None:
        """Add `terms`, (n_terms, m), behind what is there."""
        n = self.n + terms.shape[1]
        self._make_room(n)
        sums = self._room
        begin = self.n
        while begin < n:
            day_begin = self._day_begin(begin)
            end = min(n, self._day_begin(begin, later=1))
            block = sums[:, begin:end]
            block[...] = terms[:, begin - self.n : end - self.n]
            if begin > day_begin:
                block[:, 0] += sums[:, begin - 1]
            np.add.accumulate(block, axis=1, out=block)
            begin = end
        self.n = n

    def append(self, terms: Sequence[float]) -> None:
        """Add one point's terms: what `extend` does, for a tick."""
        n = self.n
        self._make_room(n + 1)
        sums = self._room
        sums[:, n] = terms
        if n > self._day_of(n)[1]:
            sums[:, n] += sums[:, n - 1]
        self.n = n + 1

    def windows_at(self, end: int, n_windows: IndexVector) -> FloatMatrix:
        """Return the sums over each of `n_windows` (m,) points up to one `end`, (n_terms, m).

        What `windows` gives, for a tick.
        """
        sums = self._room
        eve, begin, _ = self._day_of(end)
        before = np.maximum(end - n_windows, -1)
        earlier = sums.take(before, axis=1)
        total = sums[:, end, None] - np.where(before >= begin, earlier, 0.0)
        crosses = before + 1 < begin
        if crosses.any():
            head = np.where(before >= eve, earlier, 0.0)
            total += np.where(crosses, sums[:, max(begin - 1, 0), None] - head, 0.0)
        return total

    def _day_of(self, place: int) -> tuple[int, int, int]:
        """Return where the day before that of `place`, its own and the next one begin."""
        if not self._day[1] <= place < self._day[2]:
            day = np.floor((self._first + place * self._step) / DAY_SECONDS)
            eve, begin, following = self._begin_of(day + np.array([-1.0, 0.0, 1.0])).tolist()
            self._day = (eve, begin, following)
        return self._day

    def windows(
        self, ends: FloatVector, n_windows: IndexVector, *, n_terms: int | None = None
    ) -> FloatMatrix:
        """Return the sums over the `n_windows` points up to `ends`, (n_terms, ...).

        `n_windows` and `ends` broadcast; what lies before the first point counts nothing. An end
        must be a whole number in [0, n). Of the first `n_terms` terms, all unless said otherwise.
        """
        sums = self._room[:n_terms]
        if ends.shape != n_windows.shape:
            ends = np.broadcast_to(ends, np.broadcast_shapes(ends.shape, n_windows.shape))
        last = ends.astype(np.intp)
        before = np.maximum(last - n_windows, -1)
        day = np.floor((self._first + ends * self._step) / DAY_SECONDS)
        begin = self._begin_of(day)
        inside = before >= begin
        # Index -1 reads what the mask throws away.
        total = sums[:, last] - np.where(inside, sums[:, before], 0.0)
        crosses = before + 1 < begin
        if crosses.any():
            earlier = self._begin_of(day - 1.0)
            head = np.where(before >= earlier, sums[:, before], 0.0)
            total = total + np.where(crosses, sums[:, np.maximum(begin - 1, 0)] - head, 0.0)
        return total

    def _begin_of(self, day: FloatVector) -> IndexVector:
        place = np.ceil((day * DAY_SECONDS - self._first) / self._step - 1e-9)
        return np.maximum(place, 0.0).astype(np.intp)

    def _day_begin(self, place: int, *, later: int = 0) -> int:
        day = np.floor((self._first + place * self._step) / DAY_SECONDS) + later
        return int(self._begin_of(np.array([day]))[0])

    def _make_room(self, n: int) -> None:
        if n > self._room.shape[1]:
            room = np.empty((len(self._room), n + _SPARE))
            room[:, : self.n] = self._room[:, : self.n]
            self._room = room
