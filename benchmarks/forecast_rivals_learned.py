"""Learners of the reference: dynamic harmonic regression, linear and boosted quantiles.

They learn the window's maximum itself and are fitted once, on the data before the first origin.
The features are those of the benchmark's authors, computed here apart from Prewarm's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import pandas as pd
from forecast_protocol import HORIZONS, LEVELS, Said, Stopwatch, Trace
from forecast_rivals_simple import is_weekend
from threadpoolctl import threadpool_limits

from forecasting.arrays import FloatMatrix, FloatVector, IndexVector

TRAINING_DAYS = 28
HALF_LIFE_DAYS = 14.0
WEEKLY_FROM_DAYS = 10
ROW_SECONDS = 300
RIDGE = 1e-3
N_IRLS = 25
BOOSTING = {
    "objective": "quantile", "learning_rate": 0.08, "num_leaves": 15, "min_data_in_leaf": 40,
    "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": 7,
    "num_threads": 1, "verbose": -1,
}  # fmt: skip
N_TREES = 80
Fit = Callable[[FloatMatrix, FloatVector, float], Callable[[FloatMatrix], FloatVector]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """What the learners read; every array has one entry for each bin of the trace."""

    offset: float
    base: FloatVector  # log of the 15-minute mean
    harmonic: FloatVector  # log path of the harmonic regression
    features: FloatMatrix  # (n, n_features), without those of the window


def harmonic_path(trace: Trace, logs: FloatVector) -> FloatVector:
    """Return the harmonic regression of 5-minute means of logs, fitted before the first origin."""
    begin = trace.origins[0]
    first = max(0, begin - TRAINING_DAYS * trace.bins_per_day)
    places = np.arange(len(trace.series))
    days = places / trace.bins_per_day
    weekend = is_weekend(trace, places).astype(float)
    columns = [np.ones(days.size), weekend]
    for k in range(1, 11):
        columns += [np.sin(2 * np.pi * k * days), np.cos(2 * np.pi * k * days)]
    for k in range(1, 4):
        columns += [weekend * columns[2 * k], weekend * columns[2 * k + 1]]
        if (begin - first) / trace.bins_per_day >= WEEKLY_FROM_DAYS:
            columns += [np.sin(2 * np.pi * k * days / 7), np.cos(2 * np.pi * k * days / 7)]
    design = np.stack(columns, axis=1)
    rows = np.arange(first, begin, trace.bins(ROW_SECONDS))
    smooth = pd.Series(logs).rolling(trace.bins(ROW_SECONDS), min_periods=1).mean().to_numpy()
    weights = np.sqrt(0.5 ** ((begin - rows) / trace.bins_per_day / HALF_LIFE_DAYS))
    coefficients = np.linalg.lstsq(
        design[rows] * weights[:, None], smooth[rows] * weights, rcond=1e-8
    )[0]
    return np.asarray(design @ coefficients)


def read_logs(trace: Trace) -> Logs:
    """Return the logarithms and the features that need no horizon."""
    values = pd.Series(trace.series.values)
    offset = 0.02 * float(values[: trace.origins[0]].mean()) + 1e-9

    def mean(seconds: float) -> FloatVector:
        rolled = values.rolling(trace.bins(seconds), min_periods=1).mean()
        return np.log(rolled.to_numpy() + offset)

    def top(seconds: float) -> FloatVector:
        rolled = values.rolling(trace.bins(seconds), min_periods=1).max()
        return np.log(rolled.to_numpy() + offset)

    logs = np.log(values.to_numpy() + offset)
    base = mean(900)
    day = trace.bins_per_day
    relative = [logs, mean(300), mean(3600), mean(86_400), top(900), top(3600), lagged(base, day)]
    if trace.origins[0] > 7 * day:
        relative.append(
            np.where(np.arange(base.size) < 7 * day, relative[-1], lagged(base, 7 * day))
        )
    angle = 2 * np.pi * np.arange(base.size) / day
    spread = pd.Series(logs).rolling(trace.bins(3600), min_periods=1).std(ddof=0).to_numpy()
    plain = [
        spread, np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle),
        is_weekend(trace, np.arange(base.size)).astype(float),
    ]  # fmt: skip
    features = np.stack([*(one - base for one in relative), *plain], axis=1)
    return Logs(offset=offset, base=base, harmonic=harmonic_path(trace, logs), features=features)


def lagged(values: FloatVector, n_bins: int) -> FloatVector:
    """Return values so many bins ago; the first ones stand for what was before."""
    return np.concatenate([values[:n_bins], values[:-n_bins]])


def harmonic_peak(trace: Trace, logs: Logs, places: IndexVector, minutes: int) -> FloatVector:
    """Return the maximum of the harmonic path over the window, in logs."""
    ahead = places[:, None] + np.arange(1, trace.bins(minutes * 60) + 1)
    return np.asarray(logs.harmonic[ahead].max(axis=1))


def rows_of(trace: Trace, logs: Logs, places: IndexVector, minutes: int) -> FloatMatrix:
    """Return all features at places whose windows of past days are over."""
    day = trace.bins_per_day
    base = logs.base[places]

    def peak(n_days: int) -> FloatVector:
        found = np.log(trace.window_peaks(places - n_days * day, minutes) + logs.offset)
        return np.asarray(found)

    columns = [peak(1), sum(peak(k) for k in (1, 2, 3)) / 3 if places[0] >= 3 * day else peak(1)]
    columns += [harmonic_peak(trace, logs, places, minutes), logs.harmonic[places]]
    if trace.origins[0] > 7 * day:
        old = np.maximum(places - 7 * day, 0)
        week = np.log(trace.window_peaks(old, minutes) + logs.offset)
        columns.append(np.where(places < 7 * day, columns[0], week))
    return np.column_stack([logs.features[places], *(one - base for one in columns)])


def training_places(trace: Trace, minutes: int) -> IndexVector:
    """Return every fifth minute of up to 28 days, outcome known before the first origin."""
    skipped = 3 if trace.origins[0] > 5 * trace.bins_per_day else 1
    begin = max(skipped * trace.bins_per_day, trace.origins[0] - TRAINING_DAYS * trace.bins_per_day)
    return np.arange(begin, trace.origins[0] - trace.bins(minutes * 60), trace.bins(ROW_SECONDS))


def learned(*fits: Fit) -> Callable[[Trace], Said]:
    """Return the source whose forecast is the mean, in logs, of learners."""

    def source(trace: Trace) -> Said:
        watch = Stopwatch()
        logs = read_logs(trace)
        found = np.empty((len(LEVELS), len(HORIZONS), trace.origins.size))
        for column, minutes in enumerate(HORIZONS):
            places = training_places(trace, minutes)
            rows = rows_of(trace, logs, places, minutes)
            target = np.log(trace.window_peaks(places, minutes) + logs.offset) - logs.base[places]
            asked = rows_of(trace, logs, trace.origins, minutes)
            for row, level in enumerate(LEVELS):
                with watch.fit(), threadpool_limits(limits=1):
                    models = [fit(rows, target, level) for fit in fits]
                with watch.tick(trace.origins.size):
                    rise = np.mean([model(asked) for model in models], axis=0)
                found[row, column] = np.exp(rise + logs.base[trace.origins]) - logs.offset
        return watch.said(found)

    return source


def linear_quantiles(
    rows: FloatMatrix, target: FloatVector, level: float
) -> Callable[[FloatMatrix], FloatVector]:
    """Fit a linear quantile regression by reweighted least squares (IRLS)."""
    centre, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    design = np.c_[np.ones(len(rows)), (rows - centre) / scale]
    ridge = RIDGE * len(rows) * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    weights = np.ones(len(rows))
    coefficients = np.zeros(design.shape[1])
    for _ in range(N_IRLS):
        weighted = design * weights[:, None]
        coefficients = np.linalg.solve(design.T @ weighted + ridge, weighted.T @ target)
        short = target - design @ coefficients
        weights = np.where(short > 0, level, 1 - level) / np.maximum(np.abs(short), 1e-3)
    return lambda asked: np.c_[np.ones(len(asked)), (asked - centre) / scale] @ coefficients


def boosted_quantiles(
    rows: FloatMatrix, target: FloatVector, level: float
) -> Callable[[FloatMatrix], FloatVector]:
    """Fit LightGBM's quantile objective."""
    import lightgbm  # noqa: PLC0415 - of the benchmark extra

    data = lightgbm.Dataset(rows, target)
    model = lightgbm.train({**BOOSTING, "alpha": level}, data, num_boost_round=N_TREES)
    return lambda asked: np.asarray(model.predict(asked))


def harmonic_regression(trace: Trace) -> Said:
    """Return the peak of the harmonic path, corrected by how far the level is off it now."""
    watch = Stopwatch()
    with watch.fit():
        logs = read_logs(trace)
    points = np.empty((1, len(HORIZONS), trace.origins.size))
    for column, minutes in enumerate(HORIZONS):
        places = training_places(trace, minutes)
        with watch.tick(trace.origins.size):
            ahead = harmonic_peak(trace, logs, places, minutes)
            lack = np.log(trace.window_peaks(places, minutes) + logs.offset) - ahead
            off = logs.base[places] - logs.harmonic[places]
            fit = np.polynomial.polynomial.polyfit(off, lack, 1)
            now = logs.base[trace.origins] - logs.harmonic[trace.origins]
            peak = harmonic_peak(trace, logs, trace.origins, minutes)
            moved = peak + fit[0] + fit[1] * now
            points[0, column] = np.exp(np.minimum(moved, log(1e3) + logs.base.max())) - logs.offset
    return watch.said(points)
