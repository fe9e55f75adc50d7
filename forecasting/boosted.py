"""Gradient-boosted quantiles (LightGBM: Ke et al. 2017): what trees find in the features.

A reference, not in the default mixture; needs the extra `boosted`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import FloatVector
from forecasting.lessons import Lesson
from forecasting.linear import RISE_MARGIN
from forecasting.past import Past
from forecasting.shape import Features

try:
    import lightgbm
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "the expert 'boosted' needs LightGBM; install it with: pip install 'keda-prewarm[boosted]'",
        name=exc.name,
    ) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """Trees on the wide feature set; one thread and a fixed seed, so equal data give equal bits."""

    name: str = "boosted"
    is_additive: bool = False
    method: str = "quantile-regression"
    n_trees: int = 120
    n_leaves: int = 15
    learning_rate: float = 0.06
    rows_per_leaf: int = 20

    def fit(self, lesson: Lesson | None) -> "FittedBoosted | None":
        """Return the trees, or None for fewer rows than they need."""
        if lesson is None:
            return None
        data = lightgbm.Dataset(lesson.rows(is_wide=True), label=lesson.rises)
        settings = {
            "objective": "quantile",
            "alpha": lesson.level,
            "num_leaves": self.n_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.rows_per_leaf,
            "feature_fraction": 0.7,
            "lambda_l2": 1.0,
            "seed": 0,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        booster = lightgbm.train(settings, data, num_boost_round=self.n_trees)
        return FittedBoosted(
            text=booster.model_to_string(),
            lowest=float(lesson.rises.min()),
            highest=float(lesson.rises.max()),
        )

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> "FittedBoosted":
        """Return what `arrays` of the fitted expert gave."""
        lowest, highest = arrays["range"].tolist()
        return FittedBoosted(text=bytes(arrays["text"]).decode(), lowest=lowest, highest=highest)


@dataclass(frozen=True, kw_only=True)
class FittedBoosted:
    """Trees as LightGBM writes them: a value that can be pickled, stored and compared."""

    text: str
    lowest: float
    highest: float
    needs_usual_day: bool = True

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return level times rise."""
        raw = np.asarray(self._booster.predict(features.rows, num_threads=1), dtype=np.float64)
        rises = np.clip(raw, self.lowest, self.highest + RISE_MARGIN)
        return np.maximum(np.exp(features.log_level + rises) - past.offset, 0.0)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return all that was learnt."""
        return {
            "text": np.frombuffer(self.text.encode(), dtype=np.uint8),
            "range": np.array([self.lowest, self.highest]),
        }

    @property
    def _booster(self) -> Any:
        if "_read" not in self.__dict__:
            self.__dict__["_read"] = lightgbm.Booster(model_str=self.text)
        return self.__dict__["_read"]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_read"}
