"""The traffic of a study: a file of the user's, or made-up weeks."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from simulations.workload.bins import Bins
from simulations.workload.errors import BadWorkload
from simulations.workload.files import read_workload
from simulations.workload.generated import Traffic, generate
from simulations.workload.known import demand_of
from simulations.workload.requests import Requests

GENERATED = "generated"
MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC
MADE_UP = Traffic(mean_per_second=5.0, bursts_per_day=2.0, burst_factor=1.6)
STEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """The last days of a trace as requests, and the demand of all of it, requests a second."""

    name: str
    history: Bins
    requests: Requests
    demand: Series

    @property
    def peak_per_second(self) -> float:
        """The highest minute of the days that are run."""
        run = self.demand.between(self.requests.start_at, self.demand.end_at)
        return float(pd.Series(run.values).max())


def study(trace: str, *, days: float, history_days: float, seed: int) -> Study:
    """Return a trace split into history and the last `days`; "generated": made-up traffic.

    A file is a CSV or Parquet file with a column of counts. Raises BadWorkload when it is another
    or too short.
    """
    bins = _bins(trace, (days + history_days) * DAY_SECONDS, seed)
    begin = bins.seconds - days * DAY_SECONDS
    if begin < DAY_SECONDS:
        raise BadWorkload(
            f"{trace} has {bins.seconds / DAY_SECONDS:.1f} days; needed are a day of history and "
            f"the {days:g} to run: fewer DAYS, or a longer trace"
        )
    history = bins.between(max(0.0, begin - history_days * DAY_SECONDS), begin)
    requests = bins.between(begin, bins.seconds).requests(seed=seed)
    demand = demand_of(requests, before=history, step_seconds=STEP_SECONDS)
    return Study(name=trace, history=history, requests=requests, demand=demand)


def by_hour(given: Study) -> pd.DataFrame:
    """Return mean demand, requests a second: a row for each weekday, a column for each hour."""
    times = pd.to_datetime(given.demand.times, unit="s")
    told = {"day": times.day_name(), "hour": times.hour, "demand": given.demand.values}  # noqa: PD011 - a Series of ours
    frame = pd.DataFrame(told).pivot_table(index="day", columns="hour", values="demand")
    days = [day for day in _WEEK if day in frame.index]
    return pd.DataFrame(frame.loc[days])


_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _bins(trace: str, seconds: float, seed: int) -> Bins:
    if trace == GENERATED:
        return generate(MADE_UP, start_at=MONDAY, seconds=seconds, seed=seed)
    read = read_workload(Path(trace), seed=seed)
    if not isinstance(read, Bins):
        raise BadWorkload(
            f"{trace} has a row for each request; needed is a column of counts by the minute: "
            "count them by bins first"
        )
    return read
