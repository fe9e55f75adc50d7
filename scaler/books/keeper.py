"""The state store as the books use it: nothing that it can do stops a tick.

What fails is counted, and logged when its reason changes: a full disk is one line in the log, not
one a minute.
"""

import asyncio
import logging
from collections.abc import Mapping

from scaler.books.telemetry import BooksTelemetry
from scaler.errors import StateUnavailable
from scaler.ledger.ledger import MAX_DAYS, SECONDS_PER_DAY
from scaler.ports import Blob, Clock, StateStore

logger = logging.getLogger(__name__)

# A disk that hangs must not keep a target from its first look for long.
RECALL_SECONDS = 2.0


class Keeper:
    """Loads and saves; raises nothing."""

    def __init__(self, store: StateStore, clock: Clock, telemetry: BooksTelemetry) -> None:
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._forget_due_at = clock.monotonic()
        self._trouble = ""

    async def load(self, owner: str) -> Mapping[str, Blob]:
        """Return what is remembered of `owner`; nothing where that can't be read in time."""
        try:
            async with asyncio.timeout(RECALL_SECONDS):
                return await self._store.load(owner)
        except StateUnavailable as exc:
            self._note_trouble(exc.reason, str(exc))
        except TimeoutError:
            self._note_trouble("slow", f"nothing was read within {RECALL_SECONDS:g} s")
        return {}

    async def save(self, blobs: Mapping[tuple[str, str], Blob]) -> bool:
        """Save, and once a day forget what is too old. Returns whether that went well."""
        try:
            await self._store.save(blobs)
            await self._forget()
        except StateUnavailable as exc:
            self._note_trouble(exc.reason, str(exc))
            return False
        self._note_trouble("", "")
        self._telemetry.saves.inc()
        self._telemetry.saved_at.set(self._clock.now())
        return True

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    async def _forget(self) -> None:
        if self._clock.monotonic() >= self._forget_due_at:
            self._forget_due_at = self._clock.monotonic() + SECONDS_PER_DAY
            await self._store.forget(self._clock.now() - MAX_DAYS * SECONDS_PER_DAY)

    def _note_trouble(self, reason: str, message: str) -> None:
        if reason:
            self._telemetry.errors.labels(reason).inc()
        if reason == self._trouble:
            return
        self._trouble = reason
        if reason:
            logger.error(
                "memory can't be used; scaling goes on without it",
                extra={"reason": reason, "why": message},
            )
        else:
            logger.info("memory can be used again")
