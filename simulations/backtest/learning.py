"""How much history our forecast needs here: the same origins with only the last days shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.limited import Limited
from forecasting.localtime import DAY_SECONDS
from forecasting.scores import pinball
from simulations.backtest.asking import Advance, Question, ask_all
from simulations.backtest.case import Case
from simulations.backtest.methods import CALIBRATED, OURS, Method, every_method
from simulations.backtest.scoring import learning_case

EVERY_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Pinball losses on the same origins: `by_days` of history, with all of it, and the yardstick.

    The yardstick is the calibrated last value with all of the history: what needs no days.
    """

    by_days: Mapping[float, float]
    full: float
    yardstick: float


def learning_of(
    case: Case,
    days: Sequence[float],
    *,
    full: Method,
    n_jobs: int = 1,
    advance: Advance = lambda _done, _all: None,
) -> Learning | None:
    """Return what fewer days of history cost `full`, our method, on the main question.

    Asked at origins half an hour apart.

    Only numbers of days that the history has before the scored span are tried; None without any.
    """
    thinned = learning_case(case, EVERY_SECONDS)
    known_seconds = case.begin_at - case.series.start_at
    tried = [each for each in days if known_seconds > each * DAY_SECONDS]
    if not tried or not thinned.origins().size:
        return None
    yardstick = every_method()[CALIBRATED]
    methods = [*(_shown(full, each) for each in tried), full, yardstick]
    bounds = ask_all([thinned], methods, n_jobs=n_jobs, advance=advance)
    asked = thinned.questions
    lines = [
        bounds[
            Question(
                case=0,
                method=method.name,
                horizon_seconds=asked.horizon_seconds,
                quantile=asked.quantile,
            )
        ]
        for method in methods
    ]
    losses = _losses(thinned.outcomes(asked.horizon_seconds), lines, asked.quantile)
    if losses is None:
        return None
    return Learning(
        by_days=dict(zip(tried, losses, strict=False)), full=losses[-2], yardstick=losses[-1]
    )


def _losses(
    peaks: FloatVector, lines: Sequence[FloatVector], level: float
) -> tuple[float, ...] | None:
    """Return the loss of each line on the origins that all of them know."""
    known = ~np.isnan(np.stack([peaks, *lines])).any(axis=0)
    if not known.any():
        return None
    return tuple(pinball(peaks[known], line[known], level) for line in lines)


def _shown(full: Method, days: float) -> Method:
    return Method(
        name=f"{OURS}-{days:g}-days",
        about=f"{OURS} with the last {days:g} days alone",
        forecaster=Limited(forecaster=full.forecaster, days=days),
        heeds_quantile=True,
        is_slow=True,
        heeds_events=True,
        heeds_leading=True,
    )
