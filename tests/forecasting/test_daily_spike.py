"""A short spike at the same time each day is what users buy a predictive scaler for.

From the owner: rows spaced by a divisor of a day (10 min) see each day at one phase only, so the
five minutes before a spike may be in no training row and in no calibration origin at all. Space
them so that the phase moves from day to day (e.g. every 7 steps of a minute), then this passes.
"""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.series import Series

MIDNIGHT_AT = 1_767_571_200.0
STEP_SECONDS = 60.0


@pytest.mark.parametrize("spike_minute", range(720, 731))
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_half_hour_spike_at_the_same_time_each_day_is_seen_a_lead_time_ahead(
    spike_minute: int, noise: float
) -> None:
    spike_at = MIDNIGHT_AT + 60.0 * spike_minute
    times = np.arange(spike_at - 14 * 86_400.0, spike_at + 3_600.0, STEP_SECONDS)
    in_spike = ((times - spike_at) % 86_400.0) < 1_800.0
    values = np.where(in_spike, 95.0, 10.0)
    values *= np.random.default_rng(1).normal(1.0, noise, values.size).clip(0.5, 1.5)
    history = Series(start_at=times[0], step_seconds=STEP_SECONDS, values=values)
    task = Task(horizon_seconds=300.0, level=0.95, zone=ZoneInfo("UTC"))
    model = default_forecaster().fit(history.between(times[0], spike_at - 7_200.0), task)
    for minutes_before in (4, 3, 2, 1):
        now = spike_at - 60.0 * minutes_before
        forecast = model.forecast(history.between(times[0], now))
        assert 85.0 <= forecast.value <= 140.0, f"{minutes_before} minutes before"
    quiet = model.forecast(history.between(times[0], spike_at - 3_600.0))
    assert quiet.value < 20.0, "an hour before, nothing is due"
