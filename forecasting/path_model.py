"""The model of a path: one quantile regression a level, over all leads, conformally corrected.

1. Rows are windows of the last four weeks seen from earlier origins (`path_rows`), and the target
   is how far the peak rose above what is usual at that time, in logarithms.
2. A linear quantile regression (Koenker & Bassett 1978) is fitted on all rows, and once more
   without each quarter of the days; what the latter left over on the quarter that they did not
   see are residuals out of sample (cross-conformal: Vovk 2015; Barber et al. 2021).
3. A bound is moved by the quantile of those residuals at like leads, newer ones counting more,
   so bounds are as wide as errors at that distance were.
4. Levels are put in order (Chernozhukov, Fernandez-Val & Galichon 2010).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector
from forecasting.conformal import weighted_quantile
from forecasting.linear import LinearModel, fit_linear, standard_columns
from forecasting.localtime import DAY_SECONDS
from forecasting.past import Past
from forecasting.path_rows import PathRows, read_path_rows, training_pairs

MIN_ROWS = 200
N_FOLDS = 4
RIDGE = 0.02  # per row
CAP_OVER_LARGEST = 1.5
KNOTS_SECONDS = tuple(600.0 * 2.0**n for n in range(13))  # leads at which corrections are known
LEAD_WIDTH = 0.7  # octaves
HALF_LIFE_SECONDS = 14 * DAY_SECONDS
FEW_DAYS = 0.4  # with 1, as split conformal has it, 0.95 covered 0.99 of four traces
MIDDLE = 0.5


class Seen(NamedTuple):
    """How far ahead a window was, and how long ago, in seconds, (n,) each."""

    leads: FloatVector
    age: FloatVector


@dataclass(frozen=True, slots=True, kw_only=True)
class PathModel:
    """A regression for each level and, (n_levels, n_knots), by how much it is moved."""

    models: tuple[LinearModel, ...]
    shifts: FloatMatrix

    def bounds(self, past: Past, begins: FloatVector) -> FloatMatrix:
        """Return bounds of windows that begin at `begins` (n,), from the end, (n_levels, n)."""
        origins = np.full(begins.size, len(past.history) - 1.0)
        rows = _filled(read_path_rows(past, origins, begins), past)
        octaves = np.log2(np.maximum(rows.leads, KNOTS_SECONDS[0]))
        knots = np.log2(KNOTS_SECONDS)
        logs = np.stack(
            [
                rows.usual + model.rises(rows.features) + np.interp(octaves, knots, shifts)
                for model, shifts in zip(self.models, self.shifts, strict=True)
            ]
        )
        largest = float(np.nanmax(past.history.values))
        values = np.exp(np.sort(logs, axis=0)) - past.offset
        return np.asarray(np.clip(values, 0.0, CAP_OVER_LARGEST * largest))


def fit_path_model(
    past: Past, levels: tuple[float, ...], *, until_seconds: float
) -> PathModel | None:
    """Return the model of what the history shows, or None while that is too little."""
    origins, begins = training_pairs(past, until_seconds=until_seconds)
    if begins.size < MIN_ROWS:
        return None
    rows = read_path_rows(past, origins, begins)
    rises = past.logs(past.peak(begins)) - rows.usual
    known = ~np.isnan(rises)
    n_known, widest = int(known.sum()), float(rows.leads[known].max(initial=0.0))
    if n_known < MIN_ROWS or widest < min(until_seconds, DAY_SECONDS) / 2:
        return None
    rows = PathRows(features=rows.features[known], usual=rows.usual[known], leads=rows.leads[known])
    fold = _folds(past.days(begins[known]))
    age = (len(past.history) - 1.0 - begins[known]) * past.history.step_seconds
    models, shifts = [], []
    for level in levels:
        model, residuals = _fitted(rows.features, rises[known], level, fold)
        models.append(model)
        shifts.append(_shifts(residuals, Seen(rows.leads, age), level))
    return PathModel(models=tuple(models), shifts=np.array(shifts))


def _filled(rows: PathRows, past: Past) -> PathRows:
    """Return the rows with the middle of the history where no day says what is usual."""
    seen = past.history.values[~np.isnan(past.history.values)]
    middle = float(np.log(np.median(seen) + past.offset))
    usual = np.where(np.isnan(rows.usual), middle, rows.usual)
    return PathRows(features=rows.features, usual=usual, leads=rows.leads)


def _folds(days: FloatVector) -> FloatVector:
    """Return the fold of each row, (n,): quarters of the days, one after another."""
    first, last = days.min(), days.max()
    return np.asarray(np.floor((days - first) / (last - first + 1.0) * N_FOLDS))


def _fitted(
    features: FloatMatrix, rises: FloatVector, level: float, fold: FloatVector
) -> tuple[LinearModel, FloatVector]:
    """Return the regression on all rows, and residuals of those that did not see a row, (n,)."""
    residuals = np.full(rises.size, np.nan)
    for number in range(N_FOLDS):
        out = fold == number
        if out.any() and np.count_nonzero(~out) >= MIN_ROWS // 2:
            residuals[out] = rises[out] - _fit(features, rises, level, ~out).rises(features[out])
    everything = np.ones(rises.size, dtype=np.bool_)
    model = _fit(features, rises, level, everything)
    missing = np.isnan(residuals)
    residuals[missing] = (rises - model.rises(features))[missing]
    return model, residuals


def _fit(features: FloatMatrix, rises: FloatVector, level: float, use: BoolVector) -> LinearModel:
    chosen = features[use]
    columns = standard_columns(chosen)
    return fit_linear(chosen, rises[use], level, ridge=RIDGE, columns=columns)


def _shifts(residuals: FloatVector, rows: Seen, level: float) -> FloatVector:
    """Return by how much a bound is moved at each knot, (n_knots,).

    The weighted quantile of the residuals near it. Errors a day ahead come once a day, whatever
    the number of rows, and the quantile of few is too near the middle; so it is asked further out
    (the ``(n + 1) / n`` of split conformal, n counting independent errors). No bound above the
    middle is moved less, further ahead: few errors seen there are no reason for more trust.
    """
    octaves = np.log2(np.maximum(rows.leads, KNOTS_SECONDS[0]))
    found = []
    for knot in KNOTS_SECONDS:
        apart = (octaves - min(np.log2(knot), float(octaves.max()))) / LEAD_WIDTH
        count = np.exp2(-rows.age / HALF_LIFE_SECONDS) * np.exp(-0.5 * apart**2)
        of_day = np.bincount((rows.age / DAY_SECONDS).astype(np.intp), weights=count)
        n_days = float(of_day.sum() ** 2 / (of_day**2).sum())
        n_errors = n_days * DAY_SECONDS / min(max(knot, 3600.0), DAY_SECONDS)
        asked = 0.5 + (level - 0.5) * (1.0 + FEW_DAYS / n_errors)
        found.append(weighted_quantile(residuals, count, min(max(asked, 0.0), 1.0)))
    if level > MIDDLE:
        return np.maximum.accumulate(found)
    return np.minimum.accumulate(found) if level < MIDDLE else np.array(found)
