"""Which `quantile` and `leadTimeSeconds` to put into the trigger, and why."""

from dataclasses import dataclass
from math import isnan

from forecasting.localtime import DAY_SECONDS
from simulations.backtest.asking import Bounds, Question
from simulations.backtest.capacity import Played, play, stage_of
from simulations.backtest.case import USUAL_QUANTILE
from simulations.backtest.methods import OURS
from simulations.backtest.scoring import Row, Scored
from simulations.backtest.units import words
from simulations.backtest.verdict import RARE_WINDOWS, scored_days

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
    """Return what costs least on the scored span, or None where nothing was scored.

    `price` is what a replica that is missing costs, in replicas that are idle.
    """
    rows = [row for row in scored.rows if row.method == OURS and row.score.n_origins]
    main = scored.main
    at_main = [row for row in rows if row.asked.horizon_seconds == main.horizon_seconds]
    if not at_main:
        return None
    best = _best(at_main, scored, price)
    lead, why_lead = _lead_time(number, scored, bounds, best.asked.quantile, price)
    return Advice(
        quantile=best.asked.quantile,
        lead_time_seconds=lead,
        reasons=(_why_quantile(best, at_main, scored, price), why_lead),
    )


def _best(rows: list[Row], scored: Scored, price: float) -> Row:
    """Return the cheapest row, or that of the default where it costs hardly more."""
    least = min(cost(row.played, scored, price) for row in rows)
    for row in rows:
        is_tie = cost(row.played, scored, price) <= (1 + TIE_RATIO) * least
        if row.asked.quantile == USUAL_QUANTILE and is_tie:
            return row
    return min(rows, key=lambda row: cost(row.played, scored, price))


def cost(played: Played, scored: Scored, price: float) -> float:
    """Return capacity paid for plus what the shortage is worth, in units of capacity."""
    threshold = scored.case.terms.threshold or 1.0
    return played.capacity_seconds + price * played.unserved / threshold


def _why_quantile(best: Row, rows: list[Row], scored: Scored, price: float) -> str:
    levels = [row.asked.quantile for row in rows]
    level = best.asked.quantile
    if len(levels) == 1:
        return f"quantile {level:g}: the only one tested."
    others = ", ".join(
        f"{row.asked.quantile:g} costs {cost(row.played, scored, price) / least:.2f} times as much"
        for row in rows
        if row is not best and (least := cost(best.played, scored, price)) > 0
    )
    mine = cost(best.played, scored, price)
    is_cheapest = all(mine <= cost(row.played, scored, price) for row in rows)
    why = (
        "it costs least"
        if is_cheapest
        else (f"the default, within {TIE_RATIO:.0%} of what costs least")
    )
    text = (
        f"quantile {level:g}: {why} where a missing replica counts like {price:g} idle "
        f"ones ({others})"
    )
    if level == levels[-1] and is_cheapest:
        text += "; it is the highest tested, so try a higher one too"
    windows = scored_days(scored) * DAY_SECONDS / best.asked.horizon_seconds
    if windows * (1 - level) < RARE_WINDOWS:
        text += f"; {windows:.0f} windows are few to tell it from its neighbours"
    return f"{text}."


def _lead_time(
    number: int, scored: Scored, bounds: Bounds, quantile: float, price: float
) -> tuple[float, str]:
    """Return the horizon to forecast; only the pods' start-up time can decide it."""
    main, start = scored.main.horizon_seconds, scored.case.terms.start_seconds
    horizons = scored.case.questions.horizons_seconds
    if start is None:
        return main, (
            f"leadTimeSeconds {main:g}: taken as given. Demand can't tell how long pods take to "
            "start: measure it from one more replica wanted until it answers, add 30 s for KEDA's "
            "poll and the HPA's sync, and give it as --start-up."
        )
    if len(horizons) == 1:
        return main, f"leadTimeSeconds {main:g}: the only one tested."
    costs = {}
    for horizon in horizons:
        question = Question(case=number, method=OURS, horizon_seconds=horizon, quantile=quantile)
        stage = stage_of(scored.case.series, scored.case.origins(), scored.case.terms, horizons[-1])
        costs[horizon] = cost(play(stage, bounds[question]), scored, price)
    best = min(costs, key=lambda horizon: costs[horizon])
    others = ", ".join(
        f"{horizon:g} costs {each / costs[best]:.2f} times as much"
        for horizon, each in costs.items()
        if horizon != best and costs[best] > 0 and not isnan(each)
    )
    return best, (
        f"leadTimeSeconds {best:g}: it costs least for pods that take {words(start)} ({others})."
    )
