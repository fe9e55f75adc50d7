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

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]
few = settings(max_examples=40, deadline=None)


@st.composite
def histories(draw: st.DrawFn, *, max_days: float = 6.0) -> Series:
    """Histories of every length and step, with gaps, zeros, level shifts and flat stretches."""
    step = draw(st.sampled_from([10.0, 60.0, 300.0, 900.0, 3600.0]))
    n = draw(st.integers(0, min(4000, int(max_days * 86400 / step))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    times = step * np.arange(n)
    kind = draw(st.sampled_from(["wave", "zeros", "flat", "bursts", "shift", "nothing"]))
    values = {
        "wave": (2 + np.sin(times * 2 * np.pi / 86400)) * rng.gamma(9, 1, n),
        "zeros": np.zeros(n),
        "flat": np.full(n, 7.0),
        "bursts": np.where(rng.random(n) < 0.01, 1e4 * rng.random(n), 0.0),
        "shift": np.where(np.arange(n) > n // 2, 1e6, 1.0) * rng.random(n),
        "nothing": np.full(n, np.nan),
    }[kind]
    if n and draw(st.booleans()):
        values[rng.random(n) < draw(st.sampled_from([0.01, 0.3, 0.95]))] = np.nan
    if n and draw(st.booleans()):
        first = draw(st.integers(0, n - 1))
        values[first : first + draw(st.integers(1, n))] = np.nan
    return Series(
        start_at=step * draw(st.integers(400_000, 500_000)), step_seconds=step, values=values
    )


tasks = st.builds(
    Task,
    horizon_seconds=st.sampled_from([1.0, 60.0, 300.0, 900.0, 7200.0, 50_000.0, 200_000.0]),
    level=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)


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


@given(st.integers(0, 1000), st.sampled_from([1e-6, 0.1, 3.0, 1e6]), st.floats(0.05, 5.0))
@settings(max_examples=8, deadline=None)
def test_scaling_the_series_scales_the_forecast(
    office: MakeHistory, task: MakeTask, seed: int, factor: float, days: float
) -> None:
    plain = office(days=days, seed=seed, step_seconds=300.0)
    scaled = office(days=days, seed=seed, step_seconds=300.0, scale=factor)
    want = ask(default_forecaster().fit(plain, task()), plain)
    found = ask(default_forecaster().fit(scaled, task()), scaled)
    assert found == pytest.approx(factor * want, rel=1e-3)


@pytest.mark.parametrize("days", [0.5, 2.0, 9.0])
@pytest.mark.parametrize(("weeks", "tolerance"), [(13, 0.0), (3, 0.1)])
def test_shifting_time_by_whole_weeks_changes_nothing_else(
    office: MakeHistory, task: MakeTask, days: float, weeks: int, tolerance: float
) -> None:
    """Rows fall on other minutes each week, on the same ones again after 13 weeks."""
    plain = office(days=days)
    shifted = Series(
        start_at=plain.start_at + weeks * 7 * 86400, step_seconds=60.0, values=plain.values
    )
    found = ask(default_forecaster().fit(shifted, task()), shifted)
    want = ask(default_forecaster().fit(plain, task()), plain)
    assert found == pytest.approx(want, rel=tolerance)


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


def test_the_forecast_does_not_depend_on_what_came_later(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=10.0)
    until = history.between(history.start_at, history.start_at + 9 * 86400.0)
    values = history.values.copy()
    values[len(until) :] *= 100
    other = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    seen = other.between(other.start_at, until.end_at)
    fitted = default_forecaster().fit(seen, task())
    assert fitted.forecast(seen) == default_forecaster().fit(until, task()).forecast(until)


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
