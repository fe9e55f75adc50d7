"""What the controller keeps of a target between ticks, and what it works out of it."""

import asyncio
from dataclasses import dataclass, field, replace
from math import floor, isnan

from forecasting.events import WithEvents
from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster, Task
from forecasting.series import Series
from forecasting.several import can_answer, rung_seconds
from scaler.companions import Companions
from scaler.fleet import Fleet, LeadTime
from scaler.history import Reading, TargetHistory
from scaler.learning import Learning
from scaler.metadata import Trigger
from scaler.params import KEEP_LEVEL, TargetParams
from scaler.plan import Plan
from scaler.ports import Blob, ClusterView, Model
from scaler.settings import ControllerSettings
from scaler.starts.grid import stepped
from scaler.starts.lead import LeadSettings, lead_time
from scaler.starts.ramp import Pace
from scaler.starts.record import Starts
from scaler.types import Carried, Evidence, Floor, PolicyState, Seen

DAY_SECONDS = 86_400.0

# How long a first fit may be waited for. After a restart of a thousand targets the last one is
# fitted after some minutes; a fit that hangs must not hold a fleet for ever.
FIRST_FIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast and what it was made of: between two grid points it is asked for every tick."""

    model: Model
    series: Series
    horizon_seconds: float
    forecast: Forecast

    def holds_for(self, model: Model, series: Series, horizon_seconds: float) -> bool:
        """Return whether the model would say the same again."""
        is_same = self.model is model and self.horizon_seconds == horizon_seconds
        return is_same and series.is_same(self.series)


@dataclass(frozen=True, slots=True)
class Windows:
    """How far a target's two forecasts look, in seconds."""

    lead: float
    ahead: float | None  # None: nothing is to be kept for later

    def fitted(self) -> "Windows":
        """Return the windows to fit for, so that these may change without a refit."""
        return Windows(rung_seconds(self.lead), self.ahead and rung_seconds(self.ahead))

    def can_answer(self, asked: "Windows") -> bool:
        """Return whether elastic models that were fitted for these windows answer for `asked`."""
        if self.ahead is None or asked.ahead is None:
            return self.ahead == asked.ahead and can_answer(self.lead, asked.lead)
        return can_answer(self.lead, asked.lead) and can_answer(self.ahead, asked.ahead)


NO_WINDOWS = Windows(0.0, None)


@dataclass(slots=True, eq=False)
class Ahead:
    """The model of the keep window and what it said last."""

    model: Model | None = None
    told: Told | None = None
    has_drifted: bool = False  # the model asked for a refit


@dataclass(slots=True, eq=False)
class Work:
    """The state of a target that is not for handlers to read."""

    trigger: Trigger
    history: TargetHistory
    companions: Companions
    state: PolicyState = field(default_factory=PolicyState)
    is_recalled: bool = False  # whether memory was asked
    as_of: float = float("-inf")
    model: Model | None = None
    told: Told | None = None
    has_drifted: bool = False  # the model asked for a refit
    remembered_model: Blob | None = None  # of an earlier run, until the first look
    ahead: Ahead = field(default_factory=Ahead)
    learning: Learning | None = None  # `threshold: auto`
    learn: asyncio.Task[None] | None = None
    # The last fit's boundary, what was read then, and the windows that it was made for.
    fitted: tuple[float, bool, int] | None = None
    fitted_windows: Windows = NO_WINDOWS
    is_first_fit_over: bool = False  # of both windows, well or not
    first_fit_due_at: float | None = None  # as of the first look
    drift_fitted_at: float = float("-inf")  # as of the last fit that a drift asked for
    lead_time: LeadTime | None = None  # as measured; kept while the cluster doesn't answer
    lead_rests_on: tuple[Starts, Pace, int, int] | None = None
    stepped_seconds: float | None = None
    fit: asyncio.Task[None] | None = None
    tick: asyncio.Task[None] | None = None
    concluding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def lose_model(self) -> None:
        """Forget the model, whose process has died: the next tick fits anew."""
        self.model = self.told = self.fitted = None
        self.ahead = Ahead()
        self.is_first_fit_over, self.first_fit_due_at = False, None

    def is_fit_pending(self, as_of: float) -> bool:
        """Whether the first fit is still to come or under way: a forecast, or a part of it, lacks.

        A model of an earlier run tells of the lead window alone, so it doesn't end the wait.
        """
        if self.is_first_fit_over:
            return False
        if self.first_fit_due_at is None:
            self.first_fit_due_at = as_of
        return as_of - self.first_fit_due_at <= FIRST_FIT_SECONDS

    def is_fitting(self) -> bool:
        """Whether a fit is under way."""
        return self.fit is not None and not self.fit.done()

    @property
    def is_lead_measured(self) -> bool:
        """Whether the lead time in use comes from the cluster, so that it moves."""
        return self.trigger.is_lead_time_measured and self.stepped_seconds is not None

    @property
    def lead_seconds(self) -> float:
        """The lead time in use: the trigger's, or with `auto` the measured one, in steps."""
        if not self.trigger.is_lead_time_measured or self.stepped_seconds is None:
            return self.trigger.params.lead_time_seconds
        return self.stepped_seconds

    def windows(self, settings: ControllerSettings) -> Windows:
        """Return how far the forecasts have to look now: those of `task_of` and `task_ahead`."""
        params, lead_seconds = self.trigger.params, self.lead_seconds
        lead = _horizon_seconds(params, settings, lead_seconds)
        keep_seconds = params.keep_seconds(lead_seconds)
        return Windows(lead, lead + keep_seconds if keep_seconds > 0 else None)

    def note_view(self, view: ClusterView | None, *, wanted: int, at: float, level: float) -> None:
        """Measure the lead time to `wanted` replicas anew, where the cluster tells of them."""
        if view is None or (view.starts is None and self.lead_time is not None):
            return
        current = view.fleet.wanted if view.fleet is not None else wanted
        starts, pace = view.starts or Starts(), view.workload.pace
        rests_on = (starts, pace, current, wanted)
        before = self.lead_rests_on
        is_same = before is not None and before[0] is starts and before[1:] == rests_on[1:]
        if is_same and not starts.under_way:  # a millisecond for each target and tick
            return
        self.lead_rests_on = rests_on
        self.lead_time = lead_time(
            starts,
            pace,
            current=current,
            wanted=wanted,
            at=at,
            settings=LeadSettings(quantile=level),
        )
        self.stepped_seconds = stepped(self.lead_time.seconds, self.stepped_seconds)


