"""Scales and ticks: round values for demand, whole counts for replicas, local clock times."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

TIME_STEPS_SECONDS = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200)
LEAST_HIGH = 1e-12  # far below, powers of ten are no longer exact
NICE = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight line from values to places."""

    low: float
    high: float
    place_of_low: float
    place_of_high: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; what lies outside is put on the edge."""
        bounded = min(max(value, self.low), self.high)
        share = (bounded - self.low) / (self.high - self.low)
        return self.place_of_low + share * (self.place_of_high - self.place_of_low)


def nice_ticks(high: float, *, n_at_most: int, is_whole: bool = False) -> tuple[float, ...]:
    """Return round values from 0 to the first that is not below `high` (> 0)."""
    rough = max(high, LEAST_HIGH) / n_at_most
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in NICE if each * power >= rough * (1 - 1e-9))
    if is_whole:
        step = float(max(1, ceil(step)))
    return tuple(step * n for n in range(max(1, ceil(high / step - 1e-9)) + 1))


def time_ticks(
    start_at: float, end_at: float, zone: ZoneInfo, *, n_at_most: int
) -> tuple[float, ...]:
    """Return moments at round local times, so that midnight is on a tick in any zone."""
    rough = (end_at - start_at) / n_at_most
    step = next((each for each in TIME_STEPS_SECONDS if each >= rough), TIME_STEPS_SECONDS[-1])
    ticks: list[float] = []
    at = start_at
    while True:
        offset = _offset_seconds(at, zone)
        at = ceil((at + offset) / step - 1e-9) * step - offset
        # A clock change within the step moves the round time itself: judge it by its own offset.
        shift = offset - _offset_seconds(at, zone)
        at += shift if at + shift >= start_at and abs(shift) < step else 0.0
        if at > end_at:
            return tuple(ticks)
        if not ticks or at > ticks[-1]:
            ticks.append(at)
        at = max(at, ticks[-1]) + 1.0


def clock(at: float, zone: ZoneInfo) -> str:
    """Return hours and minutes; the day at midnight."""
    moment = datetime.fromtimestamp(at, tz=zone)
    return f"{moment:%a %d}" if (moment.hour, moment.minute) == (0, 0) else f"{moment:%H:%M}"


def _offset_seconds(at: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(at, tz=zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
