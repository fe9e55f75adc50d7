"""What the leading queries of an input are worth: our forecast with them, without, with each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.forecaster import Task
from forecasting.leading import gains
from forecasting.scores import pinball
from scaler.service import one_blas_thread
from simulations.backtest.asking import Bounds, Question
from simulations.backtest.case import Case
from simulations.backtest.companions import missing_sentence
from simulations.backtest.methods import OURS, Method

WITHOUT = f"{OURS}-without-leading"
LEAST_GAIN_RATIO = 0.005  # less is written as nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One leading query.

    `gain_ratio` is the share of the pinball loss without any that it takes away by itself: below
    zero it harms, NaN where nothing was scored. `is_kept` says whether a fit on all of the history
    keeps it.
    """

    name: str
    gain_ratio: float
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadingWorth:
    """Each of them, and the share of the loss that all take away together."""

    gain_ratio: float
    indicators: tuple[Indicator, ...]


def alone(name: str) -> str:
    """Return the name of our method with one leading query."""
    return f"{OURS}-with-{name}-alone"


def variants(full: Method, cases: Sequence[Case]) -> tuple[Method, ...]:
    """Return our method without leading queries, and with each alone where there are several."""
    names = {name for case in cases for name in case.series.leading_names}
    if not names:
        return ()
    without = replace(
        full,
        name=WITHOUT,
        about="the scaler's own forecast without its leading queries",
        shown=frozenset(),
        is_main_only=True,
    )
    singles = (
        replace(
            without,
            name=alone(name),
            about=f"the scaler's own forecast with the leading query {name} alone",
            shown=frozenset({name}),
        )
        for name in sorted(names)
    )
    return (without, *singles)


def is_variant(method: str) -> bool:
    """Return whether the method is ours with fewer leading queries."""
    return method == WITHOUT or method.startswith(f"{OURS}-with-")


def worth_of(number: int, case: Case, full: Method, bounds: Bounds) -> LeadingWorth | None:
    """Return what the leading queries of a case are worth on its main question, None without."""
    names = case.series.leading_names
    if not names:
        return None
    kept = _kept(case, full)
    together = _gain(number, case, OURS, bounds)
    return LeadingWorth(
        gain_ratio=together,
        indicators=tuple(
            Indicator(
                name=name,
                gain_ratio=(
                    together if len(names) == 1 else _gain(number, case, alone(name), bounds)
                ),
                is_kept=name in kept,
            )
            for name in names
        ),
    )


def _gain(number: int, case: Case, method: str, bounds: Bounds) -> float:
    """Return the share of the loss without leading queries that the method takes away."""
    horizon, quantile = case.questions.main
    lines = [
        bounds[Question(case=number, method=each, horizon_seconds=horizon, quantile=quantile)]
        for each in (WITHOUT, method)
    ]
    peaks = case.outcomes(horizon)
    known = ~np.isnan(np.stack([peaks, *lines])).any(axis=0)
    if not known.any():
        return float("nan")
    without, mine = (pinball(peaks[known], line[known], quantile) for line in lines)
    return 1.0 - mine / without if without > 0 else 0.0


def _kept(case: Case, full: Method) -> frozenset[str]:
    """Return the names that a fit on all of the history keeps."""
    horizon, quantile = case.questions.main
    task = Task(horizon_seconds=horizon, level=quantile, zone=case.zone, holidays=case.holidays)
    told = full.told(case.events)
    with one_blas_thread():
        fitted = told.forecaster.fit(case.series, task)
    return frozenset(gain.name for gain in gains(fitted) if gain.is_kept)


def sentences(worth: LeadingWorth) -> Iterator[str]:
    """Say what they are worth, one sentence for all and one for each."""
    if len(worth.indicators) == 1:
        only = worth.indicators[0]
        yield f"The leading query {only.name} {_changes(only.gain_ratio)}; {_fate(only)}."
        return
    yield f"With all leading queries the forecast {_changes(worth.gain_ratio)}."
    for each in worth.indicators:
        yield f"By itself {each.name} {_changes(each.gain_ratio)}; {_fate(each)}."


def _changes(gain_ratio: float) -> str:
    if np.isnan(gain_ratio):
        return "could not be scored"
    if abs(gain_ratio) < LEAST_GAIN_RATIO:
        return "does not change the loss"
    return f"{'lowers' if gain_ratio > 0 else 'raises'} the loss by {abs(gain_ratio):.0%}"


def _fate(indicator: Indicator) -> str:
    return "kept" if indicator.is_kept else "not kept at the newest fit, so it does no harm now"


def warnings(case: Case) -> Iterator[str]:
    """Say which leading queries have no history."""
    for missing in case.missing:
        yield missing_sentence(missing)
