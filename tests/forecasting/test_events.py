from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.default import default_forecaster
from forecasting.events import Event, WithEvents, due, usual
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.series import Series
from forecasting.several import at_horizon

MakeTask: TypeAlias = Callable[..., Task]
MONDAY = 1_736_121_600.0
DAY = 86_400.0


def working_days(days: float, *, free: tuple[int, ...] = ()) -> Series:
    """Demand of 100 from 9 to 18 on working days that are not `free`, else 10."""
    minute = np.arange(round(days * 1440))
    day, hour = minute // 1440, minute % 1440 / 60
    busy = (hour >= 9) & (hour < 18) & (day % 7 < 5) & ~np.isin(day, free)
    noise = np.random.default_rng(0).gamma(100, 1 / 100, minute.size)
    return Series(start_at=MONDAY, step_seconds=60.0, values=np.where(busy, 100.0, 10.0) * noise)


def due_in(events: tuple[Event, ...], begin: float, end: float) -> tuple[float, float | None]:
    """What is due in a window of a grid of minutes, in seconds after Monday began."""
    ahead = MONDAY + np.arange(begin + 60.0, end + 1.0, 60.0)
    return due(events, ahead, after_at=MONDAY + begin)


def test_a_holiday_is_spent_like_a_weekend_and_a_working_day_is_not(task: MakeTask) -> None:
    history = working_days(16 + 8.9 / 24)  # Wednesday, six minutes before nine
    plain = task(level=0.9)
    wednesday = int(MONDAY / DAY) + 16
    knowing = replace(plain, holidays=frozenset({wednesday}))
    assert default_forecaster().fit(history, plain).forecast(history).value > 80
    assert default_forecaster().fit(history, knowing).forecast(history).value < 40


def test_the_day_after_a_holiday_is_a_working_day(task: MakeTask) -> None:
    history = working_days(17 + 8.9 / 24, free=(16,))
    asked = replace(task(level=0.9), holidays=frozenset({int(MONDAY / DAY) + 16}))
    assert default_forecaster().fit(history, asked).forecast(history).value > 80


def test_an_event_lifts_the_bound_while_it_is_due(task: MakeTask) -> None:
    history = working_days(9.5)
    launch = Event(begin_at=history.end_at + 300, end_at=history.end_at + 3600, factor=3.0)
    plain = default_forecaster().fit(history, task()).forecast(history)
    told = WithEvents(forecaster=default_forecaster(), events=(launch,))
    assert told.fit(history, task()).forecast(history).value == pytest.approx(3 * plain.value)
    absolute = replace(launch, factor=None, demand=5000.0)
    told = WithEvents(forecaster=default_forecaster(), events=(absolute,))
    assert told.fit(history, task()).forecast(history).value == 5000.0


def test_events_are_told_of_other_windows_too(task: MakeTask) -> None:
    """Fitted for ten minutes; a doubled demand that begins in six counts for them, not for five."""
    history = working_days(2.5)
    begin_at = history.end_at + 360.0
    event = Event(begin_at=begin_at, end_at=begin_at + 3_600.0, factor=2.0)
    asked = task(horizon_seconds=600.0, level=0.9)
    plain, told = (
        forecaster.fit(history, asked)
        for forecaster in (
            default_forecaster(),
            WithEvents(forecaster=default_forecaster(), events=(event,)),
        )
    )
    shorter = [at_horizon(fitted, history, 420.0).forecast(history) for fitted in (plain, told)]
    assert [forecast.horizon_seconds for forecast in shorter] == [420.0, 420.0]
    assert shorter[1].value == pytest.approx(2 * shorter[0].value)
    shortest = at_horizon(told, history, 300.0).forecast(history)
    assert shortest == at_horizon(plain, history, 300.0).forecast(history)


def test_a_past_campaign_is_not_expected_again(task: MakeTask) -> None:
    history = working_days(9.5)
    begin_at = history.end_at - 26 * 3600
    campaign = Event(begin_at=begin_at, end_at=begin_at + 5 * 3600, factor=20.0)
    inside = campaign.covers(history.times)
    seen = replace(history, values=np.where(inside, history.values * 20.0, history.values))
    told = WithEvents(forecaster=default_forecaster(), events=(campaign,))
    plain = default_forecaster().fit(history, task()).forecast(history)
    assert told.fit(seen, task()).forecast(seen).value == pytest.approx(plain.value)


def test_an_outage_does_not_teach_that_nothing_comes(task: MakeTask) -> None:
    history = working_days(10.45)
    begin_at = history.end_at - 26 * 3600
    outage = Event(begin_at=begin_at, end_at=begin_at + 6 * 3600)
    inside = outage.covers(history.times)
    seen = replace(history, values=np.where(inside, 0.0, history.values))
    told = WithEvents(forecaster=default_forecaster(), events=(outage,))
    assert told.fit(seen, task()).forecast(seen).value > 80


def test_a_weekly_event_comes_back_each_week() -> None:
    weekly = Event(begin_at=MONDAY, end_at=MONDAY + 3600, factor=2.0, every_seconds=7 * DAY)
    times = MONDAY + np.array([-1.0, 0.0, 3599.0, 3600.0, 7 * DAY, 7 * DAY + 3600])
    assert weekly.covers(times).tolist() == [False, True, True, False, True, False]


