"""Nearest neighbours on the residuals of a regression: what linear features can't bend to.

The bound is ``f(x) + quantile of the residuals of the K most similar rows of the past``. A
feature counts in the distance as much as it counts in a ridge regression of the mean, so that
features without a say do not decide who is a neighbour.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector, read_only
from forecasting.experts import Lesson, known_quantile
from forecasting.linear import LinearModel
from forecasting.past import Past
from forecasting.shape import Features

_WIDEST = 4.0
_LEAST_WEIGHT = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The `n_neighbours` most similar rows, by the wide or the small feature set."""

    name: str
    is_wide: bool
    n_neighbours: int
    ridge: float  # per row
    is_additive: bool = False
    method: str = "quantile-regression"

    def fit(self, lesson: Lesson | None) -> "FittedNeighbours | None":
        """Return the rows of the past with what the regression left over."""
        if lesson is None:
            return None
        rows = lesson.rows(is_wide=self.is_wide)
        model = lesson.regression(is_wide=self.is_wide, ridge=self.ridge)
        standard = model.standard(rows, widest=_WIDEST)
        centred = lesson.rises - lesson.rises.mean()
        normal = standard.T @ standard + self.ridge * len(rows) * np.eye(standard.shape[1])
        slope = np.abs(np.linalg.solve(normal, standard.T @ centred))
        scale = np.sqrt(slope / max(float(slope.max()), 1e-12) + _LEAST_WEIGHT)
        weighted = standard * scale
        return FittedNeighbours(
            expert=self,
            level=lesson.level,
            model=model,
            scale=read_only(scale),
            rows=read_only(weighted),
            squares=read_only(np.einsum("ij,ij->i", weighted, weighted)),
            residuals=read_only(lesson.rises - model.rises(rows)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedNeighbours:
    """Rows of the past, ready to be compared with."""

    expert: Neighbours
    level: float
    model: LinearModel
    scale: FloatVector  # (k,)
    rows: FloatMatrix  # (n, k)
    squares: FloatVector  # (n,), the square length of each row
    residuals: FloatVector  # (n,)
    needs_usual_day: bool = True

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return the regression plus the quantile of its neighbours' residuals."""
        rows = features.rows if self.expert.is_wide else features.core
        mine = self.model.standard(rows, widest=_WIDEST) * self.scale
        n_near = min(self.expert.n_neighbours, len(self.rows))
        products = [self.rows @ row for row in mine]  # not at once: bits would depend on how many
        distance = self.squares - 2.0 * np.stack(products)  # but for what all have in common
        near = np.argpartition(distance, n_near - 1, axis=1)[:, :n_near]
        rises = self.model.rises(rows) + known_quantile(self.residuals[near], self.level)
        rises = np.clip(rises, self.model.lowest, self.model.highest + 0.3)
        return np.maximum(np.exp(features.log_level + rises) - past.offset, 0.0)
