"""The production decision as a policy: the scaler's own `decide`, on what the simulator shows it.

Nothing is decided here. The trigger's metadata is read by the scaler's parser, evidence is judged
by its `seen_of`, the forecast is what its forecaster said at that time (`rolled`), and memory is
its `PolicyState`. As in production a decision is made once a tick of the clock and then only read.
"""

from math import floor, isnan, nan

import numpy as np

from forecasting.forecast import Forecast
from forecasting.forecaster import Task
from forecasting.series import Series
from scaler.fleet import Fleet
from scaler.history import Reading
from scaler.metadata import Trigger
from scaler.policy import decide
from scaler.schedule import floors_of
from scaler.settings import ControllerSettings
from scaler.types import Decision, PolicyState, Seen
from scaler.work import seen_of
from simulations.policies.rolled import Rolled
from simulations.ports import Metric, Observation

ONE_MILLI = 1_000  # the metric is the replica count, and its target 1 (ADR 1)
TICK_SECONDS = ControllerSettings().tick_seconds


class Prewarm:
    """The scaler behind one trigger. `start_at` is when the run begins, in Unix seconds.

    `sees_cluster`: it is told of the pods, as with `--kubernetes`.
    """

    def __init__(
        self,
        trigger: Trigger,
        rolled: Rolled,
        *,
        start_at: float,
        name: str = "prewarm",
        sees_cluster: bool = True,
    ) -> None:
        self._name = name
        self._trigger = trigger
        self._rolled = rolled
        self._start_at = start_at
        self._sees_cluster = sees_cluster
        self._lead = _forecasts(rolled, rolled.lead, rolled.lead_task)
        self._ahead = _forecasts(rolled, rolled.ahead, rolled.ahead_task)
        self._state = PolicyState()
        self._nothing = Series(start_at=0.0, step_seconds=rolled.step_seconds, values=np.empty(0))
        self._observed, self._observed_at = nan, nan
        self._as_of = float("-inf")
        self._decision: Decision | None = None
        self._fleet: Fleet | None = None

    @property
    def name(self) -> str:
        """The word for it in tables, plots and files."""
        return self._name

    @property
    def forecast(self) -> float:
        """The forecast that the last decision rests on; NaN without one."""
        if self._decision is None or self._decision.seen.forecast is None:
            return nan
        return self._decision.seen.forecast.value

    def metrics(self, seen: Observation) -> tuple[Metric, ...]:
        """Return the decision as KEDA is told it."""
        return (Metric(self._decided(seen).replicas * ONE_MILLI, ONE_MILLI),)

    def is_active(self, seen: Observation) -> bool:
        """Return what the scaler answers to `IsActive`."""
        return self._decided(seen).is_active

    def _decided(self, seen: Observation) -> Decision:
        """Return the decision of the tick that `seen` falls into, made when it is first asked."""
        as_of = floor((self._start_at + seen.at) / TICK_SECONDS) * TICK_SECONDS
        if self._decision is None or as_of > self._as_of:
            self._as_of = as_of
            self._state, self._decision = decide(
                self._state, self._evidence(seen, as_of), self._trigger.params
            )
        return self._decision

    def _evidence(self, seen: Observation, as_of: float) -> Seen:
        if not isnan(seen.demand):
            self._observed, self._observed_at = seen.demand, as_of
        reading = Reading(
            series=self._nothing, observed=self._observed, observed_at=self._observed_at
        )
        place = int((as_of - self._rolled.start_at) // self._rolled.step_seconds)
        params, schedules = self._trigger.params, self._trigger.schedules
        until_at = as_of + params.lead_time_seconds
        return seen_of(
            reading,
            _at(self._lead, place),
            params,
            as_of,
            forecast_ahead=_at(self._ahead, place),
            floors=floors_of(schedules, as_of, until_at) if schedules else (),
            fleet=self._fleet_of(seen, as_of) if self._sees_cluster else None,
        )

    def _fleet_of(self, seen: Observation, as_of: float) -> Fleet:
        """Return the pods, as of their newest change."""
        before = self._fleet
        pods = (seen.wanted, seen.ready, seen.starting)
        if before is not None and (before.wanted, before.ready, before.starting) == pods:
            return before
        unplaced = max(seen.wanted - seen.ready - seen.starting, 0)
        self._fleet = Fleet(
            at=as_of,
            wanted=seen.wanted,
            ready=seen.ready,
            starting=seen.starting,
            unschedulable=unplaced,
        )
        return self._fleet


def _at(forecasts: list[Forecast | None], place: int) -> Forecast | None:
    return forecasts[place] if 0 <= place < len(forecasts) else None


def _forecasts(rolled: Rolled, bounds: np.ndarray, task: Task | None) -> list[Forecast | None]:
    """Return a forecast for each grid point, None where there was nothing to start from."""
    if task is None:
        return []
    return [
        None
        if isnan(value)
        else Forecast(
            issued_at=rolled.start_at + place * rolled.step_seconds,
            horizon_seconds=task.horizon_seconds,
            level=task.level,
            value=value,
            method=rolled.method,
        )
        for place, value in enumerate(bounds.tolist())
    ]
