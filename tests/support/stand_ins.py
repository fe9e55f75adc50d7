"""Forecasters whose answer a test can work out by hand."""

from dataclasses import dataclass, field

import numpy as np

from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.series import Series


@dataclass(frozen=True)
class FittedWindowMaximum:
    task: Task
    method: str = "window-maximum"

    def forecast(self, history: Series) -> Forecast:
        """Return the maximum of the same window yesterday, else the last value."""
        day = round(86_400 / history.step_seconds)
        horizon = round(self.task.horizon_seconds / history.step_seconds)
        if np.isnan(history.last_observed):
            raise NotEnoughHistory
        window = history.values[len(history) - day : len(history) - day + horizon]
        known = window[~np.isnan(window)] if len(history) >= day else window[:0]
        return Forecast(
            issued_at=history.end_at,
            horizon_seconds=self.task.horizon_seconds,
            level=self.task.level,
            value=float(known.max()) if known.size else history.last_observed,
            method=self.method,
        )


@dataclass(frozen=True)
class WindowMaximum:
    def fit(self, history: Series, task: Task) -> FittedWindowMaximum:
        del history
        return FittedWindowMaximum(task)


@dataclass(frozen=True)
class Recording:
    """Notes the histories that it was fitted on."""

    histories: list[Series] = field(default_factory=list)

    def fit(self, history: Series, task: Task) -> FittedWindowMaximum:
        self.histories.append(history)
        return FittedWindowMaximum(task)


@dataclass(frozen=True)
class Failing:
    """Raises in `fit`, or hands out a model that raises."""

    in_fit: bool = True

    def fit(self, history: Series, task: Task) -> "Failing":
        del history, task
        if self.in_fit:
            raise ZeroDivisionError("told to fail")
        return self

    @property
    def method(self) -> str:
        return "failing"

    def forecast(self, history: Series) -> Forecast:
        del history
        raise ZeroDivisionError("told to fail")
