"""CUDA devices: copies on a stream of their own, out of pinned slots, into staging on the device.

Three things run at once: reads into pinned memory, copies on our side stream, the consumer's work
on its own stream. What orders them is events: a slot is taken again after its copy's event, the
consumer's stream waits for a tensor's last copy, and the side stream waits for the consumer's work
on a tensor before it overwrites that tensor's place. The host waits for none but the first.
"""

from dataclasses import dataclass
from typing import Any

import torch

from serving.loader.errors import LoadError
from serving.loader.plan import Limits, Part, Plan, PlannedTensor
from serving.loader.ring import Lease, Ring
from serving.loader.settings import Settings
from serving.loader.targets import Arrival, Slot, address_of, anonymous_memory


@dataclass(slots=True)
class _Place:
    """Where a tensor is gathered on the device; without a lease it is memory of its own."""

    data: torch.Tensor
    lease: Lease | None


class CudaTarget:
    """One GPU. Staging is `device_bytes`, or less where the plan needs less."""

    def __init__(self, device: torch.device, device_bytes: int) -> None:
        self._device = torch.device(
            "cuda", torch.cuda.current_device() if device.index is None else device.index
        )
        self._most_bytes = device_bytes
        self.device_bytes = 0
        self._pinned: memoryview | None = None
        self._side: Any = None
        self._staging: torch.Tensor | None = None
        self._ring = Ring(0)
        self._place: _Place | None = None

    def limits(self, settings: Settings) -> Limits:
        """Copy large tensors in pieces: they are gathered on the device."""
        return Limits(settings.slot_bytes, settings.slot_bytes, settings.read_bytes)

    def host_memory(self, n_bytes: int) -> memoryview:
        """Return pinned pages. Raises LoadError where the system allows none."""
        memory = anonymous_memory(n_bytes)
        with torch.cuda.device(self._device):
            status = torch.cuda.cudart().cudaHostRegister(address_of(memory), len(memory), 0)
        if int(status) != 0:
            raise LoadError(
                f"can't pin {n_bytes} bytes of host memory (CUDA error {int(status)}). "
                "Next step: lower host_bytes, or raise the container's memory limit"
            )
        self._pinned = memory
        return memory

    def open(self, plan: Plan) -> None:
        """Take staging for two of the largest tensors, within what is allowed."""
        torch.cuda.set_device(self._device)
        self._side = torch.cuda.Stream(self._device)
        wanted = max(2 * plan.largest_tensor_bytes, 64 * 1024 * 1024)
        self.device_bytes = min(self._most_bytes, wanted)
        self._ring = Ring(self.device_bytes)
        with torch.cuda.stream(self._side):
            self._staging = torch.empty(self.device_bytes, dtype=torch.uint8, device=self._device)

    def arrive(self, tensor: PlannedTensor, part: Part, slot: Slot) -> Arrival | None:
        """Start the copy of a part."""
        if self._place is None:
            self._place = self._new_place(tensor.n_bytes)
        place = self._place
        if part.n_bytes:
            host = torch.frombuffer(slot.view[part.at : part.at + part.n_bytes], dtype=torch.uint8)
            with torch.cuda.stream(self._side):
                into = place.data[part.offset : part.offset + part.n_bytes]
                into.copy_(host, non_blocking=True)
        copied = torch.cuda.Event(blocking=True)
        copied.record(self._side)
        slot.part_done(copied.synchronize)
        if part.offset + part.n_bytes < tensor.n_bytes:
            return None
        self._place = None
        return Arrival(
            tensor,
            place.data,
            lambda: self._consumers_stream().wait_event(copied),
            lambda: self._leave(place),
        )

    def interrupt(self) -> None:
        """Let a copy that waits for staging give up."""
        self._ring.close()

    def close(self) -> None:
        """Wait for all work on our memory, then release it."""
        with torch.cuda.device(self._device):
            torch.cuda.synchronize(self._device)
            self._place = self._staging = None
            if self._pinned is not None:
                torch.cuda.cudart().cudaHostUnregister(address_of(self._pinned))
                self._pinned = None

    def _consumers_stream(self) -> Any:
        return torch.cuda.current_stream(self._device)

    def _new_place(self, n_bytes: int) -> _Place:
        if n_bytes > self.device_bytes:
            with torch.cuda.stream(self._side):
                return _Place(torch.empty(n_bytes, dtype=torch.uint8, device=self._device), None)
        assert self._staging is not None  # noqa: S101 - open() came first
        lease = self._ring.take(n_bytes)
        return _Place(self._staging[lease.start : lease.stop], lease)

    def _leave(self, place: _Place) -> None:
        """Let the place be overwritten after what the consumer has started on it."""
        if place.lease is None:
            place.data.record_stream(self._consumers_stream())
            return
        used = torch.cuda.Event()
        used.record(self._consumers_stream())
        self._ring.give_back(place.lease, lambda: self._side.wait_event(used))
