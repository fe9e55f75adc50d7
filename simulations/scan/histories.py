"""The history of each candidate, a few at a time: a scan must not bring Prometheus down."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np

from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from scaler.check import NEXT_STEPS
from scaler.destinations import BadAddress, parse_address
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery, HistorySource
from scaler.sources import SourceFlags, open_source
from simulations.backtest.case import observed
from simulations.scan.candidates import Candidate

LEAST_DAYS = 3.0  # below it nothing is learnt: a day to learn from, and two to score


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is asked: so many queries at a time, their starts so far apart at least."""

    step_seconds: float = 60.0
    days: float = 28.0
    n_at_once: int = 2
    spacing_seconds: float = 0.5


def read_histories(
    candidates: Sequence[Candidate],
    flags: SourceFlags,
    load: Load,
    *,
    now: float,
    advance: Callable[[int], None],
) -> list[Series | str]:
    """Return the history of each, or why there is none.

    Raises `BadFlag` or `BadConfiguration` for flags that no query can be asked with.
    """
    if flags.prometheus_address is None:
        flags = replace(flags, allow_address=(*flags.allow_address, *_addresses(candidates)))
    return asyncio.run(_all(candidates, flags, load, now, advance))


def _addresses(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the addresses that the triggers name, each once; bad ones are said by their query."""
    found: dict[str, None] = {}
    for one in candidates:
        try:
            if one.server_address is not None:
                found[str(parse_address(one.server_address))] = None
        except BadAddress:
            continue
    return tuple(found)


async def _all(
    candidates: Sequence[Candidate],
    flags: SourceFlags,
    load: Load,
    now: float,
    advance: Callable[[int], None],
) -> list[Series | str]:
    source = open_source(flags, now=now, on_rejected=lambda *_: None, on_expensive=lambda *_: None)
    places, turn = asyncio.Semaphore(load.n_at_once), asyncio.Lock()
    n_done = 0

    async def one(candidate: Candidate) -> Series | str:
        nonlocal n_done
        async with places:
            async with turn:  # held while it sleeps: the next start waits for it
                await asyncio.sleep(load.spacing_seconds)
            # An address among the flags is the same Prometheus seen from here, as in `check`.
            address = None if flags.prometheus_address else candidate.server_address
            found = await _read(source, candidate, address, load, now)
        n_done += 1
        advance(n_done)
        return found

    try:
        return await asyncio.gather(*(one(candidate) for candidate in candidates))
    finally:
        await source.close()


async def _read(
    source: HistorySource, candidate: Candidate, address: str | None, load: Load, now: float
) -> Series | str:
    step = load.step_seconds
    query = DemandQuery(query=candidate.query, step_seconds=step, server_address=address)
    end_at = floor(now / step) * step
    start_at = end_at - round(load.days * DAY_SECONDS / step) * step
    try:
        series = observed(await source.read_range(query, start_at=start_at, end_at=end_at))
    except (HistoryUnavailable, BadAddress) as exc:
        hint = NEXT_STEPS.get(exc.reason, "") if isinstance(exc, HistoryUnavailable) else ""
        return f"no history: {exc}{'. Next step: ' if hint else ''}{hint}"
    days = len(series) * step / DAY_SECONDS
    if days < LEAST_DAYS:
        return f"{days:.1f} days of history; needed are {LEAST_DAYS:g}. Unknown is not zero"
    if not np.nanmax(series.values) > 0:
        return "demand was 0 all the time: nothing to predict"
    return series
