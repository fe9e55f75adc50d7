"""The laws of `forecasting.forecaster`, for whatever `default_forecaster` returns."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.default import default_experts, default_forecaster
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import FittedForecaster, Task
from forecasting.mixture import Mixture
from forecasting.series import Series
from forecasting.windows import drifting_steps
from random_histories import histories, tasks

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

few = settings(max_examples=40, deadline=None)


def ask(fitted: FittedForecaster, history: Series) -> float | None:
    try:
        return fitted.forecast(history).value
    except NotEnoughHistory:
        return None


@given(histories(), tasks, st.data())
@settings(max_examples=100, deadline=None)
def test_any_history_gives_a_finite_bound_or_says_that_nothing_was_observed(
    history: Series, task: Task, data: st.DataObject
) -> None:
    fitted = default_forecaster().fit(history, task)
    later = data.draw(st.one_of(st.just(history), histories()))
    if np.isnan(later.last_observed):
        with pytest.raises(NotEnoughHistory):
            fitted.forecast(later)
        return
    if later.step_seconds != history.step_seconds:
        return
    forecast = fitted.forecast(later)
    assert np.isfinite(forecast.value)
    assert forecast.value >= 0
    assert forecast.issued_at == later.end_at
    assert (forecast.level, forecast.horizon_seconds) == (task.level, task.horizon_seconds)


@given(histories(), tasks)
@few
def test_the_same_history_gives_the_same_bits(history: Series, task: Task) -> None:
    again = Series(
        start_at=history.start_at, step_seconds=history.step_seconds, values=history.values.copy()
    )
    first = ask(default_forecaster().fit(history, task), history)
    assert first == ask(default_forecaster().fit(again, task), again)


PROGRAM = """
import numpy as np
from zoneinfo import ZoneInfo
from forecasting.default import default_experts, default_forecaster
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.series import Series

