"""KEDA's cron triggers as an operator writes them: a table of hours from the week before.

Each hour of the local week has the replicas that carried its peak a week ago. A new table each week
comes to the same as to look at the hour seven local days back, which is what is done here.
"""

from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.localtime import offset_seconds, same_clock_time
from forecasting.series import Series
from simulations.policies.open_loop import Bounds
from simulations.policies.static import ROUNDING

WEEK_DAYS = 7
HOUR_SECONDS = 3_600.0


def scheduled(
    demand: Series, zone: ZoneInfo, *, per_replica: float, begin_at: float, ahead_seconds: float
) -> Bounds:
    """Return the `desiredReplicas` in force at each grid point from `begin_at` on.

    `ahead_seconds`: schedules begin that much before their hour, so that pods are up in time: the
    larger of the hour now and the one at that distance holds. NaN where that hour wasn't observed.
    """
    at = demand.times[demand.times >= begin_at]
    now, later = (_peaks(demand, zone, at + ahead) for ahead in (0.0, ahead_seconds))
    counts = np.ceil(np.fmax(now, later) / per_replica - ROUNDING)
    return Bounds(start_at=float(at[0]), step_seconds=demand.step_seconds, values=counts)


def _peaks(demand: Series, zone: ZoneInfo, at: FloatVector) -> FloatVector:
    """Return the peak of the local hour that holds each moment, a week before."""
    then = same_clock_time(at, zone, days_ago=WEEK_DAYS)
    past = (then + offset_seconds(then, zone)) // HOUR_SECONDS
    hours, place = np.unique(past, return_inverse=True)
    local = (demand.times + offset_seconds(demand.times, zone)) // HOUR_SECONDS
    first, end = np.searchsorted(local, hours), np.searchsorted(local, hours, side="right")
    peaks = np.array(
        [_peak(demand.values[a:b]) for a, b in zip(first.tolist(), end.tolist(), strict=True)]
    )
    return np.asarray(peaks[place], dtype=np.float64)


def _peak(values: FloatVector) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else float("nan")
