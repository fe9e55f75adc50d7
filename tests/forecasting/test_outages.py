"""Outages that were told, or left a gap, neither come back nor hide what was known before them."""

from collections.abc import Callable
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.events import Event, WithEvents, usual
from forecasting.forecaster import FittedForecaster, Task
from forecasting.past import Past
from forecasting.series import Series

MakeTask: TypeAlias = Callable[..., Task]
MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC
DAY = 86_400.0
HOUR = 3600.0

MORNINGS = {
    "Monday, after a weekend": (21,),
    "five mornings around a weekend": (17, 18, 21, 22, 23),
}


def working_hours(days: int) -> Series:
    """Ten at night and at weekends; a hundred from nine to six on working days, within minutes."""
    times = MONDAY + 600.0 * np.arange(days * 144)
    hour, number = times % DAY / HOUR, np.floor((times - MONDAY) / DAY)
    is_busy = (hour >= 9) & (hour < 18) & (number % 7 < 5)
    noise = np.random.default_rng(0).gamma(100.0, 0.01, times.size)
    values = np.where(is_busy, 100.0, 10.0) * noise
    return Series(start_at=MONDAY, step_seconds=600.0, values=values)


def outage(begin_day: float, hours: float) -> Event:
    begin_at = MONDAY + begin_day * DAY
    return Event(begin_at=begin_at, end_at=begin_at + hours * HOUR)


def silenced(series: Series, events: tuple[Event, ...]) -> Series:
    values = series.values.copy()
    for event in events:
        values[event.covers(series.times)] = 0.0
    return Series(start_at=series.start_at, step_seconds=600.0, values=values)


def after(events: tuple[Event, ...], day: int, task: Task) -> tuple[Series, FittedForecaster]:
    """A history with the outages, and the fit at the midnight that `day` begins with."""
    broken = silenced(working_hours(day + 1), events)
    forecaster = WithEvents(forecaster=default_forecaster(), events=events)
    return broken, forecaster.fit(broken.between(MONDAY, MONDAY + day * DAY), task)


def said(broken: Series, fitted: FittedForecaster, day: int, hour: float) -> float:
    known = broken.between(broken.start_at, MONDAY + day * DAY + hour * HOUR)
    return fitted.forecast(known).value


@pytest.mark.parametrize("mornings", MORNINGS.values(), ids=MORNINGS.keys())
def test_the_rise_is_met_on_the_working_day_after_lost_mornings(
    mornings: tuple[int, ...], task: MakeTask
) -> None:
    day = mornings[-1] + 1
    broken, fitted = after(tuple(outage(lost + 8 / 24, 4.0) for lost in mornings), day, task())
    assert said(broken, fitted, day, 3.0) < 20
    assert said(broken, fitted, day, 8 + 50 / 60) > 80
    assert 80 < said(broken, fitted, day, 12.0) < 160
    assert said(broken, fitted, day, 20.0) < 20


def test_three_days_of_outage_are_not_learnt(task: MakeTask) -> None:
    day = 24
    broken, fitted = after((outage(20.5, 72.0),), day, task())
    assert said(broken, fitted, day, 3.0) < 30
    assert said(broken, fitted, day, 8 + 50 / 60) > 80
    assert 80 < said(broken, fitted, day, 12.0) < 160
    assert said(broken, fitted, day, 20.0) < 30


def test_windows_are_hidden_by_outages_alone() -> None:
    """Not by weekends, nor before the history, nor where one day of the kind was seen."""
    task = Task(horizon_seconds=900.0, level=0.9, zone=ZoneInfo("UTC"))

    def hidden(lost: tuple[int, ...], day: int, *, from_day: int = 0) -> bool:
        events = tuple(outage(one + 8 / 24, 4.0) for one in lost)
        known = usual(silenced(working_hours(day + 1), events), events)
        known = known.between(MONDAY + from_day * DAY, MONDAY + (day + 9 / 24) * DAY)
        past = Past(history=known, task=task, offset=1.0)
        return bool(past.is_hidden(np.array([len(known) - 1.0]))[0])

    assert not hidden((), 21)  # Monday: Friday was seen
    assert not hidden((), 22)  # Tuesday: Monday was seen
    assert hidden((21,), 22)  # only the weekend was seen
    assert not hidden((22,), 23)
    assert hidden((21, 22, 23), 24)
    assert not hidden((15,), 16, from_day=14)