def forecaster_of(forecaster: Forecaster, plan: Plan) -> Forecaster:
    """Return the forecaster, told of the trigger's events."""
    return WithEvents(forecaster=forecaster, events=plan.events) if plan.events else forecaster


def task_of(
    trigger: Trigger, settings: ControllerSettings, as_of: float, lead_seconds: float
) -> Task:
    """Return what to forecast: the peak until a replica wanted at the next tick would answer.

    A forecast starts at a grid point that may be a step old, and its decision stands until the
    next tick. Over the lead time alone, replicas would come up to that much too late: in
    `prewarm demo`, capacity was short for four minutes of a rise instead of none.
    """
    params = trigger.params
    return Task(
        horizon_seconds=_horizon_seconds(params, settings, lead_seconds),
        level=params.quantile,
        zone=params.zone,
        holidays=trigger.plan.holidays.around(as_of, params.zone),
    )


def task_ahead(task: Task, params: TargetParams, lead_seconds: float) -> Task | None:
    """Return what to forecast of the keep window, None when nothing is to be kept for later.

    It begins like the window of `task` and ends when keeping a replica has cost what a start does.
    """
    keep_seconds = params.keep_seconds(lead_seconds)
    if keep_seconds <= 0:
        return None
    horizon_seconds = task.horizon_seconds + keep_seconds
    return replace(task, horizon_seconds=horizon_seconds, level=KEEP_LEVEL)


def _horizon_seconds(
    params: TargetParams, settings: ControllerSettings, lead_seconds: float
) -> float:
    return lead_seconds + params.step_seconds + settings.tick_seconds


def fit_boundary(digest: str, series: Series, as_of: float, settings: ControllerSettings) -> float:
    """Return the newest refit moment: the same in every server, spread over the targets."""
    is_young = series.observed_seconds / DAY_SECONDS < settings.young_days
    period = settings.refit_seconds_when_young if is_young else settings.refit_seconds
    offset = int(digest, 16) % int(period)
    offset -= offset % int(series.step_seconds)
    return floor((as_of - offset) / period) * period + offset


def last_days(series: Series, end_at: float, params: TargetParams) -> Series:
    """Return the `historyDays` of `series` that end at `end_at`."""
    return series.between(end_at - params.history_days * DAY_SECONDS, end_at)


def seen_of(
    reading: Reading | None,
    forecast: Forecast | None,
    params: TargetParams,
    as_of: float,
    *,
    forecast_ahead: Forecast | None = None,
    floors: tuple[Floor, ...] = (),
    carried: Carried | None = None,
    fleet: Fleet | None = None,
) -> Seen:
    """Return what a decision as of `as_of` rests on, its age judged."""
    if reading is None or isnan(reading.observed):
        return Seen(
            as_of=as_of, evidence=Evidence.UNKNOWN, floors=floors, carried=carried, fleet=fleet
        )
    age_seconds = as_of - reading.observed_at
    # An observation from the future means that the clock stepped back: its age is unknown.
    is_fresh = -params.step_seconds <= age_seconds <= params.stale_after_seconds
    return Seen(
        as_of=as_of,
        evidence=Evidence.FRESH if is_fresh else Evidence.STALE,
        observed_demand=reading.observed,
        observed_at=reading.observed_at,
        forecast=forecast,
        forecast_ahead=forecast_ahead,
        floors=floors,
        carried=carried,
        fleet=fleet,
    )
