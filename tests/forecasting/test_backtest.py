from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from forecasting.backtest import backtest
from forecasting.baselines import last_value, seasonal_naive
from forecasting.default import default_forecaster
from forecasting.forecaster import Task
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
