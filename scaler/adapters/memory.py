"""Twins of the real adapters, with the same laws: for tests, simulations and demonstrations."""

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.series import Series
from scaler.errors import HistoryUnavailable, StateUnavailable
from scaler.ports import Blob, DemandQuery, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One request that a MemoryHistorySource got; an instant has `start_at == end_at`."""

    kind: str  # range or instant
    query: DemandQuery
    start_at: float
    end_at: float


class MemoryHistorySource:
    """A HistorySource that holds its series in memory, by query text, and fails as told.

    A value holds from its grid point until the next one; a NaN is a gap for as long.
    A query that it doesn't hold is answered with nothing (NaN), as Prometheus does.
    """

    def __init__(self, series: Mapping[str, Series] | None = None) -> None:
        self.reads: list[Read] = []  # every request, failed ones too
        self.is_closed = False
        self._series: dict[str, Series] = dict(series or {})
        self._down: HistoryUnavailable | None = None
        self._failures: deque[HistoryUnavailable | None] = deque()
        self._hanging: asyncio.Event | None = None

    def put(self, query: str, series: Series) -> None:
        """Hold `series` as the answer to `query`, in place of what was there."""
        self._series[query] = series

    def fail(self, reason: str = "refused", message: str = "connection refused") -> None:
        """Fail every read from now on, until `recover`."""
        self._down = HistoryUnavailable(reason, message)

    def fail_next(self, *reasons: str | None) -> None:
        """Fail the next reads, one for each reason; None lets that read through."""
        self._failures.extend(
            None if reason is None else HistoryUnavailable(reason, f"told to fail: {reason}")
            for reason in reasons
        )

    def hang(self) -> None:
        """Answer no read from now on, until `recover`."""
        self._hanging = asyncio.Event()

    def recover(self) -> None:
        """Answer again, also the reads that hang."""
        self._down = None
        self._failures.clear()
        if self._hanging is not None:
            self._hanging.set()
            self._hanging = None

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Return the grid points in [start_at, end_at]."""
        await self._answer("range", query, start_at, end_at)
        step = query.step_seconds
        n_points = round((end_at - start_at) / step) + 1
        times = start_at + step * np.arange(n_points, dtype=np.float64)
        values = np.array([self._value(query, at) for at in times.tolist()], dtype=np.float64)
        return Series(start_at=start_at, step_seconds=step, values=values)

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        """Return demand at `at`; NaN when there is none."""
        await self._answer("instant", query, at, at)
        return self._value(query, at)

    async def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True

    async def _answer(self, kind: str, query: DemandQuery, start_at: float, end_at: float) -> None:
        self.reads.append(Read(kind=kind, query=query, start_at=start_at, end_at=end_at))
        await asyncio.sleep(0)  # as a real source, it never answers before others had a turn
        if self._hanging is not None:
            await self._hanging.wait()
        failure = self._failures.popleft() if self._failures else None
        failure = failure or self._down
        if failure is not None:
            raise HistoryUnavailable(failure.reason, str(failure))

    def _value(self, query: DemandQuery, at: float) -> float:
        series = self._series.get(query.query)
        if series is None:
            return math.nan
        index = math.floor((at - series.start_at) / series.step_seconds)
        return float(series.values[index]) if 0 <= index < len(series) else math.nan


class ManualClock:
    """A clock that moves only when told to. Sleepers wake when their time has come."""

    def __init__(self, start_at: float = 0.0) -> None:
        self._now = start_at
        self._monotonic = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._fell_asleep: list[asyncio.Future[None]] = []

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds advanced so far; steps don't count."""
        return self._monotonic

    @property
    def sleepers(self) -> int:
        """How many tasks sleep now."""
        return sum(not sleeper.done() for _, sleeper in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time pass; wakes every sleeper that is due. May be called from any thread."""
        if seconds < 0:
            raise ValueError(f"time passes forwards, got {seconds!r}; step() moves the wall clock")
        self._monotonic += seconds
        self.step(seconds)

    def step(self, seconds: float) -> None:
        """Move the wall clock alone, as an operator does; backwards, every sleeper wakes."""
        self._now += seconds
        due = [sleeper for at, sleeper in self._sleepers if at <= self._now or seconds < 0]
        self._sleepers = [entry for entry in self._sleepers if entry[1] not in due]
        for sleeper in due:
            sleeper.get_loop().call_soon_threadsafe(_wake, sleeper)

    async def sleep_until(self, at: float) -> None:
        """Return once `now()` has reached `at`, or at once when the clock is stepped back."""
        await asyncio.sleep(0)
        if self._now >= at:
            return
        sleeper = asyncio.get_running_loop().create_future()
        entry = (at, sleeper)
        self._sleepers.append(entry)
        for watcher in self._fell_asleep:
            _wake(watcher)
        try:
            await sleeper
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    async def wait_for_sleepers(self, n_sleepers: int = 1) -> None:
        """Return once at least `n_sleepers` tasks sleep: then it is time to advance."""
        while self.sleepers < n_sleepers:
            watcher = asyncio.get_running_loop().create_future()
            self._fell_asleep.append(watcher)
            try:
                await watcher
            finally:
                self._fell_asleep.remove(watcher)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class MemoryStateStore:
    """A StateStore that lasts as long as its process. Bounded: the oldest owners go first."""

    def __init__(self, *, max_owners: int = 4_000) -> None:
        self._max_owners = max_owners
        self._blobs: dict[str, dict[str, Blob]] = {}
        self._down: StateUnavailable | None = None
        self._is_closed = False

    def fail(self, reason: str = "full", message: str = "no space left on device") -> None:
        """Fail every call from now on, until `recover`."""
        self._down = StateUnavailable(reason, message)

    def recover(self) -> None:
        """Work again."""
        self._down = None

    async def load(self, owner: str) -> Mapping[str, Blob]:
        """Return all blobs of `owner` by kind."""
        self._check()
        return dict(self._blobs.get(owner, {}))

    async def save(self, blobs: Mapping[tuple[str, str], Blob]) -> None:
        """Keep the blobs."""
        self._check()
        for (owner, kind), blob in blobs.items():
            kept = self._blobs.pop(owner, {})
            self._blobs[owner] = {**kept, kind: blob}
        for owner in list(self._blobs)[: -self._max_owners]:
            del self._blobs[owner]

    async def forget(self, before: float) -> int:
        """Drop what was saved before that time."""
        self._check()
        n_before = sum(len(kinds) for kinds in self._blobs.values())
        kept = {
            owner: {kind: blob for kind, blob in kinds.items() if blob.saved_at >= before}
            for owner, kinds in self._blobs.items()
        }
        self._blobs = {owner: kinds for owner, kinds in kept.items() if kinds}
        return n_before - sum(len(kinds) for kinds in self._blobs.values())

    async def close(self) -> None:
        """Answer no more; what was kept stays, as a file would."""
        self._is_closed = True

    def reopen(self) -> None:
        """Answer again, as a new process on the same file."""
        self._is_closed = False

    def _check(self) -> None:
        if self._is_closed:
            raise StateUnavailable("closed", "the state store is closed")
        if self._down is not None:
            raise StateUnavailable(self._down.reason, str(self._down))


class MemoryEventSink:
    """An EventSink that keeps the newest notices, with their times."""

    def __init__(self, *, max_notices: int = 1_000) -> None:
        self.notices: deque[tuple[float, Notice]] = deque(maxlen=max_notices)

    def publish(self, notice: Notice, *, at: float) -> None:
        """Keep the notice."""
        self.notices.append((at, notice))

    async def close(self) -> None:
        """Do nothing: nothing waits."""
