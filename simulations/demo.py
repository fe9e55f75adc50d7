"""The demonstration from history to verdict: what `prewarm demo` runs."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.live import Live

from scaler.adapters.file import FileSource
from simulations.demand import DAY_SECONDS, Shape, generate, write_csv
from simulations.moments import Moment, Terms
from simulations.pace import Lockstep, Pace, Replay
from simulations.replay import COLUMN, Stage, replay
from simulations.verdict import Verdict, judge
from simulations.view import frame, line

HOUR_SECONDS = 3_600.0
HISTORY_DAYS = 28
DAY_AT = 1_773_187_200.0  # Wednesday 11 March 2026, 00:00 UTC: a working day after four weeks
QUIET_SECONDS = 1_800.0  # from the beginning of the hour to the spike
LINE_EVERY_SECONDS = 300.0

Watch = Callable[[Moment], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command's options ask for. `speed` is None for as fast as the machine can."""

    speed: float | None
    seed: int
    lead_time_seconds: float
    mode: str
    is_live: bool


def run(settings: Settings, console: Console) -> tuple[tuple[Moment, ...], Verdict]:
    """Play the hour, show it on `console`, and return what happened.

    Raises `ScalerCallFailed` and `ServerError`.
    """
    shape = Shape()
    terms = terms_of(shape, settings)
    start_at = DAY_AT - HISTORY_DAYS * DAY_SECONDS
    rng = np.random.default_rng(settings.seed)
    demand = generate(rng, shape, start_at=start_at, end_at=terms.end_at)
    with TemporaryDirectory(prefix="prewarm-demo-") as folder:
        path = Path(folder) / "history.csv"
        write_csv(demand, path, column=COLUMN)
        stage = Stage(source=FileSource(path), demand=demand, terms=terms, mode=settings.mode)
        with _shown(terms, settings, console) as watch:
            moments = asyncio.run(replay(stage, _pace(terms, settings), watch))
    return moments, judge(moments, terms)


def terms_of(shape: Shape, settings: Settings) -> Terms:
    """Return what both sides are held to: an hour with the spike in its middle."""
    spike_at = DAY_AT + shape.spike.starts_at
    return Terms(
        threshold=10.0,
        warm_floor=2,
        max_replicas=20,
        lead_time_seconds=settings.lead_time_seconds,
        start_at=spike_at - QUIET_SECONDS,
        end_at=spike_at - QUIET_SECONDS + HOUR_SECONDS,
        spike_at=spike_at,
    )


def _pace(terms: Terms, settings: Settings) -> Pace:
    if settings.speed is None:
        return Lockstep(terms.start_at)
    return Replay(terms.start_at, settings.speed)


@contextmanager
def _shown(terms: Terms, settings: Settings, console: Console) -> Iterator[Watch]:
    """Give a watcher that draws a live view, or prints a line whenever something moves."""
    moments: list[Moment] = []
    if not settings.is_live:
        yield lambda moment: _print_line(moments, moment, console)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(moment: Moment) -> None:
            moments.append(moment)
            live.update(frame(moments, terms), refresh=True)

        yield show
    console.print(frame(moments, terms), height=min(console.height - 1, 32))


def _print_line(shown: list[Moment], moment: Moment, console: Console) -> None:
    before = shown[-1] if shown else None
    is_news = before is None or (before.prewarm, before.reactive) != (
        moment.prewarm,
        moment.reactive,
    )
    if is_news or (before is not None and moment.at - before.at >= LINE_EVERY_SECONDS):
        shown.append(moment)
        console.print(line(moment), highlight=False, soft_wrap=True)
