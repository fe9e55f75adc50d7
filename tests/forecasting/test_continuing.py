"""A refit that goes on from an earlier fit gives the bits of one from scratch."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.default import default_experts
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

DAY = 86_400.0
HOUR = 3600.0
MIXTURE = Mixture(experts=default_experts())


def rolling(history: Series, hours_before_end: float, *, days: float = 28.0) -> Series:
    end_at = history.end_at - hours_before_end * HOUR
    return history.between(end_at - days * DAY, end_at)


def same_answers(one: FittedMixture, other: FittedMixture, history: Series) -> bool:
    both = [fitted.forecast(history) for fitted in (one, other)]
    return both[0] == both[1] and one.weights(history) == other.weights(history)


@pytest.mark.parametrize("days_between", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("is_asked_between", [True, False])
def test_with_four_weeks_of_history_a_continued_fit_is_one_from_scratch(
    office: MakeHistory,
    task: MakeTask,
    days_between: float,
    is_asked_between: bool,  # noqa: FBT001 - pytest passes by name
) -> None:
    history = office(days=33.4, step_seconds=300.0)
    first = MIXTURE.fit(rolling(history, 2 + 24 * days_between), task())
    if is_asked_between:
        for hours in np.linspace(2 + 24 * days_between, 2, 5):
            first.forecast(rolling(history, hours))
    continued = MIXTURE.fit(rolling(history, 2), task(), previous=first)
    scratch = MIXTURE.fit(rolling(history, 2), task())
    for hours in (2.0, 1.0, 0.0):
        assert same_answers(continued, scratch, rolling(history, hours))
    assert continued.seen == scratch.seen


@pytest.mark.parametrize("days", [1.1, 3.3, 8.2])
def test_with_all_there_is_of_a_young_series_a_continued_fit_is_one_from_scratch(
    office: MakeHistory, task: MakeTask, days: float
) -> None:
    history = office(days=days, step_seconds=300.0)
    young = history.between(history.start_at, history.end_at - DAY)
    continued = MIXTURE.fit(history, task(), previous=MIXTURE.fit(young, task()))
    assert same_answers(continued, MIXTURE.fit(history, task()), history)


def test_leading_gaps_are_no_history(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=2.6, step_seconds=300.0)
    padded = Series(
        start_at=history.start_at - 25 * DAY,
        step_seconds=300.0,
        values=np.r_[np.full(25 * 288, np.nan), history.values],
    )
    want = MIXTURE.fit(history, task()).forecast(history)
    assert MIXTURE.fit(padded, task()).forecast(padded) == want


def test_two_processes_agree_a_week_after_the_younger_started(
    office: MakeHistory, task: MakeTask
) -> None:
    """With fifteen days of retention the one that ran longer saw more at first."""
    history = office(days=24.3, step_seconds=300.0)
    hours = [24.0 * day + 1 for day in range(8, -1, -1)]
    old = MIXTURE.fit(rolling(history, hours[0], days=15), task())
    young: FittedMixture | None = None
    for hour in hours[1:]:
        known = rolling(history, hour, days=15)
        old = MIXTURE.fit(known, task(), previous=old)
        young = MIXTURE.fit(known, task(), previous=young)
    assert young is not None
    assert same_answers(old, young, rolling(history, 0, days=15))


@pytest.mark.parametrize("change", ["past", "task", "experts", "nonsense"])
def test_what_does_not_fit_is_not_gone_on_from(
    office: MakeHistory, task: MakeTask, change: str
) -> None:
    history = office(days=6.4, step_seconds=300.0)
    before = history.between(history.start_at, history.end_at - DAY)
    values = history.values.copy()
    if change == "past":
        values[-900] *= 3
    corrected = Series(start_at=history.start_at, step_seconds=300.0, values=values)
    asked = task(level=0.9) if change == "task" else task()
    experts = default_experts()[:-1] if change == "experts" else default_experts()
    mixture = Mixture(experts=experts)
    previous = MIXTURE.fit(before, task())
    continued = mixture.fit(corrected, asked, previous=None if change == "nonsense" else previous)
    assert same_answers(continued, mixture.fit(corrected, asked), corrected)


def test_a_refit_learns_once(office: MakeHistory, task: MakeTask) -> None:
    counted: list[float] = []

    class Counting:
        name, is_additive, method = "counting", True, "last-value"

        def fit(self, lesson: object) -> None:  # noqa: ARG002
            counted.append(0.0)

    history = office(days=33.0, step_seconds=300.0)
    mixture = Mixture(experts=(*default_experts()[:1], Counting()))
    first = mixture.fit(rolling(history, 24), task())
    n_first = len(counted)
    mixture.fit(rolling(history, 0), task(), previous=first)
    assert (n_first, len(counted) - n_first) == (7, 1)
