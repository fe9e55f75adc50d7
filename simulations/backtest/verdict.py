"""The verdict in words, computed: whether prediction pays here, and what is not known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

import numpy as np

from forecasting.localtime import DAY_SECONDS
from simulations.backtest.capacity import MOST_HEADROOM, Played, spared
from simulations.backtest.leading import LeadingWorth, is_variant, sentences, warnings
from simulations.backtest.learning import Learning
from simulations.backtest.methods import OURS
from simulations.backtest.scoring import Row, Scored
from simulations.backtest.units import words

LEAST_SCORED_DAYS = 2.0
LEAST_LEARNT_DAYS = 4.0  # full accuracy: docs/forecasting.md
LEAST_SAVED_RATIO = 0.02  # less shortage saved than this is noise
CHEAPER_RATIO = 0.01
WORST_GAP_RATIO = 0.05
COVERAGE_SLACK = 0.05
RARE_WINDOWS = 5.0  # so many windows beyond the bound are expected, or its coverage is a guess


class Outcome(StrEnum):
    """The verdict in a word."""

    PAYS = "pays"
    DOES_NOT_PAY = "does not pay"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`headline` is one sentence; `reasons` and `unknowns` are sentences, most important first."""

    outcome: Outcome
    headline: str
    reasons: tuple[str, ...]
    unknowns: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in reading order."""
        return (self.headline, *self.reasons, *self.unknowns)


def judge(
    scored: Scored, learning: Learning | None = None, leading: LeadingWorth | None = None
) -> Verdict:
    """Return the verdict on our forecast at the main question."""
    ours = scored.row(OURS, scored.main)
    unknowns = tuple(_unknowns(scored, ours))
    if ours is None or ours.score.n_origins == 0:
        text = "Unknown whether prediction pays: no origin has both a forecast and an outcome."
        return Verdict(outcome=Outcome.UNKNOWN, headline=text, reasons=(), unknowns=unknowns)
    reactive = scored.reactive[scored.main.horizon_seconds]
    outcome = _outcome(scored, ours, reactive)
    reasons = (
        *_matched(scored, ours),
        *_days(ours, reactive),
        *_coverage(ours),
        *([scored.case.looks_ahead] if scored.case.looks_ahead else []),
        *_rivals(scored, ours),
        *(sentences(leading) if leading is not None else ()),
        *_learning(learning),
    )
    return Verdict(
        outcome=outcome,
        headline=_headline(outcome, scored, ours, reactive),
        reasons=reasons,
        unknowns=unknowns,
    )


def scored_days(scored: Scored) -> float:
    """Return the length of the span of origins in days."""
    origins = scored.case.origins()
    if origins.size == 0:
        return 0.0
    return float(origins[-1] - origins[0] + scored.case.questions.every_seconds) / DAY_SECONDS


def _outcome(scored: Scored, ours: Row, reactive: Played) -> Outcome:
    """Prediction pays when it saves shortage at less cost than plain headroom would."""
    if scored_days(scored) < LEAST_SCORED_DAYS - 1e-9 or _learnt_days(scored) < LEAST_SCORED_DAYS:
        return Outcome.UNKNOWN
    saved = spared(reactive.unserved, ours.played.unserved)
    if isnan(saved) or saved < LEAST_SAVED_RATIO or scored.matched is None:
        return Outcome.DOES_NOT_PAY
    _, twin = scored.matched
    is_cheaper = twin.capacity_seconds > (1 + CHEAPER_RATIO) * ours.played.capacity_seconds
    is_out_of_reach = twin.unserved > ours.played.unserved
    return Outcome.PAYS if is_cheaper or is_out_of_reach else Outcome.DOES_NOT_PAY


def _headline(outcome: Outcome, scored: Scored, ours: Row, reactive: Played) -> str:
    saved = spared(reactive.unserved, ours.played.unserved)
    more = -spared(reactive.capacity_seconds, ours.played.capacity_seconds)
    start = scored.case.terms.start_seconds or scored.main.horizon_seconds
    where = f"With pods that take {words(start)}"
    if isnan(saved):
        text = f"{where} the reactive scaler is never short in this span: there is nothing to save"
    elif saved < 0:
        text = f"{where} the forecast adds {-saved:.0%} to the shortage of the reactive scaler"
    else:
        cost = f"{more:.0%} more" if more >= 0 else f"{-more:.0%} less"
        text = (
            f"{where} the forecast saves {saved:.0%} of the shortage of the reactive scaler "
            f"at {cost} capacity"
        )
    heads = {
        Outcome.PAYS: "Prediction pays here.",
        Outcome.DOES_NOT_PAY: "Prediction does not pay here.",
        Outcome.UNKNOWN: "Unknown whether prediction pays: there is too little to learn from or to "
        "score.",
    }
    return f"{heads[outcome]} {text}."


def _matched(scored: Scored, ours: Row) -> Iterator[str]:
    if scored.matched is None:
        return
    headroom, twin = scored.matched
    reactive = scored.reactive[scored.main.horizon_seconds]
    if reactive.unserved <= ours.played.unserved:
        yield "The reactive scaler is short no more than the forecast, without any headroom."
    elif headroom >= MOST_HEADROOM and twin.unserved > ours.played.unserved:
        yield (
            f"A reactive scaler does not get there with any headroom up to {MOST_HEADROOM:g} times."
        )
    else:
        more = -spared(ours.played.capacity_seconds, twin.capacity_seconds)
        cost = f"{more:.0%} more" if more >= 0 else f"{-more:.0%} less"
        yield (
            f"A reactive scaler with {headroom:.2f} times the capacity it sees a need for is short "
            f"as little, at {cost} capacity than the forecast."
        )


def _days(ours: Row, reactive: Played) -> Iterator[str]:
    before, after = reactive.unserved_by_day, ours.played.unserved_by_day
    counted = before > 0
    if counted.any():
        better = int((after < before)[counted].sum())
        yield (
            f"The forecast is the less short one on {better} of the {int(counted.sum())} days on "
            "which the reactive scaler was short."
        )


def _coverage(ours: Row) -> Iterator[str]:
    share, level = ours.score.coverage_ratio, ours.asked.quantile
    text = f"The {level:g} bound held in {share:.1%} of {ours.score.n_origins} windows"
    if abs(share - level) > COVERAGE_SLACK:
        side = "too low" if share < level else "higher than asked"
        text += f": on this span it is {side}"
    yield f"{text}."


def _rivals(scored: Scored, ours: Row) -> Iterator[str]:
    others = [
        row
        for row in scored.rows
        if row.asked == scored.main
        and row.method != OURS
        and not is_variant(row.method)
        and row.score.n_origins
    ]
    comparable = [row for row in others if row.score.n_origins >= ours.score.n_origins]
    if not comparable or not ours.score.pinball > 0:
        return
    best = min(comparable, key=lambda row: row.score.pinball)
    quotient = ours.score.pinball / best.score.pinball if best.score.pinball > 0 else float("inf")
    if quotient < 1:
        text = f"Its pinball loss is {1 - quotient:.0%} below that of the best other method"
    else:
        text = f"Its pinball loss is not the lowest: {quotient:.2f} times that of the best method"
    yield f"{text}, {best.method}."


def _learning(learning: Learning | None) -> Iterator[str]:
    """Say from how many days of history on the forecast beats what needs none.

    Days count from the first number from which on all that were tried are good.
    """
    if learning is None or not learning.full > 0:
        return
    tried = sorted(learning.by_days)
    enabled = _from(tried, lambda days: learning.by_days[days] <= learning.yardstick)
    longest = words(tried[-1] * DAY_SECONDS)
    if enabled is None:
        yield (
            f"Do not enable with {longest} of history or less: the calibrated last value, which "
            "needs none, is better."
        )
    elif enabled > tried[0]:
        yield (
            f"Do not enable below {words(enabled * DAY_SECONDS)} of history: with less, the "
            "calibrated last value, which needs none, is better."
        )
    else:
        yield f"Already {words(enabled * DAY_SECONDS)} of history beat the calibrated last value."
    shown = ", ".join(
        f"{learning.by_days[days] / learning.full:.2f} times with {words(days * DAY_SECONDS)}"
        for days in tried
    )
    yield f"Against all of the history its loss is {shown}."


def _from(tried: Sequence[float], is_good: Callable[[float], bool]) -> float | None:
    """Return the first number of days from which on all are good, None when the last is not."""
    first = None
    for days in reversed(tried):
        if not is_good(days):
            break
        first = days
    return first


def _learnt_days(scored: Scored) -> float:
    origins = scored.case.origins()
    begin = float(origins[0]) if origins.size else scored.case.series.end_at
    return (begin - scored.case.series.start_at) / DAY_SECONDS


def _unknowns(scored: Scored, ours: Row | None) -> Iterator[str]:
    case, asked = scored.case, scored.main
    learnt, days = _learnt_days(scored), scored_days(scored)
    if case.ignored is not None:
        yield case.ignored
    yield from warnings(case)
    if learnt < LEAST_LEARNT_DAYS:
        yield (
            f"Not known how good it gets: {learnt:.1f} days of history lie before the scored "
            f"span, and the forecast needs about {LEAST_LEARNT_DAYS:g}."
        )
    if days < LEAST_SCORED_DAYS - 1e-9:
        yield f"Only {days:.1f} days are scored; that is too little to say that it lasts."
    if case.observed_ratio < 1 - WORST_GAP_RATIO:
        how = "were bridged" if case.is_bridged else "count as unknown, not as zero"
        yield f"{1 - case.observed_ratio:.1%} of the history is missing; gaps {how}."
    if case.series.step_seconds > asked.horizon_seconds:
        yield (
            f"A point every {words(case.series.step_seconds)} can't show the peak of "
            f"{words(asked.horizon_seconds)}: the window is one point."
        )
    n_windows = days * DAY_SECONDS / max(asked.horizon_seconds, case.series.step_seconds)
    if ours is not None and n_windows * (1 - asked.quantile) < RARE_WINDOWS:
        yield (
            f"{n_windows:.0f} windows that don't overlap say little about the "
            f"{asked.quantile:g} quantile."
        )
    if case.series.values.size and np.nanmax(case.series.values, initial=0.0) == 0:
        yield "Demand is zero throughout."
