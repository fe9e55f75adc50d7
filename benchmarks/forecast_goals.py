"""The goals of the project's issue on forecasting, computed from the scores of one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from forecast_protocol import geometric_mean
from forecast_rivals import AS_SHIPPED, KEDASTRAL_SETTINGS, REFERENCE_SET, RIVALS, calibrated_names
from forecast_scores import Scores, Summary

OURS = "prewarm"
AT_MOST, AT_LEAST = "<=", ">="
CALIBRATED = tuple(name for rival in RIVALS for name in calibrated_names(rival))
KEDASTRAL = "Kedastral-like, as shipped"
NO_GOAL = (np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure for each horizon beside what it should be; NaN is "not run" or "no goal"."""

    name: str
    values: Sequence[float]
    limits: Sequence[float]
    sense: str = AT_MOST
    form: str = ".3f"

    @property
    def verdict(self) -> str:
        """What is said of it: met, not met, no goal, or not run."""
        if np.isnan(self.limits).all():
            return "for information"
        if np.isnan(self.values).any():
            return "not run"
        pairs = zip(self.values, self.limits, strict=True)
        met = [v <= aim if self.sense == AT_MOST else v >= aim for v, aim in pairs]
        if all(met):
            return "met"
        return "not met" if not any(met) else f"met at {sum(met)} of {len(met)}"


def quotient(mine: dict[str, float], theirs: dict[str, float]) -> tuple[float, float]:
    """Return the geometric mean of mine over theirs, and the share of series where mine is less."""
    both = [series for series in mine if series in theirs]
    if not both:
        return np.nan, np.nan
    quotients = [mine[series] / max(theirs[series], 1e-9) for series in both]
    return geometric_mean(quotients), float(np.mean(np.array(quotients) < 1.0))


def goals(scores: Scores, method: str = OURS) -> list[Goal]:
    """Return every goal with its value at each horizon of the run."""
    horizons = scores.horizons
    limits = {5: 0, 15: 1, 30: 2}

    def row(name: str, value: Callable[[int], float], at: Sequence[float], **more: str) -> Goal:
        return Goal(
            name=name, values=[value(h) for h in horizons],
            limits=[at[limits[h]] for h in horizons], **more,
        )  # fmt: skip

    def summary(level: float, field: str) -> Callable[[int], float]:
        def value(horizon: int) -> float:
            found: Summary | None = scores.summary(method, horizon, level)
            return np.nan if found is None else float(getattr(found, field))

        return value

    def against(methods: Sequence[str], level: float, place: int) -> Callable[[int], float]:
        def value(horizon: int) -> float:
            theirs = scores.best(methods, horizon, level)
            return quotient(scores.ratios(method, horizon, level), theirs)[place]

        return value

    def best_setting(horizon: int) -> float:
        found = [scores.summary(name, horizon, 0.9) for name in KEDASTRAL_SETTINGS]
        mine = scores.summary(method, horizon, 0.9)
        known = [one.ratio for one in found if one is not None]
        return mine.ratio / min(known) if mine is not None and known else np.nan

    everything = (*AS_SHIPPED, *CALIBRATED)
    three = (1.0, 1.0, 1.0)
    return [
        row("p90, geometric mean", summary(0.9, "ratio"), (0.135, 0.23, 0.305)),
        row("  stretch", summary(0.9, "ratio"), (0.125, 0.21, 0.28)),
        row("p95, geometric mean", summary(0.95, "ratio"), (0.093, 0.165, 0.22)),
        row("p90, worst series", summary(0.9, "worst"), (0.7, 0.45, 0.7), form=".2f"),
        row("p90 / best rival as shipped (the six of the goal)",
            against(REFERENCE_SET, 0.9, 0), (0.45, 0.45, 0.45)),
        row("  share of series won", against(REFERENCE_SET, 0.9, 1), three,
            sense=AT_LEAST, form=".0%"),
        row("p90 / best rival as shipped (all here)", against(AS_SHIPPED, 0.9, 0), NO_GOAL),
        row("  share of series won", against(AS_SHIPPED, 0.9, 1), NO_GOAL, form=".0%"),
        row("p90 / best of all, calibrated too", against(everything, 0.9, 0), NO_GOAL),
        row("  share of series won", against(everything, 0.9, 1), NO_GOAL, form=".0%"),
        row("p90 / last +conf", against(("last +conf",), 0.9, 0), (0.62, 0.45, 0.36)),
        row("p90 / Kedastral-like as shipped", against((KEDASTRAL,), 0.9, 0), (0.3, 0.2, 0.1)),
        row("p90 / Kedastral-like, best setting", best_setting, (0.6, 0.6, 0.6)),
        row("p90 coverage, mean: at least", summary(0.9, "coverage"), (0.88,) * 3, sense=AT_LEAST),
        row("  at most", summary(0.9, "coverage"), (0.93,) * 3),
        row("  least of a series", summary(0.9, "least_coverage"), (0.85,) * 3, sense=AT_LEAST),
        row("p95 coverage, mean: at least", summary(0.95, "coverage"), (0.93,) * 3, sense=AT_LEAST),
        row("  at most", summary(0.95, "coverage"), (0.97,) * 3),
        row("  least of a series", summary(0.95, "least_coverage"), (0.9,) * 3, sense=AT_LEAST),
    ]  # fmt: skip


def cost_goals(scores: Scores, method: str = OURS) -> list[Goal]:
    """Return the goals on cost: seconds of processor time."""
    if method not in scores.methods:
        return []
    fit, tick = scores.costs(method)
    return [
        Goal(name="refit, s per series, horizon and level", values=[fit], limits=[0.06]),
        # The goal on a tick is one on its p99 minute by minute: `forecast_cost.py` judges it.
        Goal(
            name="a tick after ten minutes, ms", values=[1000 * tick], limits=[np.nan], form=".2f"
        ),
    ]
