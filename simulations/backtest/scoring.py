"""From bounds to the rows of the table: scores at the origins, and what replicas made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.backtest import Score, score
from forecasting.scores import interval_width, pinball
from simulations.backtest.asking import Bounds, Question
from simulations.backtest.capacity import Played, Stage, headroom_for, play, stage_of
from simulations.backtest.case import Case
from simulations.backtest.methods import NAIVE, OURS, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A horizon and a quantile."""

    horizon_seconds: float
    quantile: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One method on one question.

    `relative_pinball` is its pinball loss over that of yesterday's peak, on the origins where both
    are known. `width` is the mean distance from the method's own bound at the lowest quantile
    asked for up to this one; NaN at that one, and for a method with one figure for all.
    `shortage` and `excess` are the peaks' demand beyond the bound and the bound beyond the peaks,
    times the seconds between two origins, summed.
    """

    method: str
    asked: Asked
    score: Score
    relative_pinball: float
    width: float
    shortage: float
    excess: float
    played: Played


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """All rows of a case, with the reactive scaler and its twin that is as seldom short as ours."""

    case: Case
    rows: tuple[Row, ...]
    reactive: dict[float, Played]  # by horizon
    matched: tuple[float, Played] | None  # headroom and play of a reactive scaler as good as ours

    def row(self, method: str, asked: Asked) -> Row | None:
        """Return one row, None where the method was not asked."""
        return next((row for row in self.rows if row.method == method and row.asked == asked), None)

    @property
    def main(self) -> Asked:
        """The question that the verdict is about."""
        asked = self.case.questions
        return Asked(horizon_seconds=asked.horizon_seconds, quantile=asked.quantile)


def score_case(number: int, case: Case, methods: Sequence[Method], bounds: Bounds) -> Scored:
    """Return the rows of one case, method by method for each horizon and quantile."""
    questions = case.questions
    origins = case.origins()
    rows: list[Row] = []
    reactive: dict[float, Played] = {}
    matched = None
    for horizon in questions.horizons_seconds if origins.size else ():
        peaks = case.outcomes(horizon)
        stage = stage_of(case.series, origins, case.terms, horizon)
        reactive[horizon] = play(stage, None)
        for quantile in questions.quantiles:
            asked = Asked(horizon_seconds=horizon, quantile=quantile)
            for method in methods:
                pick = _Pick(number=number, method=method.name, asked=asked, bounds=bounds)
                if method.is_main_only and pick.of() is None:
                    continue
                rows.append(_row(pick, peaks, stage, case, heeds_quantile=method.heeds_quantile))
        main = next((row for row in rows if _is_main(row, horizon, case)), None)
        if main is not None:
            matched = headroom_for(stage, main.played.unserved)
    return Scored(case=case, rows=tuple(rows), reactive=reactive, matched=matched)


def _is_main(row: Row, horizon_seconds: float, case: Case) -> bool:
    asked = case.questions
    return (
        row.method == OURS
        and row.asked.horizon_seconds == horizon_seconds == asked.horizon_seconds
        and row.asked.quantile == asked.quantile
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pick:
    """Where a row's bounds are found."""

    number: int
    method: str
    asked: Asked
    bounds: Bounds

    def of(self, *, method: str | None = None, quantile: float | None = None) -> FloatVector | None:
        """Return the bounds, or those of another method or quantile; None where not asked."""
        question = Question(
            case=self.number,
            method=method or self.method,
            horizon_seconds=self.asked.horizon_seconds,
            quantile=quantile or self.asked.quantile,
        )
        return self.bounds.get(question)


def _row(pick: _Pick, peaks: FloatVector, stage: Stage, case: Case, *, heeds_quantile: bool) -> Row:
    mine = pick.of()
    if mine is None:
        raise KeyError(f"{pick.method} was not asked for {pick.asked}")
    found = score(peaks, mine, pick.asked.quantile)
    lowest = case.questions.quantiles[0]
    has_width = heeds_quantile and pick.asked.quantile > lowest
    lower = pick.of(quantile=lowest) if has_width else None
    seconds = found.n_origins * case.questions.every_seconds
    return Row(
        method=pick.method,
        asked=pick.asked,
        score=found,
        relative_pinball=_relative(peaks, mine, pick.of(method=NAIVE), pick.asked.quantile),
        width=float("nan") if lower is None else _width(mine, lower),
        shortage=found.shortage * seconds,
        excess=found.excess * seconds,
        played=play(stage, mine),
    )


def _relative(
    peaks: FloatVector, mine: FloatVector, naive: FloatVector | None, level: float
) -> float:
    if naive is None:
        return float("nan")
    known = ~(np.isnan(peaks) | np.isnan(mine) | np.isnan(naive))
    if not known.any():
        return float("nan")
    yardstick = pinball(peaks[known], naive[known], level)
    return pinball(peaks[known], mine[known], level) / yardstick if yardstick > 0 else float("nan")


def _width(upper: FloatVector, lower: FloatVector) -> float:
    known = ~(np.isnan(upper) | np.isnan(lower))
    return interval_width(upper[known], lower[known]) if known.any() else float("nan")


def learning_case(case: Case, every_seconds: float) -> Case:
    """Return the case with its main question alone, at origins further apart."""
    asked = case.questions
    return replace(
        case,
        questions=replace(
            asked,
            horizons_seconds=(asked.horizon_seconds,),
            quantiles=(asked.quantile,),
            every_seconds=max(every_seconds, asked.every_seconds),
        ),
    )
