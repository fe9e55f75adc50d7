"""One tick of one target: gather, look, forecast, decide, publish."""

import asyncio
import logging
from functools import partial
from time import perf_counter

from scaler.board import Target
from scaler.controller.answers import Answers
from scaler.controller.following import Following
from scaler.controller.models import Models, Spawn
from scaler.controller.notes import names, note_capacity, note_problem
from scaler.errors import HistoryUnavailable
from scaler.leading_notes import note_leading
from scaler.learning import Learning
from scaler.settings import ControllerSettings
from scaler.telemetry import TickTelemetry
from scaler.work import Work

logger = logging.getLogger(__name__)

# From the start of a target's first tick on; the rest of it must end within `FIRST_LOOK_SECONDS`.
FLEET_WITHIN_SECONDS = 0.5


class Ticks:
    """Runs ticks. What takes longer than one is spawned and concludes by itself."""

    def __init__(
        self,
        answers: Answers,
        models: Models,
        following: Following,
        *,
        settings: ControllerSettings,
        telemetry: TickTelemetry,
        spawn: Spawn,
    ) -> None:
        self._answers = answers
        self._models = models
        self._following = following
        self._settings = settings
        self._telemetry = telemetry
        self._spawn = spawn

    async def run(self, target: Target, work: Work, as_of: float) -> None:
        """Bring the answer about `target` up to `as_of`. Never raises."""
        started_at = perf_counter()
        is_first = target.snapshot is None and not self._settings.is_all_in_first_tick
        try:
            if not work.is_recalled:
                await self._answers.recall(target, work, as_of)
            await self._gather(target, work, as_of, is_first=is_first)
            work.as_of = as_of
            if is_first:
                patience = FLEET_WITHIN_SECONDS - (perf_counter() - started_at)
                await self._following.first_look(target, patience)
            self._following.look(target, work)
            await self._models.restore(target, work)
            if not is_first:
                on_read = partial(note_leading, target, names(target))
                await work.companions.advance(
                    as_of, self._settings, spawn=self._spawn, on_read=on_read
                )
                await self._start_learning_if_due(target, work)
                self._models.start_fit_if_due(
                    target, work, spawn=self._spawn, conclude=self._answers.conclude
                )
            await self._answers.conclude(target, work)
        except Exception:  # the broad except of the loop: a tick may fail, the loop may not
            logger.exception("tick failed", extra=names(target))
            self._telemetry.failures.inc()
        finally:
            self._telemetry.tick_seconds.observe(perf_counter() - started_at)

    async def _gather(self, target: Target, work: Work, as_of: float, *, is_first: bool) -> None:
        """Bring the history up to `as_of`; when the source has no answer it stays as it was."""
        try:
            async with asyncio.timeout(self._settings.tick_deadline_seconds):
                await work.history.advance(as_of)
                head_until = perf_counter() + (0.0 if is_first else self._settings.head_seconds)
                while not work.history.is_complete and perf_counter() < head_until:
                    await work.history.advance(as_of)
        except HistoryUnavailable as exc:
            note_problem(target, exc.reason, str(exc))
        except TimeoutError:
            note_problem(target, "timeout", "not all was read within the tick's deadline")
        else:
            note_problem(target, "", "")

    async def _start_learning_if_due(self, target: Target, work: Work) -> None:
        learning = work.learning
        if learning is None or not learning.is_due(work.as_of):
            return
        if work.learn is None or work.learn.done():
            work.learn = self._spawn(self._learn(target, work, learning))
        if self._settings.is_all_in_first_tick:
            await asyncio.wait([work.learn])

    async def _learn(self, target: Target, work: Work, learning: Learning) -> None:
        try:
            async with asyncio.timeout(self._settings.tick_deadline_seconds):
                await learning.learn(work.as_of)
            note_capacity(target, learning.why)
            await self._answers.conclude(target, work)
        except HistoryUnavailable as exc:
            note_capacity(target, f"vLLM's metrics could not be read: {exc}")
        except TimeoutError:
            note_capacity(target, "vLLM's metrics were not read within the tick's deadline")
        except Exception:
            logger.exception("learning failed", extra=names(target))
            self._telemetry.failures.inc()
