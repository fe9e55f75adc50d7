"""A run tick by tick, so that anybody can check its figures with code of their own."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from simulations.run import Run

COLUMNS = (
    "at", "seconds", "demand", "forecast", "wanted", "starting", "ready", "waiting", "shortage",
    "busy_gpu_seconds", "idle_gpu_seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One tick and the time until the next. `at` is in Unix seconds; NaN: unknown, or none made.

    `demand` and `shortage` are requests a second over that time; `wanted`, `starting` and `ready`
    are replicas from `at` on; `waiting` are requests at `at`.
    """

    at: float
    seconds: float
    demand: float
    forecast: float
    wanted: int
    starting: int
    ready: int
    waiting: float
    shortage: float
    busy_gpu_seconds: float
    idle_gpu_seconds: float


def timeline(run: Run) -> Iterator[Moment]:
    """Yield the ticks of a run."""
    outcome = run.outcome
    ends = [*outcome.at[1:].tolist(), run.seconds]
    columns = (
        outcome.at, ends, outcome.demand, run.forecasts, outcome.wanted, outcome.starting,
        outcome.ready, outcome.waiting, outcome.shortage, outcome.busy, outcome.idle,
    )  # fmt: skip
    for at, end, demand, forecast, wanted, starting, ready, *rest in zip(*columns, strict=True):
        waiting, shortage, busy, idle = map(float, rest)
        yield Moment(
            at=run.requests.start_at + float(at),
            seconds=float(end) - float(at),
            demand=float(demand),
            forecast=float(forecast),
            wanted=int(wanted),
            starting=int(starting),
            ready=int(ready),
            waiting=waiting,
            shortage=shortage,
            busy_gpu_seconds=busy,
            idle_gpu_seconds=idle,
        )


def write_timeline(run: Run, path: Path) -> None:
    """Write the ticks as CSV, a row each; an empty cell is unknown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for moment in timeline(run):
        writer.writerow([_cell(getattr(moment, name)) for name in COLUMNS])
    path.write_text(text.getvalue(), encoding="utf-8")


def _cell(value: float) -> str:
    return "" if isnan(value) else f"{value:.10g}"
