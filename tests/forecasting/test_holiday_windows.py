"""A window that reaches into a holiday, or out of one: generated demand whose peak is known."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.arrays import BoolVector, FloatVector
from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.past import Past
from forecasting.series import Series

MakeTask: TypeAlias = Callable[..., Task]
Rule: TypeAlias = Callable[[BoolVector, FloatVector], FloatVector]
MONDAY = 1_736_121_600.0
DAY, STEP = 86_400.0, 300.0
HOLIDAY = 16  # a Wednesday
HALF_HOUR = 0.5 / 24


def demand(rule: Rule, days: float) -> Series:
    """Demand by `rule` of whether a day is free, and of the hour."""
    times = STEP * np.arange(round(days * DAY / STEP))
    day, hour = np.floor(times / DAY), times % DAY / 3600.0
    free = (day % 7 >= 5) | (day == HOLIDAY)
    noise = np.random.default_rng(0).gamma(400, 1 / 400, times.size)
    return Series(start_at=MONDAY, step_seconds=STEP, values=rule(free, hour) * noise)


def rush_of_free_days(free: BoolVector, hour: FloatVector) -> FloatVector:
    return np.where(free & (hour < 2), 300.0, 100.0)


def batch_of_working_days(free: BoolVector, hour: FloatVector) -> FloatVector:
    return np.where(~free & (hour < 1), 400.0, 100.0)


@pytest.mark.parametrize(
    ("rule", "until", "peak", "why"),
    [
        (rush_of_free_days, HOLIDAY - HALF_HOUR, 300.0, "the holiday begins with a rush"),
        (batch_of_working_days, HOLIDAY - HALF_HOUR, 100.0, "no batch runs on the holiday"),
        (batch_of_working_days, HOLIDAY + 1 - HALF_HOUR, 400.0, "the day after has its batch"),
        (rush_of_free_days, HOLIDAY + 1 - HALF_HOUR, 100.0, "and it has no rush"),
    ],
)
def test_the_hour_ahead_is_that_of_both_days_that_it_lies_in(
    rule: Rule, until: float, peak: float, why: str, task: MakeTask
) -> None:
    history = demand(rule, until)
    asked = task(horizon_seconds=3600.0, level=0.9)
    told = replace(asked, holidays=frozenset({int(MONDAY / DAY) + HOLIDAY}))
    bound = default_forecaster().fit(history, told).forecast(history).value
    assert 0.97 * peak < bound < 1.35 * peak, why


@pytest.mark.parametrize(
    ("hour", "want"),
    [(22, (False, 0)), (23.5, (True, 1)), (24, (True, 0)), (47, (True, 1)), (48.5, (False, 0))],
)
def test_a_window_is_judged_from_its_origin_to_its_end(
    hour: float, want: tuple[bool, int], task: MakeTask
) -> None:
    history = demand(rush_of_free_days, HOLIDAY + 2.0)
    asked = replace(task(horizon_seconds=3600.0), holidays=frozenset({int(MONDAY / DAY) + HOLIDAY}))
    past = Past(history=history, task=asked, offset=1.0)
    place = np.array([(HOLIDAY - 1) * DAY / STEP + hour * 3600 / STEP])
    assert (past.reaches_holiday(place)[0], past.nights_into_holiday(place)[0]) == want


def test_a_weekend_alone_is_no_holiday(task: MakeTask) -> None:
    history = demand(rush_of_free_days, 8.0)
    friday_night = np.array([5 * DAY / STEP - 3.0])
    past = Past(history=history, task=task(), offset=1.0)
    assert not past.reaches_holiday(friday_night).any()
    assert not past.nights_into_holiday(friday_night).any()
    january = replace(task(), holidays=frozenset({int(MONDAY / DAY) + 30}))
    assert not replace(past, task=january).nights_into_holiday(friday_night).any()
