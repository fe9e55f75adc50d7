"""A device whose copies happen as late as they may: when somebody waits for them, or at the end.

What a real device does now and then, this one does always: a slot that is overwritten before its
copy's own event was waited for brings wrong bytes.
"""

import threading
from collections.abc import Callable

from serving.loader.plan import Limits, Part, Plan, PlannedTensor
from serving.loader.settings import Settings
from serving.loader.targets import Arrival, Slot, anonymous_memory, nothing


class LateCopy:
    """A copy that was started and happens when `wait` is called."""

    def __init__(self, into: memoryview, source: memoryview) -> None:
        self._into, self._source = into, source
        self._lock = threading.Lock()
        self._is_done = False

    def wait(self) -> None:
        """Let it happen."""
        with self._lock:
            if not self._is_done:
                self._into[:] = self._source
                self._is_done = True


class LateDevice:
    """Gathers tensors in memory of its own; `forgets_guards` makes it the classic bug."""

    def __init__(self, *, forgets_guards: bool = False) -> None:
        self.device_bytes = 0
        self._forgets_guards = forgets_guards
        self._data: bytearray | None = None
        self._copies: list[LateCopy] = []

    def limits(self, settings: Settings) -> Limits:
        """Cut large tensors into pieces, as a device does."""
        return Limits(settings.slot_bytes, settings.slot_bytes, settings.read_bytes)

    def host_memory(self, n_bytes: int) -> memoryview:
        """Return plain memory."""
        return anonymous_memory(n_bytes)

    def open(self, plan: Plan) -> None:
        """Take nothing."""

    def arrive(self, tensor: PlannedTensor, part: Part, slot: Slot) -> Arrival | None:
        """Start a copy, which will be late."""
        if self._data is None:
            self._data = bytearray(tensor.n_bytes)
        data = self._data
        source = slot.view[part.at : part.at + part.n_bytes]
        into = memoryview(data)[part.offset : part.offset + part.n_bytes]
        copy = LateCopy(into, source)
        self._copies.append(copy)
        before = list(self._copies)
        # A guard ends what was started before it too: copies of one stream are in order.
        slot.part_done(nothing if self._forgets_guards else _all(before))
        if part.offset + part.n_bytes < tensor.n_bytes:
            return None
        self._data, copies, self._copies = None, self._copies, []
        return Arrival(tensor, data, _all(copies), nothing)

    def interrupt(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Forget everything."""
        self._data = None


def _all(copies: list[LateCopy]) -> Callable[[], None]:
    def wait() -> None:
        for copy in copies:
            copy.wait()

    return wait
