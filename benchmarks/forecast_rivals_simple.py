"""Rivals that look values up and fit nothing."""

import numpy as np
from forecast_protocol import HORIZONS, LEVELS, Said, Stopwatch, Trace

from forecasting.arrays import FloatVector, IndexVector

HEADROOM = 1.25  # what a utilisation target of 80 % leaves


def last(trace: Trace) -> Said:
    """Return the newest value. It is also what Dynamo's `constant` predictor says."""
    watch = Stopwatch()
    with watch.tick(trace.origins.size):
        values = trace.series.values[trace.origins]
    return watch.said(_for_every_horizon(values))


def reactive(trace: Trace) -> Said:
    """Return the mean of the last three minutes; with its headroom, what an HPA provides."""
    watch = Stopwatch()
    with watch.tick(trace.origins.size):
        ahead = trace.origins[:, None] - np.arange(trace.bins(180))
        means = trace.series.values[ahead].mean(axis=1)
    return watch.said(_for_every_horizon(means))


def yesterday(trace: Trace) -> Said:
    """Return the peak of the same window yesterday: the yardstick itself."""
    return _days_ago(trace, 1)


def last_week(trace: Trace) -> Said | None:
    """Return the peak of the same window a week ago."""
    return _days_ago(trace, 7) if trace.n_days > 14 else None  # noqa: PLR2004 - two weeks


def mimir(trace: Trace) -> Said | None:
    """Return the greater of now and a week ago in 30 minutes: `max(x, x offset 6d23h30m)`.

    The query that grafana/mimir#7775 put into its KEDA trigger.
    """
    week = 7 * trace.bins_per_day
    if trace.origins[0] < week:
        return None
    watch = Stopwatch()
    with watch.tick(trace.origins.size):
        then = trace.series.values[trace.origins - week + trace.bins(1800)]
        values = np.maximum(trace.series.values[trace.origins], then)
    return watch.said(_for_every_horizon(values))


def time_of_day(trace: Trace) -> Said:
    """Return the quantile of peaks at this time of day, a quarter of an hour around."""
    around = trace.bins(300) * np.arange(-3, 4)
    watch = Stopwatch()
    found = np.empty((len(LEVELS), len(HORIZONS), trace.origins.size))
    for line, place in enumerate(trace.origins):
        with watch.tick():
            days = place - trace.bins_per_day * np.arange(1, 29)
            like = is_weekend(trace, days) == is_weekend(trace, place)
            for column, minutes in enumerate(HORIZONS):
                usable = (days + around[0] >= 0) & (
                    days + around[-1] + trace.bins(minutes * 60) <= place
                )
                chosen = days[usable & like if (usable & like).sum() > 1 else usable]
                peaks = trace.window_peaks((chosen[:, None] + around).ravel(), minutes)
                found[:, column, line] = np.quantile(peaks, LEVELS)
    return watch.said(found)


def aws_like(trace: Trace) -> Said:
    """Return an hourly forecast made every six hours from 14 days, or more if now is higher.

    A stand-in for AWS predictive scaling, whose model is closed: the mean of the same hour on
    like days (weekday or weekend), five minutes of buffer, and scale-out only.
    """
    hour = trace.bins(3600)
    watch = Stopwatch()
    found = np.empty((1, len(HORIZONS), trace.origins.size))
    forecasts: FloatVector = np.empty(0)
    begin = -1
    for line, place in enumerate(trace.origins):
        if begin < 0 or place - begin >= 6 * hour:
            begin = int(place)
            with watch.fit():
                forecasts = _hourly(trace, begin)
        with watch.tick():
            for column, minutes in enumerate(HORIZONS):
                until = place + trace.bins((minutes + 5) * 60)
                hours = forecasts[place // hour - begin // hour : until // hour - begin // hour + 1]
                found[0, column, line] = max(hours.max(), trace.series.values[place])
    return watch.said(found)


def is_weekend(trace: Trace, places: IndexVector) -> np.ndarray:
    """Return which grid points lie on a Saturday or Sunday."""
    days = (trace.series.start_at + places * trace.series.step_seconds) // 86_400
    return np.asarray((days + 3) % 7 >= 5)  # noqa: PLR2004 - Saturday


def _days_ago(trace: Trace, n_days: int) -> Said:
    watch = Stopwatch()
    with watch.tick(trace.origins.size):
        places = trace.origins - n_days * trace.bins_per_day
        peaks = np.array([[trace.window_peaks(places, minutes) for minutes in HORIZONS]])
    return watch.said(peaks)


def _hourly(trace: Trace, begin: int) -> FloatVector:
    """Return the forecast of the hour that holds `begin` and of the ten after it."""
    hour = trace.bins(3600)
    n_hours = begin // hour  # those that are over
    known = trace.series.values[: n_hours * hour].reshape(n_hours, hour).mean(axis=1)
    found = []
    for ahead in range(n_hours, n_hours + 11):
        days = ahead - 24 * np.arange(1, 15)
        days = days[(days >= 0) & (days < n_hours)]
        like = is_weekend(trace, days * hour) == is_weekend(trace, np.array(ahead * hour))
        found.append(known[days[like] if like.any() else days].mean())
    return np.array(found)


def _for_every_horizon(values: FloatVector) -> np.ndarray:
    return np.broadcast_to(values, (1, len(HORIZONS), values.size))
