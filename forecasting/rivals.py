"""What others do, re-implemented as honestly as their size allows, behind the same protocol.

A rival says one figure whatever quantile is asked for, because that is what its users get
(`TimeOfDay` alone heeds the quantile). A name ends in "-like" where the original is a whole
product and only its formula is here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.localtime import DAY_SECONDS, day_number, falls_on_weekend, same_clock_times
from forecasting.series import Series
from forecasting.windows import MIN_OBSERVED_RATIO, n_steps

PROFILE_DAYS = 28
AROUND_SECONDS = 900.0
SPACING_SECONDS = 300.0
MIMIR_BACK_SECONDS = 7 * DAY_SECONDS - 1800.0
LOOK_BACK_SECONDS = 300.0  # how far back Prometheus looks for a sample
KEDASTRAL_WINDOW_SECONDS = 1800.0
# How far the season lies above the line, and how much of it is then taken; half otherwise.
KEDASTRAL_HIGH, KEDASTRAL_RAISED, KEDASTRAL_LOW = 1.5, 1.2, 0.8

Bound = Callable[[Series, Task], float]
"""Takes what is known and the question; gives a figure, NaN where there is nothing to go by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A forecaster that learns nothing: `bound` is asked anew each time."""

    method: str
    bound: Bound

    def fit(self, history: Series, task: Task) -> "FittedRule":  # noqa: ARG002 - nothing to learn
        """Return the rule with its task."""
        return FittedRule(method=self.method, bound=self.bound, task=task)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRule:
    """A rule and the question that it answers."""

    method: str
    bound: Bound
    task: Task

    def forecast(self, history: Series) -> Forecast:
        """Return what the rule says; raises `NotEnoughHistory` where it says nothing."""
        return answered(history, self.task, self.method, self.bound(history, self.task))


def answered(history: Series, task: Task, method: str, value: float) -> Forecast:
    """Return a rival's figure as a forecast; NaN is `NotEnoughHistory`, below zero is zero."""
    if not np.isfinite(value):
        raise NotEnoughHistory(f"{method} finds nothing to start from")
    return Forecast(
        issued_at=history.end_at,
        horizon_seconds=task.horizon_seconds,
        level=task.level,
        value=max(0.0, value),
        method=method,
    )


def newest(history: Series) -> float:
    """Return the newest observation, NaN without any; looks back a day before it looks further."""
    recent = history.between(history.end_at - DAY_SECONDS, history.end_at).last_observed
    return history.last_observed if np.isnan(recent) else recent


def last_value(history: Series, task: Task) -> float:  # noqa: ARG001 - whatever is asked
    """Return the newest observation: what a reactive scaler goes by."""
    return newest(history)


def raised_mean(history: Series, task: Task) -> float:  # noqa: ARG001 - whatever is asked
    """Return 1.25 times the mean of the last three minutes: a reactive scaler with headroom.

    A quarter on top is what a target utilisation of 80 % leaves.
    """
    window = history.values[-n_steps(180.0, history.step_seconds) :]
    known = window[~np.isnan(window)]
    return 1.25 * (float(known.mean()) if known.size else newest(history))


def yesterday(history: Series, task: Task) -> float:
    """Return the peak of the same window on the local day before, as it was."""
    return _peak_days_ago(history, task, 1)


def last_week(history: Series, task: Task) -> float:
    """Return the peak of the same window seven local days ago, as it was."""
    return _peak_days_ago(history, task, 7)


def _peak_days_ago(history: Series, task: Task, n_days: int) -> float:
    now = np.array([history.end_at])
    then = float(same_clock_times(now, task.zone, n_days=n_days)[-1, 0])
    return peak_after(history, then, task.horizon_seconds)


def week_offset(history: Series, task: Task) -> float:  # noqa: ARG001 - whatever is asked
    """Return the larger of the newest value and the one 6 days, 23 h and 30 min ago.

    As Grafana Mimir scales its queriers: PromQL's `x offset 6d23h30m` beside `x`
    (grafana/mimir#7775). It looks half an hour ahead whatever the lead time.
    """
    then = history.end_at - MIMIR_BACK_SECONDS
    old = history.between(then - LOOK_BACK_SECONDS, then).last_observed
    return float(np.fmax(newest(history), old))


