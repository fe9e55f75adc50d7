"""Holt-Winters (Holt 1957; Winters 1960) through statsmodels, the classical reference.

Not in the default mixture: it forecasts a mean path, and its peak over the window is what this
expert answers, to be calibrated as any other. Additive trend, damped, and an additive day of
quarters of an hour, on logarithms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from forecasting.arrays import FloatVector
from forecasting.lessons import Lesson
from forecasting.localtime import DAY_SECONDS
from forecasting.past import Past
from forecasting.shape import Features

SLOT_SECONDS = 900.0
MIN_DAYS = 3
LEARN_DAYS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HoltWinters:
    """The path fitted at a refit, laid through the recent level at each tick."""

    name: str = "holt-winters"
    is_additive: bool = False
    method: str = "seasonal-naive"

    def fit(self, lesson: Lesson | None) -> "FittedHoltWinters | None":
        """Return the path of the next two days, or None for less than three days."""
        if lesson is None:
            return None
        past = lesson.past
        begin, end = lesson.places[0], lesson.places[-1]
        slot, n_day = past.steps(SLOT_SECONDS), round(DAY_SECONDS / SLOT_SECONDS)
        n_slots = min(int((end - begin) // slot), LEARN_DAYS * n_day)
        if n_slots < MIN_DAYS * n_day or slot * past.history.step_seconds != SLOT_SECONDS:
            return None
        places = end - slot * np.arange(n_slots, dtype=np.float64)[::-1]
        logs = past.logs(past.mean(places, SLOT_SECONDS))
        known = ~np.isnan(logs)
        logs = np.interp(np.arange(n_slots), np.flatnonzero(known), logs[known])
        # Fixed smoothing, as its users ship it: an optimiser takes seconds and may not converge.
        model = ExponentialSmoothing(
            logs, trend="add", damped_trend=True, seasonal="add", seasonal_periods=n_day,
            initialization_method="heuristic",
        )  # fmt: skip
        fitted = model.fit(
            smoothing_level=0.2, smoothing_trend=0.01, smoothing_seasonal=0.2, damping_trend=0.98,
            optimized=False,
        )  # fmt: skip
        ahead = np.asarray(fitted.forecast(3 * n_day), dtype=np.float64)
        return FittedHoltWinters(at=float(past.times(places[-1:])[0]), logs=ahead)

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> "FittedHoltWinters":
        """Return what `arrays` of the fitted expert gave."""
        return FittedHoltWinters(at=float(arrays["at"][0]), logs=arrays["logs"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedHoltWinters:
    """Means of the quarters of an hour after `at`, (n,), in logarithms."""

    at: float
    logs: FloatVector
    needs_usual_day: bool = True

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:
        """Return the recent level times how far the path rises in the window; NaN outside it."""
        here = (past.times(places) - self.at) / SLOT_SECONDS - 1.0
        n_ahead = max(1, round(past.task.horizon_seconds / SLOT_SECONDS))
        ahead = here[:, None] + np.arange(1, n_ahead + 1)
        slots = np.arange(self.logs.size)
        now = np.interp(here, slots, self.logs, left=np.nan, right=np.nan)
        peak = np.interp(ahead, slots, self.logs, left=np.nan, right=np.nan).max(axis=1)
        logs = features.log_level + np.maximum(peak - now, 0.0)
        return np.asarray(np.maximum(np.exp(logs) - past.offset, 0.0))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return all that was learnt."""
        return {"at": np.array([self.at]), "logs": self.logs}
