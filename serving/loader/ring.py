"""Room in a fixed arena, taken and given back in the same order.

A slot that was given back is not free yet: whoever gave it back may have started a copy out of it
that still runs. So each comes with its own guard, and is taken again only after that guard has been
waited for. One guard for several slots, or none, is the classic bug of such rings: bytes of a later
tensor arrive in an earlier one, on fast storage alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from serving.loader.plan import PAGE_BYTES

Wait = Callable[[], None]


class RingClosed(Exception):  # noqa: N818 - it says what happened
    """The ring was closed while somebody waited for room."""


@dataclass(slots=True, eq=False)
class Lease:
    """Bytes `start` to `stop` of the arena, until they are given back."""

    start: int
    stop: int
    is_back: bool = False
    guard: Wait | None = None


class Ring:
    """Hands out room in one arena. One thread takes; any thread gives back."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes
        self.peak_bytes = 0
        self.guard_seconds = 0.0  # waited for copies out of slots that were given back
        self._leases: deque[Lease] = deque()
        self._change = threading.Condition()
        self._is_closed = False

    def take(self, n_bytes: int) -> Lease:
        """Return room for `n_bytes` at a page's beginning, once there is.

        Raises RingClosed when the ring is closed, ValueError for more than the whole arena.
        """
        if n_bytes > self.n_bytes:
            raise ValueError(f"{n_bytes} bytes don't fit into a ring of {self.n_bytes}")
        while (start := self._fitting(n_bytes)) is None:
            self._reclaim_oldest()
        lease = Lease(start, start + n_bytes)
        with self._change:
            self._leases.append(lease)
            taken = sum(held.stop - held.start for held in self._leases)
            self.peak_bytes = max(self.peak_bytes, taken)
        return lease

    def give_back(self, lease: Lease, guard: Wait | None = None) -> None:
        """Let the room be taken again, after `guard` has returned."""
        with self._change:
            lease.guard = guard
            lease.is_back = True
            self._change.notify_all()

    def close(self) -> None:
        """Let whoever waits for room give up."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()

    def _fitting(self, n_bytes: int) -> int | None:
        # Nothing takes a byte's room too: a lease that begins where the oldest does would look as
        # if the ring had not gone round, and the next one would be laid over the oldest.
        n_bytes = max(n_bytes, 1)
        with self._change:
            if self._is_closed:
                raise RingClosed
            if not self._leases:
                return 0
            first, last = self._leases[0], self._leases[-1]
        begin = -(-last.stop // PAGE_BYTES) * PAGE_BYTES
        if last.start < first.start:  # gone round: what is free lies between the two
            return begin if begin + n_bytes <= first.start else None
        if begin + n_bytes <= self.n_bytes:
            return begin
        return 0 if n_bytes <= first.start and first.start > 0 else None

    def _reclaim_oldest(self) -> None:
        with self._change:
            self._change.wait_for(lambda: self._leases[0].is_back or self._is_closed)
            if self._is_closed:
                raise RingClosed
            oldest = self._leases[0]
        if oldest.guard is not None:
            began_at = time.monotonic()
            oldest.guard()  # not under the lock: it may take as long as a copy does
            self.guard_seconds += time.monotonic() - began_at
        with self._change:
            self._leases.popleft()
