"""A forecaster that is shown only the last days: what it would be worth with a young history."""

from dataclasses import dataclass

from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """`forecaster` on a history that began `days` before its fit."""

    forecaster: Forecaster
    days: float

    def fit(self, history: Series, task: Task) -> FittedForecaster:
        """Return the forecaster fitted on the last `days`."""
        begin_at = history.end_at - self.days * DAY_SECONDS
        known = history.between(begin_at, history.end_at)
        return FittedLimited(begin_at=begin_at, fitted=self.forecaster.fit(known, task))


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLimited:
    """A fitted forecaster that never sees what lies before `begin_at`."""

    begin_at: float
    fitted: FittedForecaster

    @property
    def method(self) -> str:
        """Name of the method in use."""
        return self.fitted.method

    def forecast(self, history: Series) -> Forecast:
        """Return the bound for the window after `history.end_at`."""
        return self.fitted.forecast(history.between(self.begin_at, history.end_at))
