"""Local time of day and weekday for Unix seconds, through daylight-saving changes."""

from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector, read_only

DAY_SECONDS = 86_400.0
_QUARTER_SECONDS = 900.0  # every change of a zone's offset falls on a quarter of an hour in UTC
_SATURDAY = 5


def offset_seconds(times: FloatVector, zone: ZoneInfo) -> FloatVector:
    """Return what to add to Unix seconds to get the local wall clock of `zone`, shape as `times`.

    The zone is asked once a day and, on the days of a change, once a quarter of an hour: zone
    look-ups are Python calls, and a month has 40,000 minutes.
    """
    if times.size == 0:
        return np.zeros_like(times)
    first = np.floor(times.min() / DAY_SECONDS) * DAY_SECONDS
    days = np.arange(first, times.max() + 2 * DAY_SECONDS, DAY_SECONDS)
    offsets = _daily_offsets(int(first), days.size, zone)
    found: FloatVector = offsets[np.floor((times - first) / DAY_SECONDS).astype(np.intp)]
    for day in np.flatnonzero(offsets[1:] != offsets[:-1]):
        inside = (times >= days[day]) & (times < days[day + 1])
        quarters = np.arange(days[day], days[day + 1], _QUARTER_SECONDS)
        places = np.floor((times[inside] - days[day]) / _QUARTER_SECONDS).astype(np.intp)
        found[inside] = _ask(quarters, zone)[places]
    return found


@lru_cache(maxsize=512)  # the same few days are asked for at every tick of every target
def _daily_offsets(first: int, n_days: int, zone: ZoneInfo) -> FloatVector:
    """Return the offset of `zone` at UTC midnights, (n_days,), the first at `first`."""
    return read_only(_ask(first + DAY_SECONDS * np.arange(n_days, dtype=np.float64), zone))


def _ask(times: FloatVector, zone: ZoneInfo) -> FloatVector:
    """Return the offset of `zone` at whole seconds, one look-up each."""
    moments = times.astype("datetime64[s]").astype(object)
    found = np.empty(times.size)
    for place, moment in enumerate(moments):
        local = zone.fromutc(moment.replace(tzinfo=zone))
        found[place] = (local.replace(tzinfo=None) - moment).total_seconds()
    return found


def day_angle(times: FloatVector, zone: ZoneInfo) -> FloatVector:
    """Return the local time of day as an angle in [0, 2 pi), midnight at 0."""
    local = times + offset_seconds(times, zone)
    return np.asarray(2.0 * np.pi * ((local % DAY_SECONDS) / DAY_SECONDS), dtype=np.float64)


def is_weekend(times: FloatVector, zone: ZoneInfo) -> BoolVector:
    """Return whether the local day is a Saturday or Sunday."""
    return falls_on_weekend(day_number(times, zone))


def same_clock_time(times: FloatVector, zone: ZoneInfo, *, days_ago: int) -> FloatVector:
    """Return the moments `days_ago` local days earlier with the same wall clock.

    On the day after a change this lag is 23 or 25 hours, so that a rise at 09:00 stays at 09:00.
    """
    return np.asarray(same_clock_times(times, zone, n_days=days_ago)[-1])


def same_clock_times(times: FloatVector, zone: ZoneInfo, *, n_days: int) -> FloatMatrix:
    """Return the moments with the same wall clock 1 to `n_days` days before, (n_days, ...)."""
    back = np.arange(n_days + 1, dtype=np.float64) * DAY_SECONDS
    moments = times - back.reshape(-1, *(1 for _ in times.shape))
    offsets = offset_seconds(moments, zone)
    return np.asarray((moments + offsets[0] - offsets)[1:], dtype=np.float64)


def day_number(times: FloatVector, zone: ZoneInfo) -> FloatVector:
    """Return the number of the local day, 0 on 1970-01-01."""
    return np.floor((times + offset_seconds(times, zone)) / DAY_SECONDS)


def falls_on_weekend(days: FloatVector) -> BoolVector:
    """Return whether days, numbered as in `day_number`, are Saturdays or Sundays."""
    return np.asarray((days + 3) % 7 >= _SATURDAY)  # 1970-01-01 was a Thursday
