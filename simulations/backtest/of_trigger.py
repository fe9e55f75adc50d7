"""What a manifest's trigger tells the forecast beside its query, and what is not heard here."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.events import Happening
from forecasting.localtime import DAY_SECONDS
from scaler.metadata import Trigger
from scaler.settings import ControllerSettings
from scaler.work import task_of
from simulations.backtest.inputs import Input
from simulations.backtest.units import words

YEAR_SECONDS = 365.0 * DAY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Holidays over the whole history, as in `Task`; events; and the keys that are ignored."""

    holidays: frozenset[int] = frozenset()
    events: tuple[Happening, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def warning(self) -> str | None:
        """The line about what is ignored, None when that is nothing."""
        return f"Ignored here: {', '.join(self.ignored)}." if self.ignored else None


def told_of(given: Input) -> Told:
    """Return what the input's trigger tells; nothing for an input without one."""
    trigger, series = given.trigger, given.series
    if trigger is None:
        return Told()
    moments = [*np.arange(series.start_at, series.end_at, YEAR_SECONDS).tolist(), series.end_at]
    found = [trigger.plan.holidays.around(at, given.zone) for at in moments]
    return Told(
        holidays=frozenset().union(*found),
        events=trigger.plan.events,
        ignored=tuple(_ignored(trigger)),
    )


def window_seconds(given: Input, lead_seconds: float) -> float:
    """Return the window that the scaler asks for: the lead time, a step and a tick."""
    if given.trigger is None:
        return lead_seconds + beyond_seconds(given)
    trigger, as_of = given.trigger, given.series.end_at
    return task_of(trigger, ControllerSettings(), as_of, lead_seconds).horizon_seconds


def beyond_seconds(given: Input) -> float:
    """Return what the scaler asks for beyond a lead time."""
    if given.trigger is None:
        return given.series.step_seconds + ControllerSettings().tick_seconds
    return window_seconds(given, 0.0)


def looks_ahead(window: float, lead_seconds: float) -> str:
    """Say why the window is longer than the lead time."""
    return (
        f"As the scaler does, it looks ahead {words(window)}: the lead time of "
        f"{words(lead_seconds)}, a step of the query and a tick of the scaler."
    )


def _ignored(trigger: Trigger) -> Iterator[str]:
    if trigger.schedules:
        yield "scheduledFloors"
    if trigger.capacity_queries is not None:
        yield "threshold: auto (its first guess stands)"
    if trigger.is_lead_time_measured:
        yield "leadTimeSeconds: auto (its first guess stands)"