values = 50 + 40 * np.sin(np.arange(9000) / 229) + np.random.default_rng(1).gamma(4, 2, 9000)
history = Series(start_at=60.0 * 28_000_000, step_seconds=60.0, values=values)
task = Task(horizon_seconds=900.0, level=0.95, zone=ZoneInfo("Europe/Berlin"))
forecast = default_forecaster().fit(history, task).forecast(history)
print(forecast.value.hex(), forecast.method)
"""


def test_two_processes_give_the_same_bits() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(answers) == 1


@given(st.integers(0, 1000), st.floats(1e-6, 1e6), st.floats(0.05, 5.0))
@settings(max_examples=8, deadline=None)
def test_scaling_the_series_scales_the_forecast(
    office: MakeHistory, task: MakeTask, seed: int, factor: float, days: float
) -> None:
    plain = office(days=days, seed=seed, step_seconds=300.0)
    scaled = office(days=days, seed=seed, step_seconds=300.0, scale=factor)
    want = ask(default_forecaster().fit(plain, task()), plain)
    found = ask(default_forecaster().fit(scaled, task()), scaled)
    assert found == pytest.approx(factor * want, rel=1e-3)


@given(histories(), tasks, st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_shifting_time_by_whole_weeks_changes_no_bit(
    history: Series, task: Task, times: int
) -> None:
    """Rows drift over the minutes of a week, and are on the same ones again after so many weeks.

    In zones without summer time; across a change of clocks a week is another one.
    """
    task = replace(task, zone=ZoneInfo("Asia/Kathmandu"))
    weeks = drifting_steps(600.0, history.step_seconds) * times
    shifted = replace(history, start_at=history.start_at + weeks * 7 * 86_400.0)
    found = ask(default_forecaster().fit(shifted, task), shifted)
    assert found == ask(default_forecaster().fit(history, task), history)


@pytest.mark.parametrize("days", [0.5, 2.0, 9.0])
def test_shifting_time_by_three_weeks_changes_next_to_nothing(
    office: MakeHistory, task: MakeTask, days: float
) -> None:
    plain = office(days=days)
    shifted = replace(plain, start_at=plain.start_at + 3 * 7 * 86_400)
    found = ask(default_forecaster().fit(shifted, task()), shifted)
    want = ask(default_forecaster().fit(plain, task()), plain)
    assert found == pytest.approx(want, rel=0.1)


@st.composite
def holed(draw: st.DrawFn, whole: Series) -> Series:
    """The series with gaps of any length, some points missing anywhere, and its first one left."""
    values = whole.values.copy()
    missing = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9]))
    values[np.random.default_rng(draw(st.integers(0, 1000))).random(values.size) < missing] = np.nan
    for begin, end in draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5)):
        values[1 + int(min(begin, end) * values.size) : 1 + int(max(begin, end) * values.size)] = (
            np.nan
        )
    values[0] = whole.values[0]
    return replace(whole, values=values)


@given(st.integers(0, 1000), st.floats(0.1, 6.0), st.data())
@settings(max_examples=10, deadline=None)
def test_what_was_not_observed_never_lowers_a_bound_to_nothing(
    office: MakeHistory, task: MakeTask, seed: int, days: float, data: st.DataObject
) -> None:
    """Whatever is missing, the bound stays near the range of what was seen."""
    whole = office(days=days, seed=seed, step_seconds=300.0)
    history = data.draw(holed(whole))
    for learnt_from in (whole, history):
        bound = ask(default_forecaster().fit(learnt_from, task()), history)
        assert bound is not None
        assert bound > 0.5 * np.nanmin(whole.values)


@pytest.mark.parametrize("tail_minutes", [1, 10, 45, 300, 3000])
@pytest.mark.parametrize("days", [1.0, 9.0])
def test_a_tail_that_was_not_observed_never_reads_as_no_demand(
    office: MakeHistory, task: MakeTask, days: float, tail_minutes: int
) -> None:
    history = office(days=days + 0.55)
    values = history.values.copy()
    values[-min(tail_minutes, values.size - 60) :] = np.nan
    holed = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    for learnt_from in (history, holed):
        fitted = default_forecaster().fit(learnt_from, task())
        assert fitted.forecast(holed).value > 0.2 * history.values.min()


def test_a_day_that_was_not_observed_leaves_the_next_day_as_it_was(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=14.6)
    values = history.values.copy()
    values[12 * 1440 : 13 * 1440] = np.nan
    holed = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    whole = default_forecaster().fit(history, task()).forecast(history).value
    assert default_forecaster().fit(holed, task()).forecast(holed).value == pytest.approx(
        whole, rel=0.25
    )


@pytest.mark.parametrize("quiet_days", [0.2, 1.0])
def test_a_quiet_series_does_not_blow_up(
    office: MakeHistory, task: MakeTask, quiet_days: float
) -> None:
    history = office(days=9.0)
    values = history.values.copy()
    values[-int(quiet_days * 1440) :] = 0.0
    quiet = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    bound = default_forecaster().fit(history, task()).forecast(quiet).value
    assert bound <= 1.5 * history.values.max()


close_levels = st.tuples(st.floats(0.05, 0.97), st.floats(0.005, 0.1)).map(
    lambda pair: (pair[0], min(sum(pair), 0.995))
)


@given(histories(), tasks, close_levels)
@settings(max_examples=30, deadline=None)
def test_levels_that_are_asked_apart_do_not_cross(
    history: Series, task: Task, levels: tuple[float, float]
) -> None:
    """But for the rounding of logarithms and back."""
    n_learnt = 2 * len(history) // 3
    known = history.between(history.start_at, history.start_at + n_learnt * history.step_seconds)
    low, high = (default_forecaster().fit(known, replace(task, level=level)) for level in levels)
    for n in range(n_learnt, len(history) + 1, max(1, len(history) // 30)):
        now = history.between(history.start_at, history.start_at + (n - 1) * history.step_seconds)
        lower, higher = ask(low, now), ask(high, now)
        assert (lower is None) == (higher is None)
        if lower is not None and higher is not None:
            assert lower <= higher * (1 + 1e-12)


def test_another_level_needs_no_other_fit(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=9.6)
    known = history.between(history.start_at, history.end_at - 7200.0)
    fitted = Mixture(experts=default_experts()).fit(known, task(level=0.5))
    bounds = []
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        asked = fitted.at_level(level).forecast(history)
        assert asked == default_forecaster().fit(known, task(level=level)).forecast(history)
        bounds.append(asked.value)
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == len(bounds)