def day_profile(history: Series, task: Task) -> float:
    """Return the quantile of past peaks at this time of day, a quarter of an hour around.

    Up to 28 days of the same kind (working day or weekend) count, all of them while there are
    fewer than two; the newest value while there is none.
    """
    now = np.array([history.end_at])
    moments = same_clock_times(now, task.zone, n_days=PROFILE_DAYS)[:, 0]
    moments = moments[moments - AROUND_SECONDS >= history.start_at]
    around = np.arange(-AROUND_SECONDS, AROUND_SECONDS + 1, SPACING_SECONDS)
    peaks = np.array(
        [
            [peak_after(history, at + shift, task.horizon_seconds) for shift in around]
            for at in moments.tolist()
        ]
    ).reshape(moments.size, around.size)
    free = falls_on_weekend(day_number(moments, task.zone))
    has_day = ~np.isnan(peaks).all(axis=1)
    alike = has_day & (free == falls_on_weekend(day_number(now, task.zone))[0])
    chosen = peaks[alike] if alike.sum() > 1 else peaks[has_day]
    known = chosen[~np.isnan(chosen)]
    return float(np.quantile(known, task.level)) if known.size else newest(history)


def kedastral(history: Series, task: Task) -> float:
    """Return the maximum of Kedastral's baseline path (its documentation and release 0.1.7).

    From the last 30 minutes (its default): a straight line through the last ten points gives the
    slope, the difference of the slopes of the two halves the momentum, so
    ``y(t) = last + slope t + momentum t^2 / 120`` with t in seconds. Where the window holds a
    minute of the hour twice, or else the hour of the day (UTC) twice, that is blended in, the
    more the further it lies above the line.
    """
    step = history.step_seconds
    window = history.between(history.end_at - KEDASTRAL_WINDOW_SECONDS + step, history.end_at)
    seen = ~np.isnan(window.values)
    values, times = window.values[seen], window.times[seen]
    if values.size == 0:
        return newest(history)
    slope, momentum = _slope(values, step), _momentum(values, step)
    ahead = step * np.arange(1, n_steps(task.horizon_seconds, step) + 1)
    line = values[-1] + slope * ahead + 0.5 * momentum * ahead**2 / 60.0
    seasons = [_season(values, times, times[-1] + after, momentum) for after in ahead.tolist()]
    return float(np.max(_blended(line, np.array(seasons))))


def _slope(values: FloatVector, step_seconds: float) -> float:
    """Return the least-squares slope of the last ten points, per second."""
    recent = values[-10:]
    if recent.size < 2:  # noqa: PLR2004 - a line needs two points
        return 0.0
    around = np.arange(recent.size) - (recent.size - 1) / 2
    return float(around @ recent / (around @ around)) / step_seconds


def _momentum(values: FloatVector, step_seconds: float) -> float:
    if values.size < 6:  # noqa: PLR2004 - two halves of three
        return 0.0
    half = values.size // 2
    return _slope(values[half:], step_seconds) - _slope(values[:half], step_seconds)


def _season(values: FloatVector, times: FloatVector, at: float, momentum: float) -> float:
    """Return what the window held at this minute of the hour, or else in this hour; or NaN."""
    for bucket, n_buckets in ((60.0, 60), (3600.0, 24)):
        same = values[(times // bucket) % n_buckets == (at // bucket) % n_buckets]
        if same.size > 1:
            mean = float(same.mean())
            return 0.7 * mean + 0.3 * float(same.max()) if momentum > 0 else mean
    return float("nan")


def _blended(line: FloatVector, season: FloatVector) -> FloatVector:
    ratio = season / (line + 1.0)
    is_apart = [ratio > KEDASTRAL_HIGH, ratio > KEDASTRAL_RAISED, ratio < KEDASTRAL_LOW]
    share = np.select(is_apart, [0.8, 0.7, 0.6], default=0.5)
    return np.where(np.isnan(season), line, (1.0 - share) * line + share * np.nan_to_num(season))


def peak_after(history: Series, at: float, horizon_seconds: float) -> float:
    """Return the peak of the window after `at`, NaN where it was not observed well enough."""
    n_horizon = n_steps(horizon_seconds, history.step_seconds)
    place = int(np.floor((at - history.start_at) / history.step_seconds + 1e-9))
    if place < -1 or place + n_horizon >= len(history):
        return float("nan")
    ahead = history.values[place + 1 : place + 1 + n_horizon]
    known = ahead[~np.isnan(ahead)]
    return float(known.max()) if known.size >= MIN_OBSERVED_RATIO * n_horizon else float("nan")
