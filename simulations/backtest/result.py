"""One case with everything that was found about it: what text, page, pictures and JSON show."""

from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.localtime import DAY_SECONDS
from simulations.backtest.advice import Advice
from simulations.backtest.asking import Bounds, Question
from simulations.backtest.case import Case
from simulations.backtest.leading import LeadingWorth
from simulations.backtest.methods import OURS
from simulations.backtest.scoring import Asked, Row, Scored
from simulations.backtest.units import words
from simulations.backtest.verdict import Outcome, Verdict, scored_days


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """A scored case, its bounds, and what they say. `number` is its place among the cases."""

    number: int
    scored: Scored
    bounds: Bounds
    verdict: Verdict
    advice: Advice | None
    leading: LeadingWorth | None = None

    def line(self, asked: Asked, method: str = OURS) -> FloatVector | None:
        """Return a method's bounds at the origins, None where it was not asked."""
        question = Question(
            case=self.number,
            method=method,
            horizon_seconds=asked.horizon_seconds,
            quantile=asked.quantile,
        )
        return self.bounds.get(question)

    @property
    def why_no_advice(self) -> str:
        """Why there is nothing to paste."""
        if self.verdict.outcome is Outcome.UNKNOWN:
            return (
                "Nothing is recommended: while it is unknown whether prediction pays, what costs "
                "least on this span is chance. Keep the defaults, and try again with more history."
            )
        return "Nothing is recommended: prewarm's forecast was not scored."

    @property
    def headline(self) -> str:
        """What was tested."""
        case = self.scored.case
        days = len(case.series) * case.series.step_seconds / DAY_SECONDS
        missing = 1.0 - case.observed_ratio
        gaps = f"{missing:.1%} missing" if missing > 0 else "no gaps"
        step = words(case.series.step_seconds)
        return f"{case.name}: {days:.1f} days, a point every {step}, {gaps}"

    @property
    def span(self) -> str:
        """What was scored."""
        case = self.scored.case
        origins = case.origins()
        if not origins.size:
            return "no origin: the history is shorter than the window ahead"
        begin, end = (
            datetime.fromtimestamp(float(at), case.zone) for at in (origins[0], origins[-1])
        )
        return (
            f"{origins.size} origins every {words(case.questions.every_seconds)} on "
            f"{scored_days(self.scored):.1f} days, {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} "
            f"{case.zone.key}; each forecast knows only what came before it"
        )

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain values; what is not known is null."""
        case = self.scored.case
        return {
            "series": case.name,
            "step_seconds": case.series.step_seconds,
            "n_points": len(case.series),
            "observed_ratio": case.observed_ratio,
            "n_origins": int(case.origins().size),
            "threshold": case.terms.threshold,
            "verdict": {
                "outcome": str(self.verdict.outcome),
                "sentences": list(self.verdict.sentences),
            },
            "leading": _leading(self.leading, case),
            "recommended": None if self.advice is None else asdict(self.advice),
            "why_nothing_is_recommended": None if self.advice else self.why_no_advice,
            "reactive": [
                {
                    "horizon_seconds": horizon,
                    "unserved": played.unserved,
                    "capacity_seconds": played.capacity_seconds,
                }
                for horizon, played in self.scored.reactive.items()
            ],
            "scores": [_row(row) for row in self.scored.rows],
        }


def _row(row: Row) -> dict[str, Any]:
    figures = {
        "n_origins": row.score.n_origins,
        "pinball": row.score.pinball,
        "relative_pinball": row.relative_pinball,
        "coverage_ratio": row.score.coverage_ratio,
        "interval_width": row.width,
        "wape_ratio": row.score.wape_ratio,
        "shortage": row.shortage,
        "excess": row.excess,
        "unserved": row.played.unserved,
        "short_seconds": row.played.short_seconds,
        "capacity_seconds": row.played.capacity_seconds,
    }
    return {
        "method": row.method,
        "horizon_seconds": row.asked.horizon_seconds,
        "quantile": row.asked.quantile,
        **{name: _plain(value) for name, value in figures.items()},
    }


def _leading(worth: LeadingWorth | None, case: Case) -> dict[str, Any]:
    """Return what the leading queries were worth, and which have no history."""
    return {
        "gain_ratio": None if worth is None else _plain(worth.gain_ratio),
        "indicators": [
            {"name": each.name, "gain_ratio": _plain(each.gain_ratio), "is_kept": each.is_kept}
            for each in (() if worth is None else worth.indicators)
        ],
        "missing": [{"name": each.name, "why": each.why} for each in case.missing],
    }


def _plain(value: float) -> float | None:
    """Return a number that JSON knows."""
    return value if isinstance(value, int) or isfinite(np.float64(value)) else None
