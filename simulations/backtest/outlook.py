"""What the forecast says now: bounds for the peaks of the next windows, and a path of two days.

`look_ahead` alone knows how the bounds are made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from forecasting.arrays import read_only
from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Forecaster, Task
from forecasting.path import Path, PathTask, path
from forecasting.several import fit_all, forecast_all
from forecasting.windows import n_steps
from scaler.capacity import replicas_for
from scaler.service import one_blas_thread
from scaler.work import forecaster_of
from simulations.backtest.case import Terms
from simulations.backtest.companions import missing_sentence
from simulations.backtest.errors import BadInput
from simulations.backtest.inputs import Input
from simulations.backtest.of_trigger import told_of, window_seconds
from simulations.backtest.units import words

USUAL_HORIZONS_SECONDS = (300.0, 900.0, 1800.0, 3600.0, 5400.0, 7200.0)
MEDIAN = 0.5
PATH_SECONDS = 48 * 3600.0
PATH_STEP_SECONDS = 600.0
Fits = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Bounds at the end of a series, by quantile and then horizon, and the one that counts."""

    given: Input
    terms: Terms
    bounds: tuple[Forecast, ...]
    main: Forecast  # for the lead time, at the trigger's quantile
    path: Path  # the peak of each of the next windows, two days ahead
    lead_time_seconds: float
    ignored: tuple[str, ...] = ()  # keys of the trigger that count for nothing here

    @property
    def needed(self) -> int | None:
        """Replicas that carry the main bound, the warm floor at least; None: no threshold."""
        if self.terms.threshold is None:
            return None
        return max(replicas_for(self.main.value, self.terms.threshold), self.terms.warm_floor)

    @property
    def replicas(self) -> int | None:
        """What is needed, as far as maxReplicas allows it; None: no threshold."""
        if self.needed is None or self.terms.max_replicas is None:
            return self.needed
        return min(self.needed, self.terms.max_replicas)

    @property
    def not_carried(self) -> float | None:
        """Demand of the main bound beyond what those replicas carry; None: no threshold."""
        if self.terms.threshold is None or self.replicas is None:
            return None
        return max(0.0, self.main.value - self.replicas * self.terms.threshold)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what the bounds can't tell, most important first."""
        found = [f"Ignored here: {', '.join(self.ignored)}."] if self.ignored else []
        found += [missing_sentence(each) for each in self.given.missing]
        horizons = {bound.horizon_seconds for bound in self.bounds}
        step = self.given.series.step_seconds
        finer = [words(each) for each in sorted(horizons) if each < step]
        if finer:
            found.append(
                f"A point every {words(step)} can't show the peak of {', '.join(finer)}: the "
                "window is one point."
            )
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        series = self.given.series
        newest = float(series.values[-1]) if len(series) else float("nan")
        return {
            "series": self.given.name,
            "issued_at": series.end_at,
            "step_seconds": series.step_seconds,
            "observed": newest if isfinite(newest) else None,
            "replicas": self.replicas,
            "replicas_needed": self.needed,
            "replicas_allowed": self.terms.max_replicas,
            "demand_not_carried": self.not_carried,
            "lead_time_seconds": self.lead_time_seconds,
            "horizon_seconds": self.main.horizon_seconds,
            "leading": list(series.leading_names),
            "ignored": list(self.ignored),
            "warnings": list(self.warnings),
            "quantile": self.main.level,
            "bounds": [
                {
                    "horizon_seconds": bound.horizon_seconds,
                    "until_at": bound.issued_at + bound.horizon_seconds,
                    "quantile": bound.level,
                    "value": bound.value,
                    "method": bound.method,
                }
                for bound in self.bounds
            ],
            "path": {
                "step_seconds": self.path.step_seconds,
                "method": self.path.method,
                "until_at": self.path.ends_at.tolist(),
                "bounds": [
                    {"quantile": level, "values": self.path.level(level).tolist()}
                    for level in self.path.levels
                ],
            },
        }


def look_ahead(
    given: Input,
    terms: Terms,
    *,
    forecaster: Forecaster,
    horizons_seconds: Sequence[float],
    quantiles: Sequence[float],
    lead_time_seconds: float,
    quantile: float,
    is_window: bool = True,
    apply: Fits = map,
) -> Outlook:
    """Return the bounds at the end of the series; `apply` as in `fit_all`.

    `is_window`: the lead time is the window itself; else it is as long as the scaler makes it.

    Raises `BadInput` when nothing was observed.
    """
    told, window = told_of(given), lead_time_seconds
    if given.trigger is not None and not is_window:
        window = window_seconds(given, lead_time_seconds)
    asked = [
        Task(horizon_seconds=horizon, level=level, zone=given.zone, holidays=told.holidays)
        for level in sorted({*quantiles, quantile})
        for horizon in sorted({*horizons_seconds, window})
    ]
    if given.trigger is not None:
        forecaster = forecaster_of(forecaster, given.trigger.plan)
    with one_blas_thread():
        fitted = fit_all(forecaster, [(given.series, task) for task in asked], apply=apply)
        try:
            bounds = forecast_all(fitted, given.series)
        except NotEnoughHistory as exc:
            raise BadInput(f"{given.name}: nothing was observed, so there is no forecast") from exc
    asked_ahead = path_task(given, quantiles=(*quantiles, quantile), holidays=told.holidays)
    ahead = path(given.series, asked_ahead, events=told.events)
    main = next(
        bound for bound in bounds if bound.level == quantile and bound.horizon_seconds == window
    )
    return Outlook(
        given=given,
        terms=terms,
        bounds=bounds,
        main=main,
        path=_capped(ahead, bounds, given.series.step_seconds),
        lead_time_seconds=lead_time_seconds,
        ignored=told.ignored,
    )


def _capped(ahead: Path, bounds: Sequence[Forecast], step_seconds: float) -> Path:
    """Return the path, no window of it above a direct bound of a span that holds the window.

    The peak of a span is never below that of a window inside it, so neither is its quantile; the
    direct bounds come from the better model.
    """
    capped = ahead.bounds.copy()
    for bound in bounds:
        until_at = bound.issued_at + n_steps(bound.horizon_seconds, step_seconds) * step_seconds
        inside = ahead.ends_at <= until_at + 1e-6  # a window is as long as its whole steps
        line = capped[ahead.levels.index(bound.level)]
        line[inside] = np.minimum(line[inside], bound.value)
    return replace(ahead, bounds=read_only(capped))


def path_task(
    given: Input, *, quantiles: Sequence[float], holidays: frozenset[int] = frozenset()
) -> PathTask:
    """Return the question of the path: two days of ten minutes, or of the series' own steps."""
    step = max(PATH_STEP_SECONDS, given.series.step_seconds)
    return PathTask(
        until_seconds=max(PATH_SECONDS, step),
        step_seconds=step,
        levels=tuple(quantiles),
        zone=given.zone,
        holidays=holidays,
    )
