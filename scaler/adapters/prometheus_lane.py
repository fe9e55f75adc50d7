"""One server's lane: its threads, its turns and its circuit breaker.

A bulkhead: a server that hangs holds up its own lane and no other. A turn is held for the whole of
a read, so that the reads at the front of a long queue complete, instead of all of them advancing
a chunk at a time until all run into their deadline.
"""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from scaler.adapters.prometheus_breaker import Breaker
from scaler.adapters.prometheus_connection import Exchange, under_way
from scaler.adapters.prometheus_turns import Turns
from scaler.errors import HistoryUnavailable

T = TypeVar("T")

# Reasons that say that nobody is there, not that an answer was no good.
SILENCE = frozenset({"refused", "timeout"})
# A look-up of a name can't be ended: who waits for it is let go, and its thread comes back later.
GRACE_SECONDS = 1.0


class Lane:
    """Runs requests to one server in threads of its own; used from one event loop."""

    def __init__(self, name: str, *, requests_at_once: int, wait_seconds: float) -> None:
        self.name = name
        self._breaker = Breaker()
        self._turns = Turns(name, n_turns=requests_at_once, wait_seconds=wait_seconds)
        self._threads = ThreadPoolExecutor(requests_at_once, thread_name_prefix="prometheus")
        self._exchanges: set[Exchange] = set()
        self._lock = threading.Lock()
        self._readers = 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody reads or waits here, and no thread is still away."""
        return self._readers == 0 and not self._exchanges

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator["Turn"]:
        """Wait for a turn and hold it.

        Raises HistoryUnavailable while the server is down, and "busy" when no turn came in time:
        that says nothing about the server, so the breaker is not told.
        """
        self._breaker.check()
        self._readers += 1
        try:
            await self._turns.take(owner)
            turn = Turn(self)
            try:
                yield turn
            finally:
                turn.when_over(functools.partial(self._turns.give_back, owner))
        finally:
            self._readers -= 1

    def start(self, job: Callable[[], T], exchange: Exchange) -> tuple["Future[T]", float]:
        """Start one request in a thread; return it and when it began.

        Raises HistoryUnavailable while the server is down.
        """
        began_at = self._breaker.enter()
        try:
            future = self._threads.submit(self._work, job, exchange, began_at)
        except RuntimeError:
            raise HistoryUnavailable("refused", f"{self.name}: the source is closed") from None
        with self._lock:
            self._exchanges.add(exchange)
        future.add_done_callback(lambda _: self._ended(exchange, began_at))
        return future, began_at

    def gave_no_answer(self, began_at: float) -> HistoryUnavailable:
        """Note that a thread did not come back in time, and return what to report."""
        message = f"{self.name}: no answer within the deadline, not even of its name's look-up"
        failure = HistoryUnavailable("timeout", message)
        self._breaker.failed(began_at, failure)
        return failure

    def close(self) -> None:
        """End every request under way and let the threads go."""
        with self._lock:
            exchanges = tuple(self._exchanges)
        for exchange in exchanges:
            exchange.abort()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, job: Callable[[], T], exchange: Exchange, began_at: float) -> T:
        try:
            with under_way(exchange):
                return job()
        except HistoryUnavailable as failure:
            if failure.reason in SILENCE and exchange.answer is None:
                self._breaker.failed(began_at, failure)
            raise
        finally:
            if exchange.answer is not None:
                self._breaker.answered()

    def _ended(self, exchange: Exchange, began_at: float) -> None:
        """Forget a request that is over, or that was cancelled before a thread took it up."""
        self._breaker.left(began_at)
        with self._lock:
            self._exchanges.discard(exchange)


class Turn:
    """Leave to run requests, one after the other."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._loop = asyncio.get_running_loop()
        self._last: Future[Any] | None = None

    async def run(self, job: Callable[[], T], exchange: Exchange) -> T:
        """Return what `job` returns in its thread, or raise what it raises.

        Raises HistoryUnavailable("timeout") when the thread stays away past the deadline.
        """
        future, began_at = self._lane.start(job, exchange)
        self._last = future
        wait_seconds = exchange.deadline_at - time.monotonic() + GRACE_SECONDS
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), wait_seconds)
        except TimeoutError:
            failure = self._lane.gave_no_answer(began_at)
        raise failure

    def when_over(self, release: Callable[[], None]) -> None:
        """Call `release` now, or once a thread that nobody waits for any more comes back."""
        if self._last is None or self._last.done():
            release()
            return

        def released(_: "Future[Any]") -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for a turn
                self._loop.call_soon_threadsafe(release)

        self._last.add_done_callback(released)
