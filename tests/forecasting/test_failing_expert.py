from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.arrays import FloatVector
from forecasting.default import default_experts
from forecasting.forecaster import Task
from forecasting.lessons import Lesson
from forecasting.mixture import Mixture
from forecasting.past import Past
from forecasting.series import Series
from forecasting.shape import Features

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]


@dataclass(frozen=True)
class Failing:
    """Fails when it is fitted, when it is asked, or answers nonsense."""

    how: str
    name: str = "failing"
    is_additive: bool = False
    method: str = "last-value"
    needs_usual_day: bool = False

    def fit(self, lesson: Lesson | None) -> "Failing":  # noqa: ARG002
        if self.how == "fit":
            raise RuntimeError("no fit today")
        return self

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        if self.how == "ask":
            raise FloatingPointError("no answer")
        if self.how == "shape":
            return np.ones((2, 3, places.size))
        return np.full(places.size, {"infinite": np.inf, "below zero": -5.0}[self.how])


@pytest.mark.parametrize("how", ["fit", "ask", "shape", "infinite", "below zero"])
@pytest.mark.parametrize("days", [0.3, 4.3])
def test_the_mixture_goes_on_without_an_expert_that_fails(
    office: MakeHistory, task: MakeTask, how: str, days: float
) -> None:
    history = office(days=days, step_seconds=300.0)
    experts = default_experts()
    plain = Mixture(experts=experts).fit(history, task())
    fitted = Mixture(experts=(*experts, Failing(how))).fit(history, task())
    assert fitted.forecast(history).value == pytest.approx(plain.forecast(history).value)
    assert fitted.weights(history)["failing"] == 0.0
