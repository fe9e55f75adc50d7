"""The leading queries of a target: each with a history of its own, read beside the main one.

Nothing here can hold a tick up or fail it. A read runs in a task of its own under the tick's
deadline; the tick waits for it a moment and goes on with what there is. A query that fails leaves
its last points unknown, and a forecaster that misses an indicator answers without it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

from forecasting.series import Series
from scaler.errors import HistoryUnavailable
from scaler.history import TargetHistory
from scaler.ports import DemandQuery, HistorySource
from scaler.settings import ControllerSettings

# name of the query, reason ("" when it went well), message
OnRead: TypeAlias = Callable[[str, str, str], None]
Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(slots=True, eq=False)
class _Companion:
    name: str
    history: TargetHistory
    read: asyncio.Task[None] | None = None


class Companions:
    """The indicators of one target."""

    def __init__(
        self, source: HistorySource, queries: Mapping[str, DemandQuery], history_days: float
    ) -> None:
        self._companions = [
            _Companion(name, TargetHistory(source, query, history_days))
            for name, query in queries.items()
        ]

    @property
    def n_complete(self) -> int:
        """How many histories hold all of their window that the source has."""
        return sum(each.history.is_complete for each in self._companions)

    async def advance(
        self, as_of: float, settings: ControllerSettings, *, spawn: Spawn, on_read: OnRead
    ) -> None:
        """Bring the histories up to `as_of`, waiting a moment for them; never raises for a source.

        A read that is still under way from an earlier tick is let go on.
        """
        for each in self._companions:
            if each.read is None or each.read.done():
                each.read = spawn(_read(each, as_of, settings, on_read))
        reads = [each.read for each in self._companions if each.read is not None]
        if reads:
            wait_seconds = settings.leading_wait_seconds
            if settings.is_all_in_first_tick:
                wait_seconds = settings.head_seconds
            await asyncio.wait(reads, timeout=wait_seconds)

    def beside(self, series: Series) -> Series:
        """Return `series` with its companions: NaN where they are not known."""
        readings = {each.name: each.history.last_reading for each in self._companions}
        known = {name: reading.series for name, reading in readings.items() if reading is not None}
        return series.led_by(known) if known else series


async def _read(
    companion: _Companion, as_of: float, settings: ControllerSettings, on_read: OnRead
) -> None:
    history = companion.history
    reason, message = "", ""
    try:
        async with asyncio.timeout(settings.tick_deadline_seconds):
            await history.advance(as_of)
            until = perf_counter() + settings.head_seconds
            while not history.is_complete and perf_counter() < until:
                await history.advance(as_of)
    except HistoryUnavailable as exc:
        reason, message = exc.reason, str(exc)
    except TimeoutError:
        reason, message = "timeout", "not all was read within the tick's deadline"
    on_read(companion.name, reason, message)
