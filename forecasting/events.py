"""Events that a history can't foretell: launches, campaigns, outages.

A forecaster in `WithEvents` learns from the history as it would have been without them, and its
answer is lifted while one is due. So a campaign does not come back next week, and the day after
an outage does not expect one. Past events are no mistake: they go on cleaning the history.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from forecasting.arrays import BoolVector, FloatVector
from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.refit import fit_on, needs_refit, up_to_date
from forecasting.series import Series
from forecasting.several import at_horizon, is_elastic
from forecasting.windows import n_steps


class Happening(Protocol):
    """Something that is different at certain times: an `Event`, or one with a calendar of its own.

    `factor` multiplies the usual demand, `demand` is what is expected whatever is usual; with
    neither it is an outage: its data says nothing, and nothing is expected of it.
    """

    @property
    def factor(self) -> float | None:
        """What the usual demand is multiplied by."""
        ...

    @property
    def demand(self) -> float | None:
        """What is expected at least, in the unit of the series."""
        ...

    def covers(self, times: FloatVector) -> BoolVector:
        """Return which of the times, in order, it is different at."""
        ...

    def turns(self, begin_at: float, end_at: float) -> FloatVector:
        """Return when it begins or ends in [begin_at, end_at], Unix seconds, in any order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is different in [begin_at, end_at), in Unix seconds.

    `every_seconds` repeats it, 604800 for each week of a zone without daylight saving.
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

    def turns(self, begin_at: float, end_at: float) -> FloatVector:
        """Return when it, or a repetition of it, begins or ends in [begin_at, end_at]."""
        edges = np.array([self.begin_at, self.end_at])
        if self.every_seconds is not None:
            first = np.floor((begin_at - self.end_at) / self.every_seconds)
            last = np.ceil((end_at - self.begin_at) / self.every_seconds)
            shifts = self.every_seconds * np.arange(first, last + 1)
            edges = (edges[:, None] + shifts).ravel()
        return np.asarray(edges[(edges >= begin_at) & (edges <= end_at)])


@dataclass(frozen=True, slots=True, kw_only=True)
class WithEvents:
    """A forecaster that is told of events."""

    forecaster: Forecaster
    events: tuple[Happening, ...]

    @property
    def is_elastic(self) -> bool:
        """As the forecaster inside is."""
        return is_elastic(self.forecaster)

    def fit(
        self,
        history: Series,
        task: Task,
        *,
        previous: FittedForecaster | None = None,
        has_drifted: bool = False,
    ) -> FittedForecaster:
        """Return the forecaster fitted on the usual part of `history`, see `refit.fit_on`."""
        inner = previous.fitted if isinstance(previous, FittedWithEvents) else previous
        known = usual(history, self.events)
        fitted = fit_on(self.forecaster, known, task, previous=inner, has_drifted=has_drifted)
        return FittedWithEvents(fitted=fitted, task=task, events=self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedWithEvents:
    """A fitted forecaster that is told of events."""

    fitted: FittedForecaster
    task: Task
    events: tuple[Happening, ...]

    @property
    def method(self) -> str:
        """Name of the method of the forecaster inside."""
        return self.fitted.method

    def needs_refit(self, history: Series) -> bool:
        """Return whether the forecaster inside asks for a refit."""
        return needs_refit(self.fitted, usual(history, self.events))

    def at_horizon(self, history: Series, horizon_seconds: float) -> "FittedWithEvents":
        """Return the same for another window, see `FittedMixture.at_horizon`."""
        fitted = at_horizon(self.fitted, usual(history, self.events), horizon_seconds)
        asked = replace(self.task, horizon_seconds=horizon_seconds)
        return replace(self, fitted=fitted, task=asked)

    def up_to_date(self) -> "FittedWithEvents":
        """Return the same with the forecaster inside up to date."""
        return replace(self, fitted=up_to_date(self.fitted))

    def forecast(self, history: Series) -> Forecast:
        """Return the usual bound, lifted by what is due in the window ahead."""
        step = history.step_seconds
        n_ahead = n_steps(self.task.horizon_seconds, step)
        ahead = history.end_at + step * np.arange(1, n_ahead + 1, dtype=np.float64)
        factor, demand = due(self.events, ahead, after_at=history.end_at)
        try:
            forecast = self.fitted.forecast(usual(history, self.events))
        except NotEnoughHistory:
            if demand is None:
                raise
            return Forecast(
                issued_at=history.end_at,
                horizon_seconds=self.task.horizon_seconds,
                level=self.task.level,
                value=demand,
                method="event",
            )
        return replace(forecast, value=max(demand or 0.0, forecast.value * factor))


def due(
    events: tuple[Happening, ...], ahead: FloatVector, *, after_at: float
) -> tuple[float, float | None]:
    """Return the largest factor in the window (after_at, ahead[-1]], and the largest demand if any.

    Asked at the grid points `ahead` and whenever something begins or ends between them: an event
    that fits between two points counts like any other.
    """
    turns = [event.turns(after_at, float(ahead[-1])) for event in events]
    moments = np.unique(np.concatenate([ahead, *turns]))
    moments = moments[moments > after_at]
    factors = np.ones(moments.size)
    demands = []
    for event in events:
        is_due = event.covers(moments)
        if event.factor is not None:
            factors[is_due] *= event.factor
        if event.demand is not None and is_due.any():
            demands.append(event.demand)
    return float(factors.max()), max(demands, default=None)


def usual(history: Series, events: tuple[Happening, ...]) -> Series:
    """Return the history without its events: divided by factors, and unknown where it must be.

    An event that fits between two points leaves the later one unknown: how much of it is in there
    nobody can say. What leads demand is unknown inside any event: its ratio to the cleaned demand
    is not usual.
    """
    values = history.values.copy()
    unusual = np.zeros(values.size, dtype=np.bool_)
    for event in events:
        inside = event.covers(history.times)
        hidden = _hidden(event, history, inside)
        unusual |= inside | hidden
        values[hidden] = np.nan
        if event.factor is None or event.demand is not None:
            values[inside] = np.nan
        else:
            values[inside] /= event.factor
    if not unusual.any():
        return history
    leading = tuple(
        (name, np.where(unusual, np.nan, indicator)) for name, indicator in history.leading
    )
    return replace(history, values=values, leading=leading)


def _hidden(event: Happening, history: Series, inside: BoolVector) -> BoolVector:
    """Return the points before which the event came and went since the point before, (n,)."""
    step = history.step_seconds
    found = np.zeros(inside.size, dtype=np.bool_)
    turns = event.turns(history.start_at - step, history.end_at)
    places = np.ceil((turns - history.start_at) / step).astype(np.intp)
    found[places[(places >= 0) & (places < inside.size)]] = True
    before = np.append(event.covers(np.array([history.start_at - step])), inside)[:-1]
    return np.asarray(found & ~inside & ~before)
