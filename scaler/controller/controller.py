"""Rounds of ticks for every target, aligned to the clock.

Two servers with the same data give the same answer: they tick at the same moments, read the same
grid, and fit at the same boundaries, which are spread over targets by their digest.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from math import floor
from typing import Any
from weakref import WeakKeyDictionary

from forecasting.forecaster import Forecaster
from scaler.board import Board, Target
from scaler.books.books import Books
from scaler.companions import Companions
from scaler.controller.answers import Answers
from scaler.controller.following import Following
from scaler.controller.models import Models
from scaler.controller.ticks import Ticks
from scaler.errors import BadMetadata
from scaler.history import TargetHistory
from scaler.learning import Learning
from scaler.ports import Clock, Cluster, Forecasts, HistorySource
from scaler.settings import ControllerSettings
from scaler.telemetry import TickTelemetry
from scaler.work import Work

# A server that starts late in a refit period must still hold all that the fit rests on.
MARGIN_DAYS = 1.0

# The first answer about a target waits so long for its first tick, within the second in which KEDA
# is to be answered. Without it a scaler that restarts says "floor" to every object, and where
# scale-down isn't stabilised the HPA follows (tests/cluster, row 26).
FIRST_LOOK_SECONDS = 0.8

# A tick keeps the loop busy for 0.5 to 1 ms. Few of them are no burden; many get a pause each, and
# a round takes half a tick at most.
TICKS_AT_ONCE = 50
PAUSE_SECONDS = 0.005

# How many ticks may be missed before the scaler says that it can't answer.
MISSED_TICKS = 3


class Controller:
    """Keeps the board up to date until it is cancelled."""

    def __init__(
        self,
        board: Board,
        source: HistorySource,
        forecaster: Forecaster,
        clock: Clock,
        *,
        settings: ControllerSettings,
        telemetry: TickTelemetry,
        forecasts: Forecasts,
        cluster: Cluster | None = None,
        books: Books | None = None,
        keeps_models: bool = False,
    ) -> None:
        self._board = board
        self._source = source
        self._clock = clock
        self._settings = settings
        self._telemetry = telemetry
        self._books = books or Books.in_memory(clock)
        self._following = Following(cluster, clock, settings)
        models = Models(
            forecaster,
            forecasts,
            settings=settings,
            telemetry=telemetry,
            books=self._books,
            keeps_models=keeps_models,
        )
        self._ticks = Ticks(
            Answers(models, self._books, clock),
            models,
            self._following,
            settings=settings,
            telemetry=telemetry,
            spawn=self._spawn,
        )
        self._works: WeakKeyDictionary[Target, Work] = WeakKeyDictionary()
        self._running: set[asyncio.Task[None]] = set()
        self._round_at = float("-inf")
        board.on_new = self._start_new

    @property
    def is_ready(self) -> bool:
        """Whether answers can be trusted to move: a round was started lately, and ticks finish.

        A source that is down does not make the scaler unready: it still has an answer, and a pod
        taken out of its Service would leave KEDA with none.
        """
        limit = MISSED_TICKS * self._settings.tick_seconds + self._settings.settle_seconds
        at = self._clock.monotonic()
        if at - self._round_at > limit:
            return False
        published = [t.snapshot.published_at for t in self._board if t.snapshot is not None]
        return not published or at - max(published) <= limit + self._settings.tick_deadline_seconds

    async def run(self) -> None:
        """Start one round at each multiple of the tick, for ever."""
        last = float("nan")
        try:
            while True:
                as_of = self._aligned_now()
                if as_of != last:  # a sleep may end early
                    await self._start_round(as_of)
                last = as_of
                pause = self._settings.tick_seconds + self._settings.settle_seconds
                await self._clock.sleep_until(as_of + pause)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def idle(self) -> None:
        """Return once no tick or fit is under way; for tests and replays."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _aligned_now(self) -> float:
        tick = self._settings.tick_seconds
        return floor((self._clock.now() - self._settings.settle_seconds) / tick) * tick

    async def _start_round(self, as_of: float) -> None:
        """Start a tick for each target, spread out so that calls are answered in between.

        A thousand ticks one after the other would make calls wait for all of them.
        """
        self._round_at = self._clock.monotonic()
        self._board.drop_forgotten(self._round_at, self._settings.forget_after_seconds)
        self._following.unfollow_forgotten(self._board)
        pause = min(PAUSE_SECONDS, self._settings.tick_seconds / 2 / max(1, len(self._board)))
        for number, target in enumerate(self._board):
            self._start_tick(target, as_of)
            await asyncio.sleep(pause if number >= TICKS_AT_ONCE else 0)
        if self._books.is_save_due():
            self._spawn(self._books.save())

    def _start_new(self, target: Target) -> None:
        self._start_tick(target, self._aligned_now())
        asyncio.get_running_loop().call_later(FIRST_LOOK_SECONDS, self._end_first_look, target)

    def _end_first_look(self, target: Target) -> None:
        """Let calls go on without a tick's answer: with what runs now, where the cluster tells."""
        self._following.glance(target)
        target.first_look.set()

    def _start_tick(self, target: Target, as_of: float) -> None:
        work = self._work_of(target)
        if work is None:
            return
        if work.tick is not None and not work.tick.done():
            self._telemetry.skipped.inc()
            return
        work.tick = self._spawn(self._ticks.run(target, work, as_of))

    def _work_of(self, target: Target) -> Work | None:
        if isinstance(target.trigger, BadMetadata):
            return None
        work = self._works.get(target)
        if work is None:
            trigger = target.trigger
            query = replace(trigger.query, owner=target.key.namespace)
            days = trigger.params.history_days + MARGIN_DAYS
            history = TargetHistory(
                self._source, query, days, zero_when_empty=trigger.zero_when_empty
            )
            leading = {name: replace(query, query=text) for name, text in trigger.plan.leading}
            companions = Companions(self._source, leading, days)
            work = self._works[target] = Work(trigger, history, companions)
            if trigger.capacity_queries is not None:
                work.learning = Learning(self._source, trigger.capacity_queries, query)
            self._following.follow(target)
        return work

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task
