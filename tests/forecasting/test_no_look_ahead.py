"""No look-ahead: whatever comes after an origin, what is said at it has the same bits.

Each history has two futures. A forecaster is asked in one of them, the later moment first, so that
nothing it remembers may leak; and what it says at the origin is what it says where the other came.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.arrays import FloatVector
from forecasting.backtest import backtest
from forecasting.default import default_forecaster
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.path import PathTask, path
from forecasting.series import Series
from random_histories import histories, tasks

UTC = ZoneInfo("UTC")
HOUR = 3600.0
futures = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 1e6]))


def another(values: FloatVector, cut: int, future: tuple[int, float]) -> FloatVector:
    """Return the values with all after the first `cut` replaced, a third of them missing."""
    seed, scale = future
    rng = np.random.default_rng(seed)
    other = values.copy()
    other[cut:] = np.where(rng.random(values.size - cut) < 0.3, np.nan, scale)
    return other


def said(fitted: FittedForecaster, history: Series) -> float | None:
    try:
        return fitted.forecast(history).value
    except NotEnoughHistory:
        return None


@given(histories(max_days=4.0), tasks, futures, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_bound_does_not_depend_on_what_came_later(
    history: Series, task: Task, future: tuple[int, float], share: float, fit_share: float
) -> None:
    cut = int(share * len(history))
    other = replace(history, values=another(history.values, cut, future))
    now_at = history.start_at + (cut - 1) * history.step_seconds
    fit_at = history.start_at + int(fit_share * cut - 1) * history.step_seconds
    answers = []
    for each in (history, other):
        fitted = default_forecaster().fit(each.between(each.start_at, fit_at), task)
        said(fitted, each)  # the whole of it first
        answers.append(said(fitted, each.between(each.start_at, now_at)))
    assert answers[0] == answers[1]


def score_both(
    history: Series, other: Series, forecaster: Forecaster, *, begin_at: float, cut: int
) -> None:
    task = Task(horizon_seconds=900.0, level=0.9, zone=UTC)
    cut_at = history.start_at + (cut - 1) * history.step_seconds
    found = [
        backtest(each, task, forecaster, begin_at=begin_at, every_seconds=1800.0)
        for each in (history, other)
    ]
    before = found[0].at <= cut_at
    assert before.any()
    np.testing.assert_array_equal(found[0].bounds[before], found[1].bounds[before])


@given(st.integers(0, 1000), futures, st.floats(0.2, 40.0), st.floats(0.05, 0.95))
@settings(max_examples=5, deadline=None)
def test_a_backtest_of_a_young_history_does_not_look_ahead(
    seed: int, future: tuple[int, float], hours: float, share: float
) -> None:
    n = 12 + int(hours * 12)
    values = 20 + 10 * np.sin(np.arange(n) / 46) + np.random.default_rng(seed).gamma(4, 2, n)
    history = Series(start_at=300.0 * 5_000_000, step_seconds=300.0, values=values)
    cut = 1 + int(share * (n - 4))
    other = replace(history, values=another(values, cut, future))
    score_both(history, other, default_forecaster(), begin_at=history.start_at, cut=cut)


@given(st.integers(0, 1000), futures, st.floats(0.1, 0.9))
@settings(max_examples=3, deadline=None)
def test_a_leading_indicator_is_not_read_ahead(
    seed: int, future: tuple[int, float], share: float
) -> None:
    """Demand follows the indicator after ten minutes, so that it has a say."""
    n = 3 * 288
    rng = np.random.default_rng(seed)
    indicator = 20 + 180 * np.repeat(rng.random(n // 6) < 0.1, 6) * rng.gamma(50, 1 / 50, n)
    demand = np.concatenate(([10.0, 10.0], 0.5 * indicator[:-2])) * rng.gamma(200, 1 / 200, n)
    begin = n - 60
    cut = begin + 1 + int(share * 40)
    pair = []
    for changed in (False, True):
        values = [another(each, cut, future) if changed else each for each in (demand, indicator)]
        grid = {"start_at": 300.0 * 5_000_000, "step_seconds": 300.0}
        pair.append(
            Series(values=values[0], **grid).led_by({"gate": Series(values=values[1], **grid)})
        )
    begin_at = pair[0].start_at + 300.0 * begin
    score_both(pair[0], pair[1], default_forecaster(), begin_at=begin_at, cut=cut)


@given(histories(max_days=5.0), futures, st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_a_path_does_not_depend_on_what_came_later(
    history: Series, future: tuple[int, float], share: float
) -> None:
    cut = int(share * len(history))
    other = replace(history, values=another(history.values, cut, future))
    task = PathTask(until_seconds=12 * HOUR, step_seconds=3600.0, levels=(0.5, 0.9), zone=UTC)
    now_at = history.start_at + (cut - 1) * history.step_seconds
    answers = []
    for each in (history, other):
        try:
            answers.append(path(each.between(each.start_at, now_at), task).bounds.tobytes())
        except NotEnoughHistory:
            answers.append(b"")
    assert answers[0] == answers[1]
