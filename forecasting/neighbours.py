"""Nearest neighbours on the residuals of a regression: what linear features can't bend to.

The bound is ``f(x) + quantile of the residuals of the K most similar rows of the past``. A
feature counts in the distance as much as it counts in a ridge regression of the mean, so that
features without a say do not decide who is a neighbour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import FloatMatrix, FloatVector, IndexVector, read_only
from forecasting.experts import known_quantile
from forecasting.lessons import CODE_STEPS, CODE_WIDEST, Lesson, Table
from forecasting.linear import RISE_MARGIN, LinearModel, standard_rows
from forecasting.past import Past
from forecasting.shape import Features

_LEAST_WEIGHT = 0.02
_SPARSE = 16
_QUERY_STEPS = 1023.0  # with 7 bits of a code and 45 columns, a sum stays exact in single floats


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
        model = lesson.regression(is_wide=self.is_wide, ridge=self.ridge)
        table = lesson.table
        standard = _columns(table, is_wide=self.is_wide, n=model.centre.size) / CODE_STEPS
        centred = lesson.rises - lesson.rises.mean()
        normal = standard.T @ standard + self.ridge * len(standard) * np.eye(standard.shape[1])
        slope = np.abs(np.linalg.solve(normal, standard.T @ centred))
        weights = slope / max(float(slope.max()), 1e-12) + _LEAST_WEIGHT
        return FittedNeighbours(
            expert=self,
            level=lesson.level,
            model=model,
            table=table,
            weights=read_only(weights),
            squares=read_only(np.einsum("ij,ij,j->i", standard, standard, weights)),
            residuals=read_only(lesson.rises - model.rises(lesson.rows(is_wide=self.is_wide))),
        )

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> "FittedNeighbours":
        """Return what `arrays` of the fitted expert gave."""
        return FittedNeighbours(
            expert=self,
            level=float(arrays["level"][0]),
            model=LinearModel.restored(arrays),
            table=Table(codes=arrays["codes"]),
            weights=arrays["weights"],
            squares=arrays["squares"],
            residuals=arrays["residuals"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedNeighbours:
    """Rows of the past, ready to be compared with."""

    expert: Neighbours
    level: float
    model: LinearModel
    table: Table
    weights: FloatVector  # (k,), how much each feature counts
    squares: FloatVector  # (n,), the weighted square length of each row
    residuals: FloatVector  # (n,)
    needs_usual_day: bool = True

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return the regression plus the quantile of its neighbours' residuals."""
        rows = features.rows if self.expert.is_wide else features.core
        distance = self.squares - 2.0 * self._products(rows)  # but for what all have in common
        near = np.array([_nearest(each, self.expert.n_neighbours) for each in distance])
        rises = self.model.rises(rows) + known_quantile(self.residuals[near], self.level)
        rises = np.minimum(np.maximum(rises, self.model.lowest), self.model.highest + RISE_MARGIN)
        return np.maximum(np.exp(features.log_level + rises) - past.offset, 0.0)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return all that was learnt."""
        return {
            **self.model.arrays(),
            "level": np.array([self.level]),
            "codes": self.table.codes,
            "weights": self.weights,
            "squares": self.squares,
            "residuals": self.residuals,
        }

    def _products(self, rows: FloatMatrix) -> FloatMatrix:
        """Return the weighted products with each row of the past, (m, n).

        In whole numbers below 2^24, so that the bits depend neither on how many rows are asked
        at once nor on how the sums are ordered.
        """
        weighted = standard_rows(rows, self.model.centre, self.model.scale, widest=CODE_WIDEST)
        weighted *= self.weights
        longest = np.maximum.reduce(np.abs(weighted), axis=1, keepdims=True)
        unit = _QUERY_STEPS / np.maximum(longest, 1e-300)
        codes = _columns(self.table, is_wide=self.expert.is_wide, n=rows.shape[1])
        products = np.rint(weighted * unit).astype(np.float32) @ codes.T
        return np.asarray(products / (unit * CODE_STEPS), dtype=np.float64)


def _nearest(distance: FloatVector, n_near: int) -> IndexVector:
    """Return the rows at the least distances, the older of equals, nearest first.

    A sixteenth of the rows says how far they can be at most; so few are left that sorting them
    costs a fifth of a partition of all.
    """
    some = distance[::_SPARSE]
    if some.size <= n_near:
        return np.argsort(distance, kind="stable")[:n_near]
    furthest = np.partition(some, n_near - 1)[n_near - 1]
    close = np.flatnonzero(distance <= furthest)
    return close[np.argsort(distance[close], kind="stable")[:n_near]]


def _columns(
    table: Table, *, is_wide: bool, n: int
) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Return the codes of the first `n` features, the small set comes first, as single floats."""
    codes = table.codes if is_wide else table.codes[:, :n]
    return codes.astype(np.float32)
