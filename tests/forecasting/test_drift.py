from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.default import default_experts
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

MIXTURE = Mixture(experts=default_experts())


def asked_for_refits(history: Series, task: Task, *, from_point: int) -> list[int]:
    """Return the points of the last day at which a refit was asked for, and made."""
    fitted = MIXTURE.fit(history.between(0, history.start_at + (from_point - 1) * 300.0), task)
    asked = []
    for place in range(from_point, len(history), 2):
        known = history.between(history.start_at, history.start_at + place * 300.0)
        fitted.forecast(known)
        if fitted.needs_refit(known):
            asked.append(place)
            fitted = MIXTURE.fit(known, task, previous=fitted, has_drifted=True)
    return asked


def shifted(office: MakeHistory, make: Callable[[np.ndarray], np.ndarray]) -> Series:
    history = office(days=8.95, step_seconds=300.0)
    values = history.values.copy()
    at = int(8.3 * 288)
    values[at:] = make(values[at:])
    return Series(start_at=history.start_at, step_seconds=300.0, values=values)


def test_a_usual_day_asks_for_no_refit(office: MakeHistory, task: MakeTask) -> None:
    usual = office(days=8.95, step_seconds=300.0)
    assert asked_for_refits(usual, task(level=0.9), from_point=8 * 288 + 1) == []


def test_a_new_shape_asks_for_a_refit_but_not_for_a_storm_of_them(
    office: MakeHistory, task: MakeTask
) -> None:
    rng = np.random.default_rng(5)
    wild = shifted(office, lambda v: 50 + 400 * (rng.random(v.size) < 0.05) * rng.random(v.size))
    asked = asked_for_refits(wild, task(level=0.9), from_point=8 * 288 + 1)
    assert asked
    assert asked[0] - int(8.3 * 288) <= 8 * 12
    assert all(later - earlier >= 36 for earlier, later in pairwise(asked))


def test_nothing_is_asked_for_before_a_forecast(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=3.0, step_seconds=300.0)
    assert not MIXTURE.fit(history, task()).needs_refit(history)


@pytest.mark.parametrize("days", [8.6])
def test_a_refit_on_drift_learns_up_to_the_last_full_hour(
    office: MakeHistory, task: MakeTask, days: float
) -> None:
    history = office(days=days, step_seconds=300.0)
    fitted = MIXTURE.fit(history, task(), has_drifted=True)
    assert fitted.model.at == history.end_at // 3600 * 3600
    assert MIXTURE.fit(history, task(), previous=fitted).model.at == fitted.model.at


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_a_steady_rhythm_is_no_drift_at_any_time_of_day(level: float, task: MakeTask) -> None:
    rng = np.random.default_rng(1)
    days = np.arange(9 * 288) / 288.0
    values = rng.poisson((60.0 + 30.0 * np.sin(2 * np.pi * days)) * 60.0) / 60.0
    history = Series(start_at=1_767_571_200.0, step_seconds=300.0, values=values)
    assert asked_for_refits(history, task(level=level), from_point=8 * 288 + 1) == []
