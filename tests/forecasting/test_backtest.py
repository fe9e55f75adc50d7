from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.backtest import backtest, bounds_at, by_day, origin_times
from forecasting.baselines import last_value, seasonal_naive
from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.limited import Limited
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]


def test_the_future_does_not_reach_an_origin(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=5.0, step_seconds=300.0)
    values = history.values.copy()
    cut = len(values) - 100
    values[cut + 1 :] *= 1000
    other = Series(start_at=history.start_at, step_seconds=300.0, values=values)
    begin_at = history.start_at + 4 * 86_400
    plain, perturbed = (
        backtest(one, task(), default_forecaster(), begin_at=begin_at, every_seconds=1800.0)
        for one in (history, other)
    )
    before = plain.at <= history.start_at + cut * 300.0
    assert before.sum() > 10
    np.testing.assert_array_equal(plain.bounds[before], perturbed.bounds[before])


def test_the_outcome_is_the_peak_of_the_window_after_the_origin(task: MakeTask) -> None:
    history = Series(start_at=0.0, step_seconds=60.0, values=np.arange(100.0))
    found = backtest(
        history, task(horizon_seconds=300.0), last_value(), begin_at=0.0, every_seconds=60.0
    )
    np.testing.assert_array_equal(found.peaks, np.arange(95.0) + 5)
    np.testing.assert_array_equal(found.at, 60.0 * np.arange(95))


def test_nothing_observed_gives_no_bound_and_no_score(task: MakeTask) -> None:
    history = Series(start_at=0.0, step_seconds=60.0, values=np.full(100, np.nan))
    found = backtest(history, task(), last_value(), begin_at=0.0)
    assert np.isnan(found.bounds).all()
    assert found.score.n_origins == 0


def test_the_mixture_beats_its_baselines_where_days_repeat(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=7.0, step_seconds=300.0)
    pinballs = [
        backtest(
            history, task(), one, begin_at=history.end_at - 86_400, every_seconds=1200.0
        ).score.pinball
        for one in (default_forecaster(), last_value(), seasonal_naive())
    ]
    assert pinballs[0] < min(pinballs[1:])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_bound_covers_about_as_often_as_asked(
    office: MakeHistory, task: MakeTask, level: float
) -> None:
    history = office(days=8.0, step_seconds=300.0)
    found = backtest(
        history,
        task(level=level),
        default_forecaster(),
        begin_at=history.end_at - 2 * 86_400,
        every_seconds=1500.0,
    )
    assert found.score.coverage_ratio == pytest.approx(level, abs=0.07)


def test_days_asked_one_by_one_say_what_they_say_together(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=5.0, step_seconds=300.0)
    at = origin_times(
        history,
        begin_at=history.end_at - 1.7 * 86_400,
        end_at=history.end_at,
        every_seconds=3600.0,
        horizon_seconds=900.0,
    )
    whole = bounds_at(history, task(), default_forecaster(), at)
    days = by_day(at)
    assert len(days) >= 2
    apart = [
        bounds_at(history.between(history.start_at, day[-1]), task(), default_forecaster(), day)
        for day in days
    ]
    np.testing.assert_array_equal(whole, np.concatenate(apart))


def test_origins_lie_on_the_grid_inside_the_asked_span_with_their_windows_inside() -> None:
    history = Series(start_at=600.0, step_seconds=60.0, values=np.zeros(100))
    at = origin_times(
        history, begin_at=630.0, end_at=2_000.0, every_seconds=600.0, horizon_seconds=300.0
    )
    np.testing.assert_array_equal(at, [660.0, 1260.0, 1860.0])
    late = origin_times(
        history, begin_at=0.0, end_at=1e9, every_seconds=60.0, horizon_seconds=1800.0
    )
    assert late[0] == history.start_at
    assert late[-1] == history.end_at - 1800.0
    assert not origin_times(
        history, begin_at=1e9, end_at=2e9, every_seconds=60.0, horizon_seconds=60.0
    ).size


def test_a_limited_forecaster_says_what_it_would_with_a_young_history(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=6.0, step_seconds=300.0)
    young = history.between(history.end_at - 2 * 86_400, history.end_at)
    limited = Limited(forecaster=default_forecaster(), days=2.0).fit(history, task())
    want = default_forecaster().fit(young, task()).forecast(young)
    assert limited.forecast(history) == want
    assert want != default_forecaster().fit(history, task()).forecast(history)
