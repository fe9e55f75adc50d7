"""What the forecast says now: bounds for the peaks of the next windows, short to long.

The seam for a library that offers a whole path: `look_ahead` alone knows how the bounds are made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from forecasting.default import default_forecaster
from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.plugins import installed_experts
from forecasting.several import fit_all, forecast_all
from scaler.capacity import replicas_for
from scaler.service import one_blas_thread
from simulations.backtest.case import Terms
from simulations.backtest.errors import BadInput
from simulations.backtest.inputs import Input

USUAL_HORIZONS_SECONDS = (300.0, 900.0, 1800.0, 3600.0, 5400.0, 7200.0)
MEDIAN = 0.5
Fits = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Bounds at the end of a series, by quantile and then horizon, and the one that counts."""

    given: Input
    terms: Terms
    bounds: tuple[Forecast, ...]
    main: Forecast  # for the lead time, at the trigger's quantile

    @property
    def replicas(self) -> int | None:
        """What the main bound needs, within warm floor and maxReplicas; None: no threshold."""
        if self.terms.threshold is None:
            return None
        needed = max(replicas_for(self.main.value, self.terms.threshold), self.terms.warm_floor)
        return needed if self.terms.max_replicas is None else min(needed, self.terms.max_replicas)

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
            "lead_time_seconds": self.main.horizon_seconds,
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
        }


def look_ahead(
    given: Input,
    terms: Terms,
    *,
    horizons_seconds: Sequence[float],
    quantiles: Sequence[float],
    lead_time_seconds: float,
    quantile: float,
    apply: Fits = map,
) -> Outlook:
    """Return the bounds at the end of the series; `apply` as in `fit_all`.

    Raises `BadInput` when nothing was observed.
    """
    asked = [
        Task(horizon_seconds=horizon, level=level, zone=given.zone)
        for level in sorted({*quantiles, quantile})
        for horizon in sorted({*horizons_seconds, lead_time_seconds})
    ]
    forecaster = default_forecaster(extra_experts=installed_experts())
    with one_blas_thread():
        fitted = fit_all(forecaster, [(given.series, task) for task in asked], apply=apply)
        try:
            bounds = forecast_all(fitted, given.series)
        except NotEnoughHistory as exc:
            raise BadInput(f"{given.name}: nothing was observed, so there is no forecast") from exc
    main = next(
        bound
        for bound in bounds
        if bound.level == quantile and bound.horizon_seconds == lead_time_seconds
    )
    return Outlook(given=given, terms=terms, bounds=bounds, main=main)
