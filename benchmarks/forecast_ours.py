"""Prewarm's own forecasters under the protocol: refitted daily, asked at every origin.

Costs are processor seconds: of a daily refit that goes on from the one before, and of a tick.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import DAY_SECONDS, Case, Method, cpu_seconds

from forecasting.arrays import FloatVector
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.leading import WithLeading
from forecasting.mixture import Mixture
from forecasting.series import Series


def by_protocol(make: Callable[[], Forecaster]) -> Method:
    """Return the method that fits a forecaster on each new day and asks it at each origin."""

    def bounds(case: Case) -> tuple[FloatVector, float, float]:
        task = Task(
            horizon_seconds=case.horizon_minutes * 60.0, level=case.level, zone=ZoneInfo("UTC")
        )
        found = np.full(case.origins.size, np.nan)
        fitted: FittedForecaster | None = None
        day, fits, asks = -1.0, [], []
        for line in np.flatnonzero(case.is_scored):
            history = case.until(int(case.origins[line]))
            today = history.end_at // DAY_SECONDS
            begun = cpu_seconds()
            if fitted is None or today != day:
                fitted, day = _fit(make(), history, task, fitted), today
                fits.append(cpu_seconds() - begun)
                begun = cpu_seconds()
            found[line] = fitted.forecast(history).value
            asks.append(cpu_seconds() - begun)
        refits = fits[1:] or fits  # the first walks through six days, a refit through one
        return found, float(np.mean(refits)), float(np.median(asks))

    return bounds


def _fit(
    forecaster: Forecaster, history: Series, task: Task, previous: FittedForecaster | None
) -> FittedForecaster:
    if isinstance(forecaster, Mixture | WithLeading):
        return forecaster.fit(history, task, previous=previous)
    return forecaster.fit(history, task)
