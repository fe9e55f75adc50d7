"""The way of bytes from a storage to a target: a ring, a few threads, one order.

    feeder ---reads---> readers ---batches---> copier ---tensors---> consumer
       ^                                          |                     |
       +-------------------- room in the ring <---+---------------------+

The feeder takes room in the order of the plan and hands out reads; readers fill it in any order;
the copier takes batches over in the order of the plan and starts their copies; the consumer gets
tensors in that order. Nothing but room is waited for by the feeder, so copies never hold up reading
while there is any. The first error ends everything: it is raised to the consumer, and nothing comes
after it.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from serving.loader.plan import PAGE_BYTES, Batch, Plan, Read
from serving.loader.readers.pace import Pace
from serving.loader.readers.source import Source
from serving.loader.report import Report
from serving.loader.ring import Ring, RingClosed
from serving.loader.settings import Settings
from serving.loader.targets import Arrival, Slot, Target


class Verifier(Protocol):
    """Tells whether the bytes of a filled batch are what they should be."""

    def verify(self, plan: Plan, batch: Batch, view: memoryview) -> int:
        """Return how many bytes were verified. Raises Altered."""


@dataclass(slots=True, eq=False)
class _Filling:
    """A batch on its way: how many of its reads are still open."""

    batch: Batch
    slot: Slot
    n_open: int
    is_full: bool = False
    full_at: float = 0.0


@dataclass(slots=True)
class _State:
    """What the threads share, under one lock."""

    change: threading.Condition = field(default_factory=threading.Condition)
    arriving: deque[_Filling] = field(default_factory=deque)
    arrived: deque[Arrival] = field(default_factory=deque)
    is_fed: bool = False
    is_complete: bool = False
    is_over: bool = False
    error: BaseException | None = None


def host_ring_bytes(plan: Plan, settings: Settings, read_threads: int) -> int:
    """Return the bytes of the ring: what reading ahead needs, within `host_bytes`."""
    ahead = max(
        2 * plan.largest_slot_bytes,
        2 * read_threads * settings.read_bytes,
        4 * settings.slot_bytes,
    )
    # A slot begins with a page, so that each may leave the rest of one behind it.
    everything = sum(batch.n_bytes + PAGE_BYTES for batch in plan.batches) + PAGE_BYTES
    return min(settings.host_bytes, ahead, everything)


class Stream:
    """One pass over a plan. Use it in a `with` block, and iterate once."""

    def __init__(
        self,
        plan: Plan,
        sources: Mapping[str, Source],
        target: Target,
        *,
        settings: Settings,
        read_threads: int,
        pace: Pace,
        verifier: Verifier | None = None,
    ) -> None:
        self._plan = plan
        self._sources = sources
        self._target = target
        self._read_threads = read_threads
        self._pace = pace
        self._verifier = verifier
        n_bytes = host_ring_bytes(plan, settings, read_threads)
        self.report = Report(
            n_reads=plan.n_reads,
            host_bytes=n_bytes,
            largest_tensor_bytes=plan.largest_tensor_bytes,
        )
        self._ring = Ring(n_bytes)
        self._memory = memoryview(b"")
        self._state = _State()
        self._work: queue.SimpleQueue[tuple[_Filling, Read] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._arrive_seconds = 0.0

    def __enter__(self) -> Self:
        self._memory = self._target.host_memory(self._ring.n_bytes)
        jobs = [("feed", self._feed), ("copy", self._copy)]
        jobs += [("read", self._read)] * self._read_threads
        self._threads = [
            threading.Thread(target=self._guarded, args=(job,), name=f"prewarm-{name}", daemon=True)
            for name, job in jobs
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._state.change:
            is_whole = self._state.is_complete and not self._state.arrived
        self._end()
        if not is_whole:
            # What reads under way still bring is of no use: let them fail.
            self._pace.stop.set()
            for source in self._sources.values():
                source.interrupt()
        for thread in self._threads:
            thread.join()
        self._target.close()
        self._memory = memoryview(b"")

    def __iter__(self) -> Iterator[Arrival]:
        began_at = time.monotonic()
        report = self.report
        try:
            while (arrival := self._next()) is not None:
                if report.first_tensor_seconds is None:
                    report.first_tensor_seconds = time.monotonic() - began_at
                arrival.enter()
                handed_at = time.monotonic()
                try:
                    yield arrival
                finally:
                    arrival.leave()
                    report.held_seconds += time.monotonic() - handed_at
                report.n_tensors += 1
                report.n_bytes += arrival.tensor.n_bytes
                report.seconds = time.monotonic() - began_at
        finally:
            report.seconds = time.monotonic() - began_at
            report.retries = self._pace.retries
            report.device_bytes = self._target.device_bytes
            report.copy_seconds = self._arrive_seconds + self._ring.guard_seconds

    def _next(self) -> Arrival | None:
        """Return the next tensor; None at the end. Raises what ended the load before that."""
        state = self._state
        began_at = time.monotonic()
        with state.change:
            state.change.wait_for(lambda: state.arrived or state.is_complete or state.is_over)
            self.report.starved_seconds += time.monotonic() - began_at
            if state.error is not None:
                raise state.error
            if state.arrived:
                return state.arrived.popleft()
            if state.is_complete:
                return None
        raise RuntimeError("this stream has been closed")

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except RingClosed:
            pass  # somebody else ended the load
        except BaseException as exc:  # noqa: BLE001 - it is raised where the consumer waits
            self._end(exc)

    def _end(self, error: BaseException | None = None) -> None:
        """End all threads; the first error is the one that is told."""
        with self._state.change:
            if self._state.error is None and not self._state.is_over:
                self._state.error = error
            self._state.is_over = True
            self._state.change.notify_all()
        for _ in range(self._read_threads):
            self._work.put(None)
        self._ring.close()
        self._target.interrupt()

    def _feed(self) -> None:
        for batch in self._plan.batches:
            lease = self._ring.take(batch.n_bytes)
            slot = Slot(
                self._memory[lease.start : lease.stop],
                len(batch.parts),
                partial(self._ring.give_back, lease),
            )
            filling = _Filling(batch, slot, len(batch.reads))
            with self._state.change:
                self._state.arriving.append(filling)
            if not batch.reads:
                self._filled(filling)
            for read in batch.reads:
                self._work.put((filling, read))
        with self._state.change:
            self._state.is_fed = True
            self._state.change.notify_all()

    def _read(self) -> None:
        while (task := self._work.get()) is not None:
            filling, read = task
            with self._state.change:
                if self._state.is_over:
                    return
            began_at = time.monotonic()
            into = filling.slot.view[read.at : read.at + read.stop - read.start]
            self._sources[read.file].read_into(read.start, into)
            with self._state.change:
                self.report.read_seconds += time.monotonic() - began_at
                filling.n_open -= 1
                is_full = filling.n_open == 0
            if is_full:
                self._filled(filling)

    def _filled(self, filling: _Filling) -> None:
        """Let a batch go on, once its bytes are known to be the right ones."""
        verified = 0
        if self._verifier is not None:
            verified = self._verifier.verify(self._plan, filling.batch, filling.slot.view)
        with self._state.change:
            self.report.verified_bytes += verified
            filling.is_full = True
            filling.full_at = time.monotonic()
            self._state.change.notify_all()

    def _copy(self) -> None:
        self._target.open(self._plan)
        while (filling := self._next_full()) is not None:
            for part in filling.batch.parts:
                tensor = self._plan.tensors[part.tensor]
                began_at = time.monotonic()
                arrival = self._target.arrive(tensor, part, filling.slot)
                self._arrive_seconds += time.monotonic() - began_at
                if arrival is not None:
                    with self._state.change:
                        self._state.arrived.append(arrival)
                        self._state.change.notify_all()
        with self._state.change:
            self._state.is_complete = True
            self._state.change.notify_all()

    def _next_full(self) -> _Filling | None:
        state = self._state

        def is_decided() -> bool:
            if state.is_over:
                return True
            return state.arriving[0].is_full if state.arriving else state.is_fed

        with state.change:
            state.change.wait_for(is_decided)
            if state.is_over:
                raise RingClosed
            return state.arriving.popleft() if state.arriving else None
