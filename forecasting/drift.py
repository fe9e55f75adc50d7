"""Whether a fitted mixture has lost its footing: recent loss and coverage against its own past.

A refit learns from the day so far, so it pays after a change of shape or level that the day's
learners never saw. The test looks at the median expert, as it was corrected at the time.
"""

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.walk import Record

RECENT_SECONDS = 3 * 3600.0
MIN_APART_SECONDS = 4 * 3600.0  # from what was learnt until a refit may be asked for
MIN_OUTCOMES = 12
LOSS_RATIO = 3.0  # of the mean loss relative to the peaks; storms of noise stay below
LEAST_COVERAGE_RATIO = 0.5  # of the level
# Below it an ordinary rise or fall of three hours is above or under every bound: held says nothing.
COVERED_FROM_LEVEL = 0.8


def has_drifted(record: Record, *, fitted_at: float, now: float, level: float) -> bool:
    """Return whether the last hours were far worse than the days before them.

    Each origin is judged by the median expert, so that one that failed is not a drift.
    """
    if now - fitted_at < MIN_APART_SECONDS:
        return False
    losses, held = _by_origin(record.losses), _by_origin(record.bounds) >= record.peaks
    known = ~(np.isnan(losses) | np.isnan(record.peaks))
    recent = known & (record.at > max(now - RECENT_SECONDS, fitted_at))
    before = known & (record.at <= max(now - RECENT_SECONDS, fitted_at))
    if min(np.count_nonzero(recent), np.count_nonzero(before)) < MIN_OUTCOMES:
        return False
    if level >= COVERED_FROM_LEVEL and held[recent].mean() < LEAST_COVERAGE_RATIO * level:
        return True
    worse = _relative(losses, record.peaks, recent)
    usual = _relative(losses, record.peaks, before)
    return bool(worse > LOSS_RATIO * usual)


def _by_origin(rows: FloatMatrix) -> FloatVector:
    """Return the median expert at each origin, (n,); NaN where none is known."""
    ranked = np.sort(rows, axis=0)  # NaN last
    n_known = np.count_nonzero(~np.isnan(rows), axis=0)
    return np.asarray(ranked[np.maximum(n_known - 1, 0) // 2, np.arange(rows.shape[1])])


def _relative(
    losses: FloatVector, peaks: FloatVector, use: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> float:
    total = float(peaks[use].sum())
    return float(losses[use].sum()) / total if total > 0 else 0.0
