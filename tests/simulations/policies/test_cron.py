"""The schedule of the week before, hour by hour of the local week."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.series import Series
from simulations.policies.cron import scheduled

HOUR, DAY = 3_600.0, 86_400.0
MONDAY = 1_772_409_600.0  # 2 March 2026, 00:00 UTC
BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def series(values: np.ndarray, start_at: float = MONDAY) -> Series:
    return Series(start_at=start_at, step_seconds=900.0, values=values)


def two_weeks(by_hour: dict[int, float], *, last_week: float = 0.0) -> Series:
    """Return demand of quarters of an hour: 10 but for these hours of the first week."""
    values = np.full(2 * 7 * 96, 10.0)
    for hour, value in by_hour.items():
        values[4 * hour + 2] = value  # one quarter alone
    values[7 * 96 :] += last_week
    return series(values)


def count(demand: Series, at: float, *, zone: ZoneInfo = UTC, ahead: float = 0.0) -> float:
    """Return the replicas at a time of the second week, for 10 on each."""
    begin = MONDAY + 7 * DAY
    found = scheduled(demand, zone, per_replica=10.0, begin_at=begin, ahead_seconds=ahead)
    return found.at(at)


@pytest.mark.parametrize(
    ("hours", "ahead", "want", "why"),
    [
        (8.0, 0.0, 1, "an hour as all others"),
        (9.0, 0.0, 4, "the peak of 31 in this hour asks for four"),
        (9.99, 0.0, 4, "until it ends"),
        (10.0, 0.0, 1, "and no longer"),
        (8.75, 900.0, 4, "a schedule that begins a quarter of an hour early"),
        (8.7, 900.0, 1, "not earlier"),
        (9.99, 900.0, 4, "and does not end early"),
        (33.0, 0.0, 1, "another day of the week has its own hours"),
    ],
)
def test_each_hour_of_the_week_has_what_carried_its_peak_a_week_ago(
    hours: float, ahead: float, want: int, why: str
) -> None:
    demand = two_weeks({9: 31.0}, last_week=100.0)
    at = MONDAY + 7 * DAY + hours * HOUR
    assert count(demand, at, ahead=ahead) == want, why


def test_an_hour_that_was_not_observed_schedules_nothing() -> None:
    demand = two_weeks({})
    values = demand.values.copy()
    values[4 * 9 : 4 * 10] = np.nan
    at = MONDAY + 7 * DAY + 9.5 * HOUR
    assert np.isnan(count(series(values), at))
    assert count(demand, at) == 1


def test_the_schedule_follows_the_clock_on_the_wall() -> None:
    """On 29 March 2026 Berlin's clocks go forward: 09:00 there is 08:00 and then 07:00 in UTC."""
    start = MONDAY + 21 * DAY
    values = np.full(2 * 7 * 96, 10.0)
    values[4 * 8] = 31.0  # 09:00 in Berlin, a Monday in winter time
    demand = series(values, start)
    begin = start + 7 * DAY
    found = scheduled(demand, BERLIN, per_replica=10.0, begin_at=begin, ahead_seconds=0.0)
    assert [found.at(begin + hour * HOUR) for hour in (6.5, 7.0, 7.99, 8.0)] == [1, 4, 4, 1]
