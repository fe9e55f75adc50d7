"""What the experts of a day learn from: the rows of two weeks whose outcome is known.

A lesson at a moment is a function of the three weeks before it, wherever the history begins. So
a process that starts now learns what one that ran all along has learnt.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import FloatMatrix, FloatVector, read_only
from forecasting.linear import LinearModel, fit_linear, standard_columns
from forecasting.localtime import DAY_SECONDS
from forecasting.origins import drifting, round_minutes
from forecasting.past import Past
from forecasting.series import Series
from forecasting.shape import Features, read_features

LESSON_SECONDS = 12 * DAY_SECONDS
LOOK_BACK_SECONDS = 8 * DAY_SECONDS  # how far before a row its features read
MIN_LESSON_SECONDS = 1.5 * DAY_SECONDS
MIN_LESSON_ROWS = 100
CODE_STEPS = 31.0  # per deviation
CODE_WIDEST = 4.0  # deviations: further out a row is like no other anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Standardised rows of the past, as whole numbers of a thirty-first of a deviation.

    `codes` is (n, k). Whole numbers make sums over them exact in any order, and a quarter of the
    memory of single floats.
    """

    codes: NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What an expert may learn from: rows whose outcome was known at the refit.

    `features` has n rows, at the grid points `places` (n,); `rises` (n,) are the targets
    ``log(Y + c) - log(level + c)``.
    """

    past: Past
    places: FloatVector
    features: Features
    rises: FloatVector
    _models: dict[tuple[bool, float], LinearModel] = field(default_factory=dict, repr=False)

    @property
    def level(self) -> float:
        """The quantile that is asked for."""
        return self.past.task.level

    def rows(self, *, is_wide: bool) -> FloatMatrix:
        """Return the wide or the small set of features, (n, k)."""
        return self.features.rows if is_wide else self.features.core

    @cached_property
    def _standard(self) -> tuple[FloatVector, FloatVector]:
        centre, scale = standard_columns(self.features.rows)
        return read_only(centre), read_only(scale)

    @cached_property
    def table(self) -> Table:
        """The standardised rows of all features, once for all experts that compare with them."""
        centre, scale = self._standard
        standard = np.nan_to_num((self.features.rows - centre) / scale, copy=False)
        codes = np.rint(np.clip(standard, -CODE_WIDEST, CODE_WIDEST) * CODE_STEPS)
        whole = codes.astype(np.int8)
        whole.setflags(write=False)
        return Table(codes=whole)

    def regression(self, *, is_wide: bool, ridge: float) -> LinearModel:
        """Return the regression on the rows, fitted once for all experts that ask for it."""
        key = (is_wide, ridge)
        if key not in self._models:
            centre, scale = self._standard
            kept = slice(None) if is_wide else self.features.is_core
            self._models[key] = fit_linear(
                self.rows(is_wide=is_wide),
                self.rises,
                self.level,
                ridge=ridge,
                columns=(centre[kept], scale[kept]),
            )
        return self._models[key]


def read_lesson(past: Past, *, before_at: float) -> Lesson | None:
    """Return what could be learnt at `before_at`, or None while that is too little."""
    rows = training_rows(past, before_at=before_at)
    if rows.size < MIN_LESSON_ROWS or before_at - past.times(rows[:1])[0] < MIN_LESSON_SECONDS:
        return None
    features = read_features(past, rows)
    return Lesson(
        past=past,
        places=rows,
        features=features,
        rises=past.logs(past.peak(rows)) - features.log_level,
    )


def training_rows(past: Past, *, before_at: float) -> FloatVector:
    """Return the grid points to learn from: level known, outcome known before `before_at`."""
    last_at = before_at - past.n_horizon * past.history.step_seconds
    begin_at = max(past.history.start_at, before_at - LESSON_SECONDS)
    span = {"after_at": begin_at - 1e-6, "until_at": last_at}
    rows = np.union1d(round_minutes(past, **span), drifting(past, **span))
    unknown = np.isnan(past.level(rows)) | np.isnan(past.peak(rows))
    return rows[~(unknown | past.reaches_holiday(rows))]


def lesson_span(history: Series, *, begin_at: float, before_at: float) -> Series:
    """Return the part of a history that a lesson at `before_at` rests on."""
    return history.between(max(begin_at, before_at - LESSON_SECONDS - LOOK_BACK_SECONDS), before_at)
