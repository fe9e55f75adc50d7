from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.localtime import day_angle, is_weekend, offset_seconds, same_clock_time

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start", ["2025-03-01", "2025-03-25", "2025-09-28", "2025-10-30"])
def test_offsets_equal_those_of_datetime_through_every_change(zone: str, start: str) -> None:
    first = datetime.fromisoformat(start + "T00:00+00:00").timestamp()
    times = first + 600.0 * np.arange(10 * 144)
    want = [
        datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset().total_seconds()
        for moment in times
    ]
    np.testing.assert_array_equal(offset_seconds(times, ZoneInfo(zone)), want)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("month", [3, 4, 10, 11])
def test_nine_in_the_morning_looks_back_at_nine_in_the_morning(zone: str, month: int) -> None:
    for day in range(1, 29):
        nine = datetime(2025, month, day, 9, tzinfo=ZoneInfo(zone))
        for days_ago in (1, 7):
            earlier = nine - timedelta(days=days_ago)  # wall-clock arithmetic
            found = same_clock_time(np.array([nine.timestamp()]), ZoneInfo(zone), days_ago=days_ago)
            assert found[0] == earlier.timestamp()


def test_the_weekend_begins_at_local_midnight() -> None:
    saturday = datetime(2025, 1, 11, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()
    times = np.array([saturday - 60, saturday, saturday + 2 * 86400 - 60, saturday + 2 * 86400])
    assert is_weekend(times, ZoneInfo("Asia/Tokyo")).tolist() == [False, True, True, False]


def test_local_noon_is_half_a_turn() -> None:
    noon = datetime(2025, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert day_angle(np.array([noon]), ZoneInfo("Europe/Berlin"))[0] == pytest.approx(np.pi)
