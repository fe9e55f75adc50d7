"""Events that a history can't foretell: launches, campaigns, outages.

A forecaster in `WithEvents` learns from the history as it would have been without them, and its
answer is lifted while one is due. So a campaign does not come back next week, and the day after
an outage does not expect one.
"""

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import BoolVector, FloatVector
from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is different in [begin_at, end_at), in Unix seconds.

    `factor` multiplies the usual demand, `demand` is what is expected whatever is usual; an
    event with neither is an outage: its data says nothing, and nothing is expected of it.
    `every_seconds` repeats it, 604800 for each week.
    """

    begin_at: float
    end_at: float
    factor: float | None = None
    demand: float | None = None
    every_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.end_at > self.begin_at:
            raise ValueError(f"end_at must be > begin_at={self.begin_at!r}, got {self.end_at!r}")
        if self.factor is not None and not self.factor > 0:
            raise ValueError(f"factor must be > 0, got {self.factor!r}")
        if self.demand is not None and not self.demand >= 0:
            raise ValueError(f"demand must be >= 0, got {self.demand!r}")
        if self.every_seconds is not None and not self.every_seconds >= self.end_at - self.begin_at:
            raise ValueError("every_seconds must be at least as long as the event")

    def covers(self, times: FloatVector) -> BoolVector:
        """Return which of the times lie in the event or a repetition of it."""
        since = times - self.begin_at
        if self.every_seconds is not None:
            since = since % self.every_seconds
        return np.asarray((since >= 0) & (since < self.end_at - self.begin_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class WithEvents:
    """A forecaster that is told of events."""

    forecaster: Forecaster
    events: tuple[Event, ...]

    def fit(self, history: Series, task: Task) -> FittedForecaster:
        """Return the forecaster fitted on the usual part of `history`."""
        fitted = self.forecaster.fit(usual(history, self.events), task)
        return FittedWithEvents(fitted=fitted, events=self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedWithEvents:
    """A fitted forecaster that is told of events."""

    fitted: FittedForecaster
    events: tuple[Event, ...]

    @property
    def method(self) -> str:
        """Name of the method of the forecaster inside."""
        return self.fitted.method

    def forecast(self, history: Series) -> Forecast:
        """Return the usual bound, lifted by what is due in the window ahead."""
        forecast = self.fitted.forecast(usual(history, self.events))
        step = history.step_seconds
        n_ahead = max(1, int(np.ceil(forecast.horizon_seconds / step)))
        ahead = history.end_at + step * np.arange(1, n_ahead + 1, dtype=np.float64)
        factors, least = np.ones(n_ahead), 0.0
        for event in self.events:
            due = event.covers(ahead)
            if event.factor is not None:
                factors[due] *= event.factor
            if event.demand is not None and due.any():
                least = max(least, event.demand)
        return replace(forecast, value=max(least, forecast.value * float(factors.max())))


def usual(history: Series, events: tuple[Event, ...]) -> Series:
    """Return the history without its events: divided by factors, and unknown where it must be."""
    values = history.values.copy()
    for event in events:
        inside = event.covers(history.times)
        if event.factor is None or event.demand is not None:
            values[inside] = np.nan
        else:
            values[inside] /= event.factor
    return Series(start_at=history.start_at, step_seconds=history.step_seconds, values=values)
