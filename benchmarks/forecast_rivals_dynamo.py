"""NVIDIA Dynamo's planner-like predictors, from its published source (planner/core/load).

Dynamo sees means of 180 s and forecasts one such step. Here the same model goes on until the window
is over, and its maximum is the forecast. ARIMA's order comes from statsforecast's AutoARIMA instead
of pmdarima's; it is fitted once, as Dynamo does, and then only filtered.
"""

import numpy as np
import pandas as pd
from forecast_protocol import HORIZONS, Said, Stopwatch, Trace
from forecast_rivals_models import SEED, quiet

from forecasting.arrays import FloatMatrix, FloatVector

INTERVAL_SECONDS = 180.0
LEVEL_NOISE, TREND_NOISE, OBSERVATION_NOISE, FIRST_SPREAD = 1.0, 0.1, 10.0, 1000.0
ARIMA_POINTS = 960  # two days: auto_arima on all of them takes minutes
PROPHET_POINTS = 50
PROPHET_TRACES = ("crane_input2_1min", "crane_input8_1min", "servegen_m-small_1min_resampled")


def kalman_trend(trace: Trace) -> Said:
    """Local linear trend with level noise 1, trend noise 0.1, observation noise 10."""
    watch = Stopwatch()
    means = interval_means(trace)
    states = np.empty((means.size, 2))
    move = np.array([[1.0, 1.0], [0.0, 1.0]])
    noise = np.diag([LEVEL_NOISE, TREND_NOISE])
    with watch.tick(means.size):
        state, spread = np.array([means[0], 0.0]), np.eye(2) * FIRST_SPREAD
        for place, value in enumerate(means):
            if place:
                state, spread = move @ state, move @ spread @ move.T + noise
            gain = spread[:, 0] / (spread[0, 0] + OBSERVATION_NOISE)
            state = state + gain * (value - state[0])
            spread = spread - np.outer(gain, spread[0])
            states[place] = state
    newest = states[known_intervals(trace) - 1]
    ahead = np.arange(1, n_intervals(trace, HORIZONS[-1]) + 1)
    return watch.said(peaks(trace, newest[:, :1] + newest[:, 1:] * ahead))


def auto_arima(trace: Trace) -> Said:
    """Non-seasonal ARIMA, order and coefficients from the days before the first origin."""
    from statsforecast.arima import auto_arima_f  # noqa: PLC0415 - of the benchmark extra
    from statsmodels.tsa.arima.model import ARIMA  # noqa: PLC0415 - slow to import

    watch = Stopwatch()
    means = interval_means(trace)
    first = int(known_intervals(trace)[0])
    known = means[max(0, first - ARIMA_POINTS) : first]
    with watch.fit():
        order = auto_arima_f(known, seasonal=False)["arma"]
        model = ARIMA(known, order=(order[0], order[5], order[1]), trend="n" if order[5] else "c")
        fitted = model.fit()
    with watch.tick(means.size):
        seen = fitted.apply(means).filter_results
        states = seen.filtered_state[:, known_intervals(trace) - 1]
        shift = seen.state_intercept[:, :1]
        path = np.empty((trace.origins.size, n_intervals(trace, HORIZONS[-1])))
        for step in range(path.shape[1]):
            states = seen.transition[:, :, 0] @ states + shift
            path[:, step] = (seen.design[:, :, 0] @ states + seen.obs_intercept[:, :1])[0]
    return watch.said(peaks(trace, path))


def prophet_50(trace: Trace) -> Said | None:
    """Prophet as it is on the last 50 points with a synthetic calendar, fitted at every origin.

    A thousand fits a trace: only some traces, see `PROPHET_TRACES`.
    """
    if trace.name not in PROPHET_TRACES:
        return None
    from prophet import Prophet  # noqa: PLC0415 - of the benchmark extra

    quiet()
    watch = Stopwatch()
    means = interval_means(trace)
    step = pd.Timedelta(seconds=INTERVAL_SECONDS)
    n_ahead = n_intervals(trace, HORIZONS[-1])
    calendar = pd.date_range("2024-01-01", periods=PROPHET_POINTS + n_ahead, freq=step)
    path = np.empty((trace.origins.size, n_ahead))
    for line, end in enumerate(known_intervals(trace)):
        with watch.tick():
            seen = pd.DataFrame(
                {"ds": calendar[:PROPHET_POINTS], "y": means[end - PROPHET_POINTS : end]}
            )
            model = Prophet(uncertainty_samples=0)
            model.fit(seen, seed=SEED)
            ahead = pd.DataFrame({"ds": calendar[PROPHET_POINTS:]})
            path[line] = model.predict(ahead)["yhat"].to_numpy()
    return watch.said(peaks(trace, path))


def interval_means(trace: Trace) -> FloatVector:
    """Return the means of 180 s, the first beginning with the series; whole ones only."""
    n_mean = trace.bins(INTERVAL_SECONDS)
    whole = len(trace.series) // n_mean * n_mean
    return np.asarray(trace.series.values[:whole].reshape(-1, n_mean).mean(axis=1))  # noqa: PD011


def known_intervals(trace: Trace) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return how many intervals are over at each origin."""
    return (trace.origins + 1) // trace.bins(INTERVAL_SECONDS)


def n_intervals(trace: Trace, minutes: int) -> int:
    """Return how many intervals a window touches."""
    return -(-trace.bins(minutes * 60) // trace.bins(INTERVAL_SECONDS))


def peaks(trace: Trace, path: FloatMatrix) -> np.ndarray:
    """Return the maxima of paths, (n_origins, n_steps), for each horizon of the protocol."""
    ends = [n_intervals(trace, minutes) for minutes in HORIZONS]
    return np.array([[path[:, :end].max(axis=1) for end in ends]])
