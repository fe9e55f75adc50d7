"""Asks every method at every origin, on all cores, and hands each no more than it may know."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.backtest import bounds_at, by_day
from forecasting.forecaster import Task
from forecasting.series import Series
from scaler.service import one_blas_thread
from simulations.backtest.case import Case
from simulations.backtest.methods import OURS, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One series, method, horizon and quantile: a row of the table."""

    case: int
    method: str
    horizon_seconds: float
    quantile: float


Bounds = Mapping[Question, FloatVector]
"""The bounds of every question at the origins of its case, (n,); NaN where it has none."""

Advance = Callable[[int, int], None]
"""Told how many pieces of work are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """A piece that a process does by itself. `known` ends with the newest origin."""

    question: Question
    places: slice  # of the origins
    known: Series
    at: FloatVector
    task: Task
    method: Method


def ask_all(
    cases: Sequence[Case],
    methods: Sequence[Method],
    *,
    n_jobs: int = 1,
    advance: Advance = lambda _done, _all: None,
) -> Bounds:
    """Return the bounds of every method on every question of every case.

    The bounds do not depend on `n_jobs`. Ours are made consistent as the library promises: a
    higher quantile or a longer window never has a lower bound.
    """
    works = list(_works(cases, methods))
    found: dict[Question, FloatVector] = {}
    for done, (work, bounds) in enumerate(_done(works, n_jobs), start=1):
        n_origins = cases[work.question.case].origins().size
        line = found.setdefault(work.question, np.full(n_origins, np.nan))
        line[work.places] = bounds
        advance(done, len(works))
    asked = {
        question: found[_asked_once(question, cases, method)]
        for number, case in enumerate(cases)
        for method in methods
        for question in _questions(number, case, method)
    }
    return asked | _consistent(asked)


def _questions(number: int, case: Case, method: Method) -> Iterator[Question]:
    """Yield what a method is asked of a case; a companion that it lacks is no question."""
    asked = case.questions
    if method.shown is not None and not method.is_asked_beside(case.series.leading_names):
        return
    pairs = product(asked.horizons_seconds, asked.quantiles)
    for horizon, quantile in [asked.main] if method.is_main_only else pairs:
        yield Question(case=number, method=method.name, horizon_seconds=horizon, quantile=quantile)


def _asked_once(question: Question, cases: Sequence[Case], method: Method) -> Question:
    """Return the question that stands for this one where the quantile makes no difference."""
    if method.heeds_quantile:
        return question
    return Question(
        case=question.case,
        method=question.method,
        horizon_seconds=question.horizon_seconds,
        quantile=cases[question.case].questions.quantiles[0],
    )


def _works(cases: Sequence[Case], methods: Sequence[Method]) -> Iterator[_Work]:
    """Yield the pieces of work, slow ones first so that the last core is not left with one."""
    ordered = sorted(methods, key=lambda method: not method.is_slow)
    for method, (number, case) in product(ordered, enumerate(cases)):
        told = method.told(case.events).bridging(case.gaps)
        origins, series = case.origins(), method.sight_of(case.series)
        pieces = by_day(origins) if method.is_slow else (origins,) if origins.size else ()
        for question in _questions(number, case, method):
            if question != _asked_once(question, cases, method):
                continue
            task = Task(
                horizon_seconds=question.horizon_seconds,
                level=question.quantile,
                zone=case.zone,
                holidays=case.holidays,
            )
            begin = 0
            for at in pieces:
                yield _Work(
                    question=question,
                    places=slice(begin, begin + at.size),
                    known=series.between(series.start_at, float(at[-1])),
                    at=at,
                    task=task,
                    method=told,
                )
                begin += at.size


def _done(works: Sequence[_Work], n_jobs: int) -> Iterable[tuple[_Work, FloatVector]]:
    """Yield each piece with its bounds, in any order."""
    if n_jobs == 1 or len(works) < 2:  # noqa: PLR2004 - one piece needs no second process
        yield from ((works[place], bounds) for place, bounds in map(_do, enumerate(works)))
        return
    from joblib import Parallel, delayed  # noqa: PLC0415 - of an extra, and slow to import

    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    for place, bounds in parallel(delayed(_do)(each) for each in enumerate(works)):
        yield works[place], bounds


def _do(numbered: tuple[int, _Work]) -> tuple[int, FloatVector]:
    place, work = numbered
    with one_blas_thread():
        return place, bounds_at(work.known, work.task, work.method.forecaster, work.at)


def _consistent(asked: Bounds) -> dict[Question, FloatVector]:
    """Return our bounds, each lifted to the largest that it must not be below."""
    ours = [question for question in asked if question.method == OURS]
    return {
        mine: np.fmax.reduce(
            [
                asked[other]
                for other in ours
                if other.case == mine.case
                and other.quantile <= mine.quantile
                and other.horizon_seconds <= mine.horizon_seconds
            ]
        )
        for mine in ours
    }
