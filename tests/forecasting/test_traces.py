"""On real traffic the default beats the two baselines that it falls back on."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from forecasting import scores
from forecasting.baselines import last_value, seasonal_naive
from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.series import Series
from forecasting.windows import n_steps

MakeTask: TypeAlias = Callable[..., Task]
ReadTrace: TypeAlias = Callable[[str], Series]


NAMES = [
    "crane_input0_1min.csv.gz",
    "crane_input14_1min.csv.gz",
    "nab_elb_request_count_5min.csv.gz",
    "servegen_m-large_client142_1min_resampled.csv.gz",
]
LEVEL = 0.9


@pytest.mark.parametrize("name", NAMES)
def test_the_default_beats_calibrated_last_value_and_seasonal_naive(
    trace: ReadTrace, task: MakeTask, name: str
) -> None:
    series = trace(name)
    asked = task(level=LEVEL)
    n_horizon = n_steps(asked.horizon_seconds, series.step_seconds)
    cut = int(0.8 * len(series))
    history = series.between(series.start_at, series.start_at + cut * series.step_seconds)
    origins = range(cut, len(series) - n_horizon - 1, n_steps(3300.0, series.step_seconds))
    peaks = np.array([np.nanmax(series.values[i + 1 : i + 1 + n_horizon]) for i in origins])
    losses = []
    for fitted in (
        default_forecaster().fit(history, asked),
        last_value().fit(history, asked),
        seasonal_naive().fit(history, asked),
    ):
        bounds = [
            fitted.forecast(
                series.between(series.start_at, series.start_at + i * series.step_seconds)
            ).value
            for i in origins
        ]
        losses.append(scores.pinball(peaks, np.array(bounds), LEVEL))
    assert losses[0] < min(losses[1:])
