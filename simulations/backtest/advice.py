"""Which `quantile` and `leadTimeSeconds` to put into the trigger, and why.

They are chosen on the first half of the scored span and checked on the rest, which has no say in
them: the best of several on a span looks better there than it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.localtime import DAY_SECONDS
from simulations.backtest.asking import Bounds, Question
from simulations.backtest.capacity import Played, Stage, play, spared, stage_of
from simulations.backtest.case import USUAL_QUANTILE, Case
from simulations.backtest.methods import OURS
from simulations.backtest.scoring import Scored
from simulations.backtest.units import words
from simulations.backtest.verdict import RARE_WINDOWS

TIE_RATIO = 0.03  # costs that are as near are no reason to leave the default
USUAL_PRICE = 19.0  # 0.95 / 0.05: at this price the newsvendor's quantile is the default, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The keys to paste and the reasons for them."""

    quantile: float
    lead_time_seconds: float
    reasons: tuple[str, ...]

    @property
    def paste(self) -> str:
        """Trigger metadata as YAML."""
        return f'leadTimeSeconds: "{self.lead_time_seconds:g}"\nquantile: "{self.quantile:g}"'


def advise(number: int, scored: Scored, bounds: Bounds, *, price: float) -> Advice | None:
    """Return what costs least on the first half of the span, or None where nothing was scored.

    `price` is what a replica that is missing costs, in replicas that are idle.
    """
    is_ours = any(row.method == OURS and row.score.n_origins for row in scored.rows)
    halves = _halves(scored.case)
    if not is_ours or halves is None:
        return None
    first, rest = (
        _Part(number=number, case=scored.case, bounds=bounds, kept=kept, price=price)
        for kept in halves
    )
    main = scored.main.horizon_seconds
    quantiles = scored.case.questions.quantiles
    costs = {level: first.cost(main, level) for level in quantiles}
    quantile = _cheapest(costs)
    horizon, why_lead = _lead_time(scored, first, quantile)
    return Advice(
        quantile=quantile,
        lead_time_seconds=_lead_of(scored.case, horizon),
        reasons=(
            _why_quantile(quantile, costs, first, main),
            why_lead,
            _checked(rest, horizon, quantile),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """A part of the scored span: `kept` are places among the origins."""

    number: int
    case: Case
    bounds: Bounds
    kept: slice
    price: float

    @property
    def at(self) -> FloatVector:
        """The origins of the part."""
        return self.case.origins()[self.kept]

    @property
    def days(self) -> float:
        """Its length."""
        return float(self.at[-1] - self.at[0] + self.case.questions.every_seconds) / DAY_SECONDS

    def stage(self) -> Stage:
        """Return the part as it is played: for pods of one start-up time, whatever the window."""
        asked, terms = self.case.questions, self.case.terms
        longest = asked.horizon_seconds if terms.start_seconds is None else asked.longest_seconds
        return stage_of(self.case.series, self.at, terms, longest)

    def played(self, horizon_seconds: float, quantile: float) -> Played:
        """Return what came of a window and a quantile."""
        question = Question(
            case=self.number, method=OURS, horizon_seconds=horizon_seconds, quantile=quantile
        )
        return play(self.stage(), self.bounds[question][self.kept])

    def cost(self, horizon_seconds: float, quantile: float) -> float:
        """Return capacity paid for plus what the shortage is worth, in units of capacity."""
        played = self.played(horizon_seconds, quantile)
        threshold = self.case.terms.threshold or 1.0
        return played.capacity_seconds + self.price * played.unserved / threshold


def _halves(case: Case) -> tuple[slice, slice] | None:
    """Return the first half of the origins, and those whose windows begin after all of its own."""
    at = case.origins()
    if at.size < 2:  # noqa: PLR2004 - one for each part
        return None
    half = at.size // 2
    begin = int(np.searchsorted(at, at[half - 1] + case.questions.longest_seconds))
    return (slice(0, half), slice(begin, None)) if begin < at.size else None


def _cheapest(costs: Mapping[float, float]) -> float:
    """Return the cheapest quantile, or the default where it costs hardly more."""
    usual = costs.get(USUAL_QUANTILE, float("inf"))
    if usual <= (1 + TIE_RATIO) * min(costs.values()):
        return USUAL_QUANTILE
    return min(costs, key=lambda level: costs[level])


def _why_quantile(
    level: float, costs: Mapping[float, float], first: _Part, horizon_seconds: float
) -> str:
    if len(costs) == 1:
        return f"quantile {level:g}: the only one tested."
    mine = costs[level]
    others = ", ".join(
        f"{other:g} costs {cost / mine:.2f} times as much"
        for other, cost in costs.items()
        if other != level and mine > 0
    )
    is_cheapest = mine <= min(costs.values())
    default = f"the default, within {TIE_RATIO:.0%} of what costs least"
    why = "it costs least" if is_cheapest else default
    text = (
        f"quantile {level:g}: chosen on the first {first.days:.1f} days, where {why} if a missing "
        f"replica counts like {first.price:g} idle ones ({others})"
    )
    if level == max(costs) and is_cheapest:
        text += "; it is the highest tested, so try a higher one too"
    windows = first.days * DAY_SECONDS / horizon_seconds
    if windows * (1 - level) < RARE_WINDOWS:
        text += f"; {windows:.0f} windows are few to tell it from its neighbours"
    return f"{text}."


def _lead_time(scored: Scored, first: _Part, quantile: float) -> tuple[float, str]:
    """Return the window to forecast; only the pods' start-up time can decide it."""
    case, main = scored.case, scored.main.horizon_seconds
    start, horizons = case.terms.start_seconds, case.questions.horizons_seconds
    if start is None:
        return main, (
            f"{_asks(case, main)} Demand can't tell how long pods take to start: measure it from "
            "one more replica wanted until it answers, add 30 s for KEDA's poll and the HPA's "
            "sync, and give it as --start-up."
        )
    if len(horizons) == 1:
        return main, f"{_asks(case, main)} It is the only window tested."
    costs = {horizon: first.cost(horizon, quantile) for horizon in horizons}
    best = min(costs, key=lambda horizon: costs[horizon])
    others = ", ".join(
        f"{words(horizon)} costs {each / costs[best]:.2f} times as much"
        for horizon, each in costs.items()
        if horizon != best and costs[best] > 0
    )
    return best, (
        f"{_asks(case, best)} This window costs least for pods that take {words(start)} ({others})."
    )


def _asks(case: Case, horizon_seconds: float) -> str:
    """Say what the scaler makes of the lead time."""
    lead = _lead_of(case, horizon_seconds)
    if lead == horizon_seconds:
        return (
            f"leadTimeSeconds {lead:g}: the window scored. The scaler asks for "
            f"{words(case.beyond_seconds)} more, a step of the query and a tick."
        )
    return (
        f"leadTimeSeconds {lead:g}: with it the scaler asks for the window scored, "
        f"{words(horizon_seconds)}: the lead time, a step of the query and a tick."
    )


def _lead_of(case: Case, horizon_seconds: float) -> float:
    """Return the lead time with which the scaler asks for a window, the window if it is shorter."""
    lead = horizon_seconds - case.beyond_seconds
    return lead if lead >= 1 else horizon_seconds


def _checked(rest: _Part, horizon_seconds: float, quantile: float) -> str:
    """Say what the choice is worth where it was not made."""
    mine = rest.played(horizon_seconds, quantile)
    reactive = play(rest.stage(), None)
    saved = spared(reactive.unserved, mine.unserved)
    more = -spared(reactive.capacity_seconds, mine.capacity_seconds)
    text = f"Checked on the last {rest.days:.1f} days, which had no say in it: "
    if not reactive.unserved > 0:
        text += "there the reactive scaler is never short"
    else:
        word = "saves" if saved >= 0 else "adds"
        more_words = "more" if more >= 0 else "less"
        text += (
            f"it {word} {abs(saved):.0%} of the shortage of the reactive scaler at {abs(more):.0%} "
            f"{more_words} capacity"
        )
    costs = {level: rest.cost(horizon_seconds, level) for level in rest.case.questions.quantiles}
    best = min(costs, key=lambda level: costs[level])
    if best != quantile and costs[best] > 0:
        text += f"; {best:g} would have cost least there, {costs[best] / costs[quantile]:.2f} times"
        text += " as much"
    elif len(costs) > 1:
        text += "; no other quantile costs less there"
    return f"{text}."
