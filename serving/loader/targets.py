"""Where a stream's bytes end: the seam between the ring and a device, and the host's side of it."""

import ctypes
import mmap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving.loader.plan import Limits, Part, Plan, PlannedTensor
from serving.loader.ring import Wait
from serving.loader.settings import Settings


@dataclass(slots=True)
class Slot:
    """One filled slot of the ring. It is given back once all its parts are done with it."""

    view: memoryview
    n_open: int
    give_back: Callable[[Wait | None], None]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def part_done(self, guard: Wait | None = None) -> None:
        """Say that a part isn't needed any more, once `guard` returns.

        Guards of one slot end in the order in which they are given, as copies of one stream do.
        """
        with self.lock:
            self.n_open -= 1
            is_last = self.n_open == 0
        if is_last:
            self.give_back(guard)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole tensor's bytes on the target.

    `enter` makes them visible to the consumer's work, `leave` says that it was handed over.
    """

    tensor: PlannedTensor
    data: Any
    enter: Callable[[], None]
    leave: Callable[[], None]


class Target(Protocol):
    """A device, or the host's own memory."""

    device_bytes: int

    def limits(self, settings: Settings) -> Limits:
        """Return how a plan for this target uses the ring."""

    def host_memory(self, n_bytes: int) -> memoryview:
        """Return the ring's arena, from which this target copies fastest."""

    def open(self, plan: Plan) -> None:
        """Take what a plan needs; called in the thread that then calls `arrive`."""

    def arrive(self, tensor: PlannedTensor, part: Part, slot: Slot) -> Arrival | None:
        """Take over a part; return the tensor when it was its last one. Doesn't wait for copies."""

    def interrupt(self) -> None:
        """Let an `arrive` that waits for room give up."""

    def close(self) -> None:
        """Release everything, after all copies have ended."""


def nothing() -> None:
    """Do nothing."""


class HostTarget:
    """The host's own memory: a tensor is a view of its slot, until the consumer asks for more.

    One that is too large for a slot is gathered in memory of its own.
    """

    def __init__(self) -> None:
        self.device_bytes = 0
        self._gathered: memoryview | None = None

    def limits(self, settings: Settings) -> Limits:
        """Let whatever fits into half the ring be whole there: that saves copying it together."""
        return Limits(settings.slot_bytes, settings.host_bytes // 2, settings.read_bytes)

    def host_memory(self, n_bytes: int) -> memoryview:
        """Return pages of our own."""
        return anonymous_memory(n_bytes)

    def open(self, plan: Plan) -> None:
        """Take nothing."""

    def arrive(self, tensor: PlannedTensor, part: Part, slot: Slot) -> Arrival | None:
        """Return the slot's own bytes, or gather pieces."""
        found = slot.view[part.at : part.at + part.n_bytes]
        if part.n_bytes == tensor.n_bytes:
            return Arrival(tensor, found, nothing, slot.part_done)
        if self._gathered is None:
            self._gathered = anonymous_memory(tensor.n_bytes)
        whole = self._gathered
        copy_bytes(whole[part.offset : part.offset + part.n_bytes], found)
        slot.part_done()
        if part.offset + part.n_bytes < tensor.n_bytes:
            return None
        self._gathered = None
        return Arrival(tensor, whole, nothing, nothing)

    def interrupt(self) -> None:
        """Do nothing: nothing here waits."""

    def close(self) -> None:
        """Forget what was being gathered."""
        self._gathered = None


def anonymous_memory(n_bytes: int) -> memoryview:
    """Return zeroed pages, large ones where the system has them; freed with the last view."""
    pages = mmap.mmap(-1, max(n_bytes, mmap.PAGESIZE))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(pages)[:n_bytes]


def copy_bytes(into: memoryview, source: memoryview) -> None:
    """Copy without holding the interpreter's lock, as assigning slices would."""
    ctypes.memmove(address_of(into), address_of(source), len(source))


def address_of(view: memoryview) -> int:
    """Return where in memory a view begins."""
    return ctypes.addressof(ctypes.c_char.from_buffer(view))
