"""Fits and forecasts in processes of their own, so that no call waits for the interpreter lock.

One process holds the models and is asked; others fit and hand the packed model over. In one
process with the RPCs, fits and forecasts of 1,000 targets made the p99 of a call 22 ms instead of
the bare server's 2.5 ms (benchmarks/rpc.py, the figures before this file).

A process that dies takes its models along: callers get `WorkerLost`, the next call starts another.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, finalize

from threadpoolctl import threadpool_limits

from forecasting.forecaster import Forecaster, Task
from forecasting.series import Series
from scaler.adapters import forecasts_work as work
from scaler.adapters.forecasts_tail import tail_of
from scaler.errors import WorkerLost
from scaler.ports import Answer, Model

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Fits can wait: they leave the processors to calls and forecasts.
FIT_NICENESS = 10


class Workers:
    """Processes that are started when first needed, and anew after one of them has died."""

    def __init__(self, n_processes: int, *, niceness: int = 0) -> None:
        self._n_processes = n_processes
        self._niceness = niceness
        self._pool: ProcessPoolExecutor | None = None
        self._is_closed = False

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return what `function` returns in one of the processes; raises `WorkerLost`."""
        if self._is_closed:
            raise WorkerLost("the scaler is stopping")
        pool = self._pool = self._pool or self._started()
        try:
            return await asyncio.wrap_future(pool.submit(function, *args))
        except BrokenProcessPool as exc:
            if self._pool is pool:  # all calls under way fail together: the first one says so
                self._pool = None
                pool.shutdown(wait=False, cancel_futures=True)
                logger.error("a process that fits or forecasts died; starting another")  # noqa: TRY400 - the trace is the pool's own
            raise WorkerLost("the process that did it died") from exc

    def close(self) -> None:
        """End the processes; what they are at is dropped."""
        self._is_closed = True
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())  # noqa: SLF001 - before 3.14 there is no public way to end a worker in mid-task
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=5.0)

    def _started(self) -> ProcessPoolExecutor:
        # Not forked: gRPC's threads don't survive it.
        return ProcessPoolExecutor(
            self._n_processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
            initargs=(self._niceness,),
        )


class ProcessForecasts:
    """Forecasts in one process, fits in `n_fit_processes` others."""

    def __init__(self, n_fit_processes: int = 1) -> None:
        self._asks = Workers(1)
        self._fits = Workers(n_fit_processes, niceness=FIT_NICENESS)
        self._numbers = count()
        self._dropped: deque[int] = deque()  # filled by finalizers, in any thread
        self._sent: WeakKeyDictionary[Model, tuple[int, Series]] = WeakKeyDictionary()

    async def start(self) -> None:
        """Let the processes come up before they are needed; a second of imports."""
        await asyncio.gather(self._asks.run(os.getpid), self._fits.run(os.getpid))

    async def fit(
        self,
        forecaster: Forecaster,
        past: Series,
        task: Task,
        *,
        previous: Model | None = None,
        has_drifted: bool = False,
    ) -> Model:
        """Fit in one process, and hand the model to the one that is asked."""
        before = None
        if previous is not None:
            before = await self._asks.run(work.packed, previous.number)
        packed, seconds, gains = await self._fits.run(
            work.fit, forecaster, past, task, before, has_drifted
        )
        model = Model(next(self._numbers), seconds, gains, task.horizon_seconds)
        await self._asks.run(work.adopt, model.number, packed, task.horizon_seconds)
        finalize(model, self._dropped.append, model.number)
        return model

    async def save(self, model: Model) -> bytes | None:
        """Ask for the model's state."""
        try:
            return await self._asks.run(work.save, model.number)
        except KeyError as exc:
            raise WorkerLost(f"model {model.number} went with the process that held it") from exc

    async def restore(
        self, payload: bytes, forecaster: Forecaster, task: Task, leading: tuple[str, ...]
    ) -> Model:
        """Hand the state to the process that is asked."""
        number = next(self._numbers)
        found = await self._asks.run(work.restore, number, payload, forecaster, task, leading)
        model = Model(number, 0.0, found, task.horizon_seconds)
        finalize(model, self._dropped.append, number)
        return model

    async def forecast(
        self, model: Model, history: Series, *, horizon_seconds: float | None = None
    ) -> Answer:
        """Ask the model, and send it only what of the history is new to it."""
        try:
            try:
                sent = self._to_send(model, history)
                return await self._ask(model, sent, history, horizon_seconds)
            except work.Missed:  # a call before this one was cancelled, or ran beside it
                whole = work.Sent(next(self._numbers), history)
                return await self._ask(model, whole, history, horizon_seconds)
        except KeyError as exc:
            raise WorkerLost(f"model {model.number} went with the process that held it") from exc

    async def _ask(
        self, model: Model, sent: work.Sent, history: Series, horizon_seconds: float | None
    ) -> Answer:
        dropped = tuple(self._dropped)
        for _ in dropped:
            self._dropped.popleft()
        answer = await self._asks.run(work.forecast, model.number, sent, horizon_seconds, dropped)
        self._sent[model] = (sent.number, history)
        return answer

    def _to_send(self, model: Model, history: Series) -> work.Sent:
        number = next(self._numbers)
        # Taken out: after a failure nobody knows what arrived, and the whole is sent.
        base, known = self._sent.pop(model, (None, None))
        tail = None if known is None else tail_of(history, known)
        return work.Sent(number, history) if tail is None else work.Sent(number, tail, base)

    async def close(self) -> None:
        """End all processes."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._fits.close()
        self._asks.close()


def _prepare(niceness: int) -> None:
    """Set up a process: it outlives neither its parent nor Ctrl-C's first answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us, in its own time
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threadpool_limits(limits=1, user_api="blas")  # as `service.one_blas_thread` does
    os.nice(niceness)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent is gone: a pool's process would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
