"""Irregular samples to a regular grid: NaN where nothing was observed, zero where zero was.

Samples may come in any order, twice, late and with holes; the result depends only on which
samples there are. What can't be demand (negative, infinite) counts as not observed.
"""

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.series import Series

_SAME_TIME_SECONDS = 0.001  # times closer than that are one
_STRAY_RATIO = 10.0  # growth out of a low reading, over growth past it, that no restart explains
_RESTART_RATIO = 0.5  # a counter that starts anew starts far below where it was
_LEAST_KNOWN_RATIO = 0.5  # of a step, for a rate to speak for it


def to_series(
    times: FloatVector,
    values: FloatVector,
    *,
    step_seconds: float,
    start_at: float,
    end_at: float,
    hold_seconds: float = 0.0,
) -> Series:
    """Return the grid points in [start_at, end_at] from samples (n,), in any order.

    A point is the mean of the samples in (point - step, point]. Where there are none, a sample
    holds for less than `hold_seconds`: give the usual time between samples when they are coarser
    than the grid. Two values at one time: the larger one counts.
    """
    times, values = in_order(times, values)
    n_points = max(0, int(np.floor((end_at - start_at) / step_seconds + 1e-9)) + 1)
    means = on_grid(
        times,
        values,
        hold_seconds=hold_seconds,
        start_at=start_at,
        step_seconds=step_seconds,
        n_points=n_points,
    )
    return Series(start_at=start_at, step_seconds=step_seconds, values=means)


def in_order(times: FloatVector, values: FloatVector) -> tuple[FloatVector, FloatVector]:
    """Return the samples in time order, one for each time, NaN for what can't be demand."""
    keys = np.round(np.asarray(times, dtype=np.float64) / _SAME_TIME_SECONDS)
    values = np.asarray(values, dtype=np.float64)
    possible = np.isfinite(values) & (values >= 0)
    values = np.where(possible, values, np.nan)
    usable = np.isfinite(keys)
    keys, values = keys[usable], values[usable]
    order = np.lexsort((np.where(np.isnan(values), -1.0, values), keys))
    keys, values = keys[order], values[order]
    is_last = np.append(np.diff(keys) > 0, np.ones(min(keys.size, 1), dtype=np.bool_))
    return keys[is_last] * _SAME_TIME_SECONDS, values[is_last]


def on_grid(
    times: FloatVector,
    values: FloatVector,
    *,
    hold_seconds: float,
    start_at: float,
    step_seconds: float,
    n_points: int,
) -> FloatVector:
    """Return `n_points` grid points from `start_at` on, each from samples at or before it.

    `times` increase. The mean of the observed samples in (point - step, point]; where there are
    no samples at all, the one before, if it is less than `hold_seconds` old. A sample that says
    NaN is there: it ends what the one before it holds.
    """
    if n_points == 0 or times.size == 0:
        return np.full(n_points, np.nan)
    # Relative, and to the millisecond: a shift must not push a row past the point that it is on.
    samples_at = np.round(times - start_at, 3)
    points_at = step_seconds * np.arange(n_points)
    first = int(np.searchsorted(samples_at, -step_seconds, side="right"))
    last = int(np.searchsorted(samples_at, points_at[-1], side="right"))
    # The point that a sample counts for: the first at or after it.
    places = np.ceil(samples_at[first:last] / step_seconds).astype(np.intp)
    observed = ~np.isnan(values[first:last])
    n_samples = np.bincount(places, minlength=n_points)
    n_observed = np.bincount(places[observed], minlength=n_points)
    sums = np.bincount(places[observed], values[first:last][observed], n_points)
    means = np.full(n_points, np.nan)
    np.divide(sums, n_observed, out=means, where=n_observed > 0)
    before = np.searchsorted(samples_at, points_at, side="right") - 1
    is_held = (n_samples == 0) & (before >= 0)
    is_held &= points_at - samples_at[np.maximum(before, 0)] < hold_seconds
    means[is_held] = values[before[is_held]]
    return means


def rate_series(
    times: FloatVector,
    counts: FloatVector,
    *,
    step_seconds: float,
    start_at: float,
    end_at: float,
    longest_gap_seconds: float,
) -> Series:
    """Return the rate, per second, of a counter that was sampled at `times` (n,), in any order.

    Each point is the mean rate over the step before it; NaN where less than half of the step is
    known. Between two samples more than `longest_gap_seconds` apart nothing is known, nor across
    a restart of the counter: how far it came before it fell was not seen. So a restart is a
    short gap, never a dip to zero and never a peak. A single low reading between two high ones
    (another replica's answer, a scrape that failed half way) is left out.
    """
    at, counted = in_order(times, counts)
    seen = ~np.isnan(counted)
    at, counted = _without_strays(at[seen], counted[seen])
    n_points = max(0, int(np.floor((end_at - start_at) / step_seconds + 1e-9)) + 1)
    rates = np.full(n_points, np.nan)
    if at.size > 1 and n_points:
        lengths, growth = np.diff(at), np.diff(counted)
        known = (growth >= 0) & (lengths <= longest_gap_seconds + _SAME_TIME_SECONDS)
        total = np.append(0.0, np.cumsum(np.where(known, growth, 0.0)))
        spent = np.append(0.0, np.cumsum(np.where(known, lengths, 0.0)))
        edges = start_at + step_seconds * np.arange(-1, n_points)
        seconds = np.diff(np.interp(edges, at, spent))
        enough = seconds >= _LEAST_KNOWN_RATIO * step_seconds
        grown = np.maximum(np.diff(np.interp(edges, at, total)), 0.0)
        np.divide(grown, seconds, out=rates, where=enough)
    return Series(start_at=start_at, step_seconds=step_seconds, values=rates)


def _without_strays(at: FloatVector, counted: FloatVector) -> tuple[FloatVector, FloatVector]:
    """Leave out each low reading whose successor goes on from where the counter was before it.

    A restart is not one: from near zero the counter grows about as fast as it did.
    """
    if at.size < 3:  # noqa: PLR2004 - a reading and its two neighbours
        return at, counted
    before, low, after = counted[:-2], counted[1:-1], counted[2:]
    fell, back = low < before, after >= before
    across = (after - before) / (at[2:] - at[:-2])
    out = (after - low) / (at[2:] - at[1:-1])
    is_stray = fell & back & ((low > _RESTART_RATIO * before) | (out > _STRAY_RATIO * across))
    kept = np.concatenate(([True], ~is_stray, [True]))
    return at[kept], counted[kept]
