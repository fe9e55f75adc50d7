"""The protocol's `+conf`: a rolling conformal offset that no rival ships, and that rescues many.

The residuals of the origins in a window as long as the calibration span, whose outcomes are known
by now, give their `level` quantile; the forecast is moved by it, in logarithms or in the unit of
the series (`+add`).
"""

from math import ceil

import numpy as np
from forecast_protocol import Case

from forecasting.arrays import FloatVector


def calibrated(case: Case, points: FloatVector, *, is_additive: bool = False) -> FloatVector:
    """Return forecasts at the origins of a case, moved by what they lacked of late."""
    raw = np.maximum(points, 0.0)
    offset = 0.02 * float(case.series.values.mean()) + 1e-9
    scale = raw if is_additive else np.log(raw + offset)
    peaks = case.peaks(case.origins)
    errors = (peaks if is_additive else np.log(peaks + offset)) - scale
    lag = ceil(case.n_horizon / case.origin_bins) + 1
    n_window = round(case.calibration_days * case.bins_per_day / case.origin_bins)
    shifts = np.zeros(raw.size)
    for line in range(lag + 1, raw.size):
        known = errors[max(0, line - lag - n_window) : line - lag]
        shifts[line] = np.quantile(known, case.level)
    moved = scale + shifts
    return np.asarray(moved if is_additive else np.exp(moved) - offset)
