"""The cold start of the forecaster: from the first hour never much worse than the last value.

The tolerance is 10 % of the loss: the mixture has to find out whom to trust, and pays for it.
`benchmarks/forecast_young.py` measures more ages on more traces.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest import bounds_of_day, origin_times, peaks_after
from forecasting.baselines import last_value
from forecasting.default import default_forecaster
from forecasting.forecaster import Forecaster, Task
from forecasting.limited import Limited
from forecasting.scores import pinball
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]
HOUR = 3600.0
TOLERANCE = 1.1


def young_loss(series: Series, task: Task, forecaster: Forecaster, hours: float) -> float:
    """The mean loss in the six hours after fits on the last `hours`, at four times of the day."""
    losses = []
    for start in (8.0, 15.0, 34.0, 41.0):
        begin_at = series.end_at - start * HOUR
        at = origin_times(
            series,
            begin_at=begin_at,
            end_at=begin_at + 6 * HOUR,
            every_seconds=600.0,
            horizon_seconds=task.horizon_seconds,
        )
        bounds = bounds_of_day(series, task, Limited(forecaster=forecaster, days=hours / 24), at)
        losses.append(pinball(peaks_after(series, at, task.horizon_seconds), bounds, task.level))
    return float(np.mean(losses))


@pytest.mark.parametrize("hours", [1.0, 6.0, 24.0, 48.0])
def test_a_young_history_is_no_worse_than_the_last_value(
    office: MakeHistory, task: MakeTask, hours: float
) -> None:
    series = office(days=5.2, step_seconds=300.0)
    mine = young_loss(series, task(), default_forecaster(), hours)
    assert mine <= TOLERANCE * young_loss(series, task(), last_value(), hours)


@pytest.mark.parametrize("hours", [1.0, 6.0, 24.0, 48.0])
def test_a_young_trace_is_no_worse_than_the_last_value(
    trace: Callable[[str], Series], task: MakeTask, hours: float
) -> None:
    series = trace("nab_elb_request_count_5min.csv.gz")
    mine = young_loss(series, task(level=0.9), default_forecaster(), hours)
    assert mine <= TOLERANCE * young_loss(series, task(level=0.9), last_value(), hours)


def bursts_after_quiet(*, seed: int, hours: float, first: float) -> Series:
    """Next to nothing, and now and then an hour that is a million times busier."""
    rng = np.random.default_rng(seed)
    n = int(hours * 60)
    values = np.zeros(n)
    begin = int(rng.integers(100, 400))
    while begin < n:
        length = int(rng.integers(5, 90))
        values[begin : begin + length] = 5000 * rng.gamma(20, 1 / 20, values[begin:][:length].size)
        begin += length + int(rng.integers(5, 90))
    values[0] = first
    return Series(start_at=1_736_121_600.0, step_seconds=60.0, values=values)


@given(st.integers(0, 2**32 - 1), st.floats(5, 30), st.sampled_from([0.0, 0.001, 1.0, 1e4]))
@settings(max_examples=20, deadline=None)
def test_a_young_bound_is_at_most_half_as_high_again_as_what_was_seen(
    task: MakeTask, seed: int, hours: float, first: float
) -> None:
    """Ratios seen from near zero, times a busy level, once gave 100 times what ever came."""
    series = bursts_after_quiet(seed=seed, hours=hours, first=first)
    fitted = default_forecaster().fit(series.between(series.start_at, series.start_at), task())
    for last in range(240, len(series), 97):
        history = series.between(series.start_at, series.start_at + 60.0 * last)
        assert fitted.forecast(history).value <= 1.5 * history.values.max() * (1 + 1e-9)
