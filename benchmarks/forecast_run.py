"""Runs methods on traces: what is kept is recalled, the rest computed by as many jobs as told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from forecast_cache import keep, key, recall
from forecast_protocol import HORIZONS, LEVELS, Method, Result, Said, Trace, load_series, score
from forecast_rivals import Rival, case_of, entries
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

Work: TypeAlias = tuple[str, Callable[[], list[Result]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run: `ours` is fresh each time, rivals are kept in `cache` (None: not kept)."""

    traces: Sequence[Trace]
    rivals: Sequence[Rival]
    ours: dict[str, Method]
    horizons: tuple[int, ...] = HORIZONS
    levels: tuple[float, ...] = LEVELS
    cache: Path | None = None
    jobs: int = 1


def load_traces(folder: Path, names: Sequence[str]) -> list[Trace]:
    """Return the traces of the benchmark by name."""
    return [Trace(name=name, series=load_series(folder, name)) for name in names]


def run(plan: Plan) -> tuple[list[Result], int, int]:
    """Return the results, how many rival runs were recalled, and how many were made."""
    results: list[Result] = []
    work: list[Work] = []
    n_recalled = n_made = 0
    for trace in plan.traces:
        for rival in plan.rivals:
            name = key(rival, trace)
            known, said = recall(plan.cache, name) if plan.cache else (False, None)
            if known:
                n_recalled += 1
                results += scored(plan, rival, trace, said)
            else:
                n_made += 1
                work.append((f"{rival.name}: {trace.name}", _rival_work(plan, rival, trace, name)))
        work += _our_work(plan, trace)
    for found in _worked(work, plan.jobs):
        results += found
    return results, n_recalled, n_made


def scored(plan: Plan, rival: Rival, trace: Trace, said: Said | None) -> list[Result]:
    """Return the results of every form of a rival on a trace; none where it is too short."""
    if said is None:
        return []
    return [
        score(name, case, bound(case, said), (said.fit_seconds, said.tick_seconds))
        for horizon in plan.horizons
        for level in plan.levels
        for case in [case_of(trace, horizon, level)]
        for name, bound in entries(rival).items()
    ]


def _rival_work(plan: Plan, rival: Rival, trace: Trace, name: str) -> Callable[[], list[Result]]:
    def work() -> list[Result]:
        with threadpool_limits(limits=1):
            said = rival.source(trace)
        if plan.cache:
            keep(plan.cache, name, said)
        return scored(plan, rival, trace, said)

    return work


def _our_work(plan: Plan, trace: Trace) -> Iterator[Work]:
    def work_of(
        name: str, method: Method, horizon: int, level: float
    ) -> Callable[[], list[Result]]:
        def work() -> list[Result]:
            case = case_of(trace, horizon, level)
            with threadpool_limits(limits=1):
                found, fit, ask = method(case)
            return [score(name, case, found, (fit, ask))]

        return work

    for name, method in plan.ours.items():
        for horizon in plan.horizons:
            for level in plan.levels:
                label = f"{name}: {trace.name} H{horizon} p{level * 100:g}"
                yield label, work_of(name, method, horizon, level)


def _worked(work: Sequence[Work], jobs: int) -> Iterator[list[Result]]:
    """Yield what each piece of work gave, with a progress bar on stderr."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=_stderr(), disable=not work) as progress:
        bar = progress.add_task("forecasts", total=len(work))
        if jobs == 1:
            for label, one in work:
                progress.update(bar, description=label)
                yield one()
                progress.advance(bar)
            return
        from joblib import Parallel, delayed  # noqa: PLC0415 - of the benchmark extra

        made = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(one)() for _, one in work
        )
        for found in made:
            progress.advance(bar)
            yield found


def _stderr() -> Console:
    return Console(stderr=True)
