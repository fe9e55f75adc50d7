"""What the controller keeps of a target between ticks, and what it works out of it."""

import asyncio
from dataclasses import dataclass, field
from math import floor, isnan

import numpy as np

from forecasting.events import WithEvents
from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster, Task
from forecasting.series import Series
from scaler.companions import Companions
from scaler.history import Reading, TargetHistory
from scaler.metadata import Trigger
from scaler.params import TargetParams
from scaler.plan import Plan
from scaler.ports import Model
from scaler.settings import ControllerSettings
from scaler.types import Evidence, PolicyState, Seen

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast and what it was made of: between two grid points it is asked for every tick."""

    model: Model
    series: Series
    forecast: Forecast

    def holds_for(self, model: Model, series: Series) -> bool:
        """Return whether the model would say the same again."""
        return self.model is model and series.is_same(self.series)


@dataclass(slots=True, eq=False)
class Work:
    """The state of a target that is not for handlers to read."""

    trigger: Trigger
    history: TargetHistory
    companions: Companions
    state: PolicyState = field(default_factory=PolicyState)
    as_of: float = float("-inf")
    model: Model | None = None
    told: Told | None = None
    fitted: tuple[float, bool, int] | None = None  # the last fit's boundary, and what was read
    fit: asyncio.Task[None] | None = None
    tick: asyncio.Task[None] | None = None
    concluding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def lose_model(self) -> None:
        """Forget the model, whose process has died: the next tick fits anew."""
        self.model = self.told = self.fitted = None

    def is_fitting(self) -> bool:
        """Whether a fit is under way."""
        return self.fit is not None and not self.fit.done()


def forecaster_of(forecaster: Forecaster, plan: Plan) -> Forecaster:
    """Return the forecaster, told of the trigger's events."""
    return WithEvents(forecaster=forecaster, events=plan.events) if plan.events else forecaster


def task_of(trigger: Trigger, settings: ControllerSettings, as_of: float) -> Task:
    """Return what to forecast: the peak until a replica wanted at the next tick would answer.

    A forecast starts at a grid point that may be a step old, and its decision stands until the
    next tick. Over the lead time alone, replicas would come up to that much too late: in
    `prewarm demo`, capacity was short for four minutes of a rise instead of none.
    """
    params = trigger.params
    return Task(
        horizon_seconds=params.lead_time_seconds + params.step_seconds + settings.tick_seconds,
        level=params.quantile,
        zone=params.zone,
        holidays=trigger.plan.holidays.around(as_of, params.zone),
    )


def fit_boundary(digest: str, series: Series, as_of: float, settings: ControllerSettings) -> float:
    """Return the newest refit moment: the same in every server, spread over the targets."""
    is_young = _observed_days(series) < settings.young_days
    period = settings.refit_seconds_when_young if is_young else settings.refit_seconds
    offset = int(digest, 16) % int(period)
    offset -= offset % int(series.step_seconds)
    return floor((as_of - offset) / period) * period + offset


def last_days(series: Series, end_at: float, params: TargetParams) -> Series:
    """Return the `historyDays` of `series` that end at `end_at`."""
    return series.between(end_at - params.history_days * DAY_SECONDS, end_at)


def _observed_days(series: Series) -> float:
    observed = series.times[~np.isnan(series.values)]
    return float(observed[-1] - observed[0]) / DAY_SECONDS if observed.size else 0.0


def seen_of(
    reading: Reading | None, forecast: Forecast | None, params: TargetParams, as_of: float
) -> Seen:
    """Return what a decision as of `as_of` rests on, its age judged."""
    if reading is None or isnan(reading.observed):
        return Seen(as_of=as_of, evidence=Evidence.UNKNOWN)
    age_seconds = as_of - reading.observed_at
    # An observation from the future means that the clock stepped back: its age is unknown.
    is_fresh = -params.step_seconds <= age_seconds <= params.stale_after_seconds
    return Seen(
        as_of=as_of,
        evidence=Evidence.FRESH if is_fresh else Evidence.STALE,
        observed_demand=reading.observed,
        observed_at=reading.observed_at,
        forecast=forecast,
    )
