"""Additive Holt-Winters on means of 15 minutes, ten days, a day's season, refitted daily.

Predictive HPAs (jthomperoo/predictive-horizontal-pod-autoscaler) use it. Theirs has a trend and
gains that the user sets; this one fits its gains and has no trend. Of the forms tried on the traces
here (fitted with a plain, a damped and no trend; seven sets of fixed gains) a damped trend was one
per cent better raw and no trend four per cent better calibrated; the rest were worse. The online
form also updates level and season at each quarter of an hour, which is closest to what they do.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from forecast_protocol import HORIZONS, Said, Stopwatch, Trace
from forecast_rivals_paths import QUARTER_SECONDS, begun_bins, quarters
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from forecasting.arrays import FloatMatrix, FloatVector

DAY_QUARTERS = 96
N_DAYS = 10


@dataclass(frozen=True, slots=True)
class State:
    """Level and the season that follows, (96,), with their gains."""

    level: float
    season: FloatVector
    level_gain: float
    season_gain: float

    def updated(self, value: float) -> "State":
        """Return the state after one more quarter of an hour."""
        expected = self.season[0]
        level = self.level_gain * (value - expected) + (1 - self.level_gain) * self.level
        # As statsmodels writes it: the season is corrected by the level before this value.
        newest = self.season_gain * (value - self.level) + (1 - self.season_gain) * expected
        return State(level, np.r_[self.season[1:], newest], self.level_gain, self.season_gain)

    def path(self, n_steps: int) -> FloatVector:
        """Return the forecast of the quarters ahead."""
        return self.level + np.resize(self.season, n_steps)


def fitted_state(means: FloatVector) -> State:
    """Return the state at the end of means that last two days or more."""
    model = ExponentialSmoothing(
        means, seasonal="add", seasonal_periods=DAY_QUARTERS, initialization_method="heuristic"
    )
    fit = model.fit()
    return State(
        level=float(fit.level[-1]),
        season=np.asarray(fit.season[-DAY_QUARTERS:]),
        level_gain=float(fit.params["smoothing_level"]),
        season_gain=float(fit.params["smoothing_seasonal"]),
    )


def holt_winters(means: FloatVector, n_steps: int, _end_at: float) -> FloatMatrix:
    """Return the path of the daily fit."""
    return fitted_state(means).path(n_steps)[None]


def holt_winters_online(trace: Trace) -> Said:
    """Return peaks of the path that the state after the last whole quarter gives."""
    watch = Stopwatch()
    n_mean = trace.bins(QUARTER_SECONDS)
    ends = [trace.bins(minutes * 60) for minutes in HORIZONS]
    found = np.empty((1, len(HORIZONS), trace.origins.size))
    begin, n_seen, state = -1, 0, None  # n_seen: bins in whole quarters that the state knows
    for line, place in enumerate(trace.origins):
        if state is None or place - begin >= trace.bins_per_day:
            begin = int(place)
            n_seen = begin + 1 - begun_bins(trace, begin + 1)
            with watch.fit():
                state = fitted_state(quarters(trace, trace.series.values[:n_seen], N_DAYS))
        with watch.tick():
            while n_seen + n_mean <= place + 1:
                state = state.updated(trace.series.values[n_seen : n_seen + n_mean].mean())
                n_seen += n_mean
            since = place + 1 - n_seen
            path = np.repeat(state.path(ceil((since + ends[-1]) / n_mean)), n_mean)
            found[0, :, line] = [path[since : since + end].max() for end in ends]
    return watch.said(found)
