from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.default import default_experts
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.series import Series
from forecasting.several import RUNG_RATIO, can_answer, rung_seconds

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

MIXTURE = Mixture(experts=default_experts())


@given(st.floats(1.0, 1e5))
def test_the_next_rung_can_answer(horizon_seconds: float) -> None:
    rung = rung_seconds(horizon_seconds)
    assert horizon_seconds <= rung * (1 + 1e-9) <= horizon_seconds * RUNG_RATIO * (1 + 1e-6)
    assert can_answer(rung, horizon_seconds)
    assert can_answer(rung, horizon_seconds / RUNG_RATIO)
    assert not can_answer(rung, rung * 1.01)


def test_a_lead_time_that_wavers_about_a_rung_asks_for_no_refit() -> None:
    rung = rung_seconds(300.0)
    fitted = rung_seconds(rung * 1.02)
    assert all(can_answer(fitted, rung * (1 + wave)) for wave in (-0.1, -0.02, 0.02, 0.1))


def test_a_horizon_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="horizon_seconds must be > 0"):
        rung_seconds(0.0)


def test_another_window_is_answered_with_its_own_calibration(
    office: MakeHistory, task: MakeTask
) -> None:
    """Fitted for 25 minutes, asked for 15: the bound holds as often as it says for 15."""
    history = office(days=9.5)
    begin = 8 * 1440 + 1
    fitted = MIXTURE.fit(
        history.between(0, history.start_at + begin * 60.0), task(horizon_seconds=1500.0, level=0.9)
    )
    known = history.between(history.start_at, history.start_at + begin * 60.0)
    asked = fitted.at_horizon(known, 900.0)
    held, wider = [], []
    for place in range(begin, len(history) - 16, 19):
        now = history.between(history.start_at, history.start_at + place * 60.0)
        forecast = asked.forecast(now)
        assert forecast.horizon_seconds == 900.0
        held.append(history.values[place + 1 : place + 16].max() <= forecast.value)
        wider.append(fitted.forecast(now).value >= 0.97 * forecast.value)
    assert 0.82 <= np.mean(held) <= 0.98
    assert np.mean(wider) > 0.8


def test_the_window_that_was_learnt_is_answered_as_before(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=9.5, step_seconds=300.0)
    before = history.between(0, history.end_at - 3600)
    fitted = MIXTURE.fit(before, task())
    assert fitted.at_horizon(before, fitted.task.horizon_seconds) is fitted