def test_an_event_with_an_absolute_demand_leaves_its_own_data_out() -> None:
    history = working_days(1.0)
    event = Event(begin_at=MONDAY, end_at=MONDAY + 600, demand=7.0)
    assert np.isnan(usual(history, (event,)).values[:10]).all()
    assert not np.isnan(usual(history, (event,)).values[10:]).any()


def test_a_demand_that_is_told_is_expected_even_where_nothing_was_ever_observed(
    task: MakeTask,
) -> None:
    nothing = Series(start_at=MONDAY, step_seconds=60.0, values=np.full(100, np.nan))
    test = Event(begin_at=nothing.end_at + 300, end_at=nothing.end_at + 900, demand=70.0)
    told = WithEvents(forecaster=default_forecaster(), events=(test,)).fit(nothing, task())
    assert (told.forecast(nothing).value, told.forecast(nothing).method) == (70.0, "event")
    with pytest.raises(NotEnoughHistory):
        told.forecast(nothing.between(MONDAY, MONDAY + 600))  # not due yet


def test_overlapping_events_multiply_and_an_absolute_one_is_a_floor(task: MakeTask) -> None:
    history = working_days(9.5)
    plain = default_forecaster().fit(history, task()).forecast(history).value
    begin_at, end_at = history.end_at + 60, history.end_at + 600
    double = Event(begin_at=begin_at, end_at=end_at, factor=2.0)
    half = Event(begin_at=begin_at, end_at=end_at + 6000, factor=0.5)
    low = Event(begin_at=begin_at, end_at=end_at, demand=1.0)

    def bound(*events: Event) -> float:
        told = WithEvents(forecaster=default_forecaster(), events=events)
        return told.fit(history, task()).forecast(history).value

    assert bound(double, double) == pytest.approx(4 * plain)
    assert bound(double, half, low) == pytest.approx(plain)
    assert bound(half) == pytest.approx(plain / 2)
    assert bound(low) == pytest.approx(plain)


@pytest.mark.parametrize("begin", [61.0, 75.0, 100.0], ids=str)
@pytest.mark.parametrize("factor", [3.0, None])
def test_an_event_that_fits_between_two_points_is_not_missed(
    begin: float, factor: float | None
) -> None:
    event = Event(
        begin_at=MONDAY + begin, end_at=MONDAY + begin + 15, factor=factor,
        demand=None if factor else 70.0,
    )  # fmt: skip
    want = (3.0, None) if factor else (1.0, 70.0)
    assert due_in((event,), 0, 600) == want
    assert due_in((event,), 60, 120) == want
    assert due_in((event,), 0, 60) == (1.0, None)
    assert due_in((event,), 120, 600) == (1.0, None)
    flat = Series(start_at=MONDAY, step_seconds=60.0, values=np.full(10, 5.0))
    cleaned = usual(flat.led_by({"portal": flat}), (event,))
    assert np.flatnonzero(np.isnan(cleaned.values)).tolist() == [2]
    assert np.flatnonzero(np.isnan(cleaned.leading[0][1])).tolist() == [2]


def test_a_short_event_before_the_first_point_leaves_that_one_unknown() -> None:
    event = Event(begin_at=MONDAY - 30, end_at=MONDAY - 10, factor=2.0)
    flat = Series(start_at=MONDAY, step_seconds=60.0, values=np.full(3, 5.0))
    assert np.isnan(usual(flat, (event,)).values).tolist() == [True, False, False]
    assert len(usual(flat.between(MONDAY - 120, MONDAY - 60), (event,))) == 0


def test_short_events_that_meet_multiply_and_that_follow_each_other_do_not() -> None:
    first = Event(begin_at=MONDAY + 10, end_at=MONDAY + 30, factor=2.0)
    met = replace(first, begin_at=MONDAY + 20, end_at=MONDAY + 40)
    after = replace(first, begin_at=MONDAY + 30, end_at=MONDAY + 50)
    assert due_in((first, met), 0, 60) == (4.0, None)
    assert due_in((first, after), 0, 60) == (2.0, None)
    low = replace(first, factor=0.5)
    assert due_in((low,), 0, 60) == (1.0, None), "most of the window is as usual"


@given(
    begin=st.integers(0, 3000), seconds=st.integers(1, 900), every=st.integers(900, 5000),
    from_minute=st.integers(0, 100), minutes=st.integers(1, 60),
)  # fmt: skip
def test_what_is_due_is_what_a_second_by_second_look_finds(
    begin: int, seconds: int, every: int, from_minute: int, minutes: int
) -> None:
    event = Event(
        begin_at=MONDAY + begin, end_at=MONDAY + begin + seconds, factor=2.0, every_seconds=every
    )
    first, last = 60 * from_minute, 60 * (from_minute + minutes)
    at = np.arange(first, last + 1.0)
    inside = event.covers(MONDAY + at)
    begins = inside[1:] & ~inside[:-1]
    want = 2.0 if (begins | (inside[1:] & (at[1:] % 60 == 0))).any() else 1.0
    assert due_in((event,), first, last) == (want, None)


def test_without_events_the_answer_is_that_of_the_forecaster(task: MakeTask) -> None:
    history = working_days(3.0)
    past = Event(begin_at=MONDAY - 7200, end_at=MONDAY - 3600, factor=9.0)
    told = WithEvents(forecaster=default_forecaster(), events=(past,)).fit(history, task())
    assert told.forecast(history) == default_forecaster().fit(history, task()).forecast(history)
