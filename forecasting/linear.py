"""Linear quantile regression with standardised features: the model inside the learning experts.

The target is ``log(Y + c) - log(level + c)``: how far the peak of the window rises above the
recent level (quantile regression: Koenker & Bassett 1978).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import FloatMatrix, FloatVector, read_only
from forecasting.regression import quantile_coefficients

_WIDEST_FEATURE = 20.0  # standard deviations; a short daily spike is 17, further out is a guess
_GAP = 1e-5  # of the loss: closer than that no forecast changes
_CONSTANT = 1e-9  # a column that varies less is one
RISE_MARGIN = 0.3  # how far beyond the largest rise of training an answer may go, in logs


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """Coefficients on standardised features; a feature that is not known counts as average."""

    centre: FloatVector  # (k,)
    scale: FloatVector  # (k,)
    coefficients: FloatVector  # (1 + k,), the constant first
    lowest: float
    highest: float

    def rises(self, features: FloatMatrix) -> FloatVector:
        """Return the bound over the level in logs, (n,), for features (n, k)."""
        design = _design(features, self.centre, self.scale)
        design *= self.coefficients
        raw = np.add.reduce(design, axis=1)  # not @: its bits depend on the row count
        lowest, highest = self.lowest, self.highest + RISE_MARGIN
        return np.asarray(np.minimum(np.maximum(raw, lowest), highest), dtype=np.float64)

    def arrays(self) -> dict[str, FloatVector]:
        """Return all of it by name, see `forecasting.state`."""
        return {
            "centre": self.centre,
            "scale": self.scale,
            "coefficients": self.coefficients,
            "range": np.array([self.lowest, self.highest]),
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> "LinearModel":
        """Return the model that gave `arrays`."""
        lowest, highest = arrays["range"].tolist()
        return cls(
            centre=arrays["centre"],
            scale=arrays["scale"],
            coefficients=arrays["coefficients"],
            lowest=lowest,
            highest=highest,
        )


def fit_linear(
    features: FloatMatrix,
    rises: FloatVector,
    level: float,
    *,
    ridge: float,
    columns: tuple[FloatVector, FloatVector],
) -> LinearModel:
    """Return the `level` quantile regression of `rises` (n,) on `features` (n, k).

    `ridge` is per row, `columns` the mean and deviation of each feature.
    """
    centre, scale = columns
    design = _design(features, centre, scale)
    coefficients = quantile_coefficients(design, rises, level, ridge=ridge * len(rises), gap=_GAP)
    return LinearModel(
        centre=read_only(centre),
        scale=read_only(scale),
        coefficients=read_only(coefficients),
        lowest=float(rises.min()),
        highest=float(rises.max()),
    )


def standard_columns(features: FloatMatrix) -> tuple[FloatVector, FloatVector]:
    """Return mean and deviation of each column over what is known; a constant column gets 1."""
    known = ~np.isnan(features)
    n_known = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, features, 0.0).sum(axis=0) / n_known
    square = np.where(known, (features - centre) ** 2, 0.0).sum(axis=0) / n_known
    scale = np.sqrt(square)
    return centre, np.where(scale > _CONSTANT, scale, np.inf)


def _design(features: FloatMatrix, centre: FloatVector, scale: FloatVector) -> FloatMatrix:
    design = np.empty((len(features), features.shape[1] + 1))
    design[:, 0] = 1.0
    standard_rows(features, centre, scale, widest=_WIDEST_FEATURE, out=design[:, 1:])
    return design


def standard_rows(
    features: FloatMatrix,
    centre: FloatVector,
    scale: FloatVector,
    *,
    widest: float,
    out: FloatMatrix | None = None,
) -> FloatMatrix:
    """Return features in deviations from the mean, at most `widest`; what is not known is zero."""
    standard = np.subtract(features, centre, out=out)
    standard /= scale
    np.copyto(standard, 0.0, where=np.isnan(standard))
    np.maximum(standard, -widest, out=standard)
    return np.minimum(standard, widest, out=standard)
