"""The cold start of the forecaster: from the first hour never much worse than the last value.

The tolerance is 10 % of the loss: the mixture has to find out whom to trust, and pays for it.
`benchmarks/forecast_young.py` measures more ages on more traces.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

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
