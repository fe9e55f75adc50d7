"""A demand that has a past and a future: a trace, moved in time so that now is before a rise.

What is past lies in a Prometheus as history; what comes is played at the trace's own speed. Both
read one series, so they meet without a seam: the points of the trace lie on whole minutes, and
between two points demand goes in a straight line. After its last point a trace begins anew.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

import traces
from forecasting.series import Series
from simulations.demand import Shape, generate

TRACE = "crane_input8_1min"
TRACE_SOURCE = "gocrane/crane, pkg/prediction/dsp/test_data/input8.csv (Apache-2.0)"
DAY_POINTS = 1440
RISE_POINTS = 12  # minutes over which a rise is looked for
LEAD_IN_POINTS = 2  # minutes before the rise at which the play begins
REPLICAS_AT_THE_TOP = 14
STEP_SECONDS = 60.0

# 26 days from a Monday on: the last day is a Friday, with a spike.
GENERATED_START_AT = datetime(2025, 1, 6, tzinfo=UTC).timestamp()
GENERATED_DAYS = 26
SEED = 7


@dataclass(frozen=True)
class Play:
    """A series in its own time, and the moment of it that is played at `begins_at`."""

    name: str
    source: str
    series: Series  # in the trace's own time, without gaps
    cue: int  # the point that lies at `begins_at`
    threshold: float  # demand that one replica carries
    begins_at: float = 0.0  # a whole minute, in Unix seconds

    def beginning_at(self, begins_at: float) -> "Play":
        """The same play with its cue at another time."""
        return replace(self, begins_at=begins_at)

    @property
    def shift_seconds(self) -> float:
        """What to add to the trace's own time."""
        return self.begins_at - (self.series.start_at + self.cue * self.series.step_seconds)

    def history(self, until: float) -> Series:
        """All points from the trace's first to the newest at or before `until`, in real time."""
        start_at = self.series.start_at + self.shift_seconds
        count = int((until - start_at) // self.series.step_seconds) + 1
        return replace(self.series, start_at=start_at, values=self.series.values[:count])

    def demand_at(self, at: float) -> float:
        """Demand at a time, in the trace's unit."""
        values = self.series.values
        place = (at - self.begins_at) / self.series.step_seconds + self.cue
        before = math.floor(place)
        left, right = values[before % len(values)], values[(before + 1) % len(values)]
        return float(left + (right - left) * (place - before))

    def needed_at(self, at: float) -> int:
        """The replicas that this demand needs."""
        return max(0, math.ceil(self.demand_at(at) / self.threshold - 1e-9))

    def clock(self, at: float) -> str:
        """The time of day in the trace."""
        return f"{datetime.fromtimestamp(at - self.shift_seconds, UTC):%H:%M:%S}"


def next_minute(now: float) -> float:
    """The first whole minute at or after `now`."""
    return math.ceil(now / STEP_SECONDS) * STEP_SECONDS


def steepest_rise(series: Series) -> int:
    """The point at which the steepest rise of the last day begins."""
    last_day = series.values[-DAY_POINTS:]
    rises = last_day[RISE_POINTS:] - last_day[:-RISE_POINTS]
    return len(series) - len(last_day) + int(np.argmax(rises))


def real_trace() -> Play | None:
    """The real trace before the steepest rise of its last day; None where it isn't there."""
    if not (traces.traces_folder() / f"{TRACE}.csv.gz").is_file():
        return None
    return _before_the_rise(TRACE, TRACE_SOURCE, traces.trace(TRACE))


def generated() -> Play:
    """Made-up demand of the same kind, for machines without the trace."""
    end_at = GENERATED_START_AT + GENERATED_DAYS * 86_400.0
    made = generate(
        np.random.default_rng(SEED), Shape(), start_at=GENERATED_START_AT, end_at=end_at
    )
    every = round(STEP_SECONDS / made.step_seconds)
    minutes = Series(
        start_at=GENERATED_START_AT, step_seconds=STEP_SECONDS, values=made.values[:-1:every]
    )
    return _before_the_rise("generated", "simulations/demand.py", minutes)


def _before_the_rise(name: str, source: str, series: Series) -> Play:
    rise = steepest_rise(series)
    top = float(np.max(series.values[rise : rise + RISE_POINTS + 1]))
    # One digit, rounded up: 545 / 14 = 38.9 becomes 40.
    unit = 10.0 ** math.floor(math.log10(top / REPLICAS_AT_THE_TOP))
    threshold = math.ceil(top / REPLICAS_AT_THE_TOP / unit) * unit
    return Play(name, source, series, rise - LEAD_IN_POINTS, threshold)
