from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting import scores
from forecasting.baselines import last_value
from forecasting.default import default_experts, default_forecaster
from forecasting.experts import RecentMaximum
from forecasting.forecaster import Task
from forecasting.mixture import FittedMixture, Mixture
from forecasting.plugins import installed_experts
from forecasting.series import Series

MakeHistory: TypeAlias = Callable[..., Series]
MakeTask: TypeAlias = Callable[..., Task]

HOUR = 3600.0


def fit(history: Series, task: Task) -> FittedMixture:
    return Mixture(experts=default_experts()).fit(history, task)


def until(history: Series, hours_before_end: float) -> Series:
    return history.between(history.start_at, history.end_at - hours_before_end * HOUR)


def test_answers_do_not_depend_on_what_was_asked_before(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=9.9)
    asked_often = fit(until(history, 3), task())
    hours = [2.0, 2.5, 0.0]
    often = [asked_often.forecast(until(history, hour)).value for hour in hours]
    once = [fit(until(history, 3), task()).forecast(until(history, hour)).value for hour in hours]
    assert often == once


def test_a_history_that_was_corrected_later_is_read_anew(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=6.9)
    values = history.values.copy()
    values[-300:-200] *= 2
    corrected = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    fitted = fit(until(history, 12), task())
    fitted.forecast(until(history, 1))
    found = fitted.forecast(corrected)
    assert found == fit(until(history, 12), task()).forecast(corrected)


def test_a_process_that_starts_later_in_the_day_answers_alike(
    office: MakeHistory, task: MakeTask
) -> None:
    """Each reads the last fifteen days when it starts, and the last fifteen at each tick."""
    history = office(days=17.9, step_seconds=300.0)

    def rolling(hours_before_end: float) -> Series:
        end_at = history.end_at - hours_before_end * HOUR
        return history.between(end_at - 15 * 24 * HOUR, end_at)

    early, late = fit(rolling(15), task()), fit(rolling(4), task())
    for hours in (3.0, 1.5, 0.0):
        assert early.forecast(rolling(hours)) == late.forecast(rolling(hours))


def test_what_an_expert_said_rests_on_nothing_later(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=7.5)
    values = history.values.copy()
    values[-360:] *= 50
    other = Series(start_at=history.start_at, step_seconds=60.0, values=values)
    plain, perturbed = fit(history, task()).walk, fit(other, task()).walk
    before = plain.at <= history.end_at - 6 * HOUR
    assert before.sum() > 500
    np.testing.assert_array_equal(plain.raw[:, before], perturbed.raw[:, before])
    np.testing.assert_array_equal(plain.bounds[:, before], perturbed.bounds[:, before])


def test_weights_sum_to_one(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=4.3)
    weights = fit(history, task()).weights(history)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert set(weights) == {expert.name for expert in default_experts()}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("change", ["spring", "autumn"])
def test_the_nine_o_clock_rise_is_met_on_the_day_after_the_clocks_change(
    task: MakeTask, zone: str, change: str
) -> None:
    days = {
        ("Europe/Berlin", "spring"): datetime(2025, 3, 31),  # noqa: DTZ001 - zone follows
        ("Europe/Berlin", "autumn"): datetime(2025, 10, 27),  # noqa: DTZ001
        ("America/New_York", "spring"): datetime(2025, 3, 10),  # noqa: DTZ001
        ("America/New_York", "autumn"): datetime(2025, 11, 3),  # noqa: DTZ001
    }
    nine = (days[zone, change] + timedelta(hours=9)).replace(tzinfo=ZoneInfo(zone)).timestamp()
    times = np.arange(nine - 12 * 86_400, nine, 60.0)
    hours = [datetime.fromtimestamp(moment, ZoneInfo(zone)).hour for moment in times[::60]]
    hour = np.repeat(hours, 60)[: times.size]
    noise = np.random.default_rng(0).gamma(100, 1 / 100, times.size)
    history = Series(
        start_at=times[0],
        step_seconds=60.0,
        values=np.where((hour >= 9) & (hour < 18), 100.0, 10.0) * noise,
    )
    asked = task(zone=zone, level=0.9)
    fitted = fit(history.between(times[0], nine - 8 * HOUR), asked)
    assert fitted.forecast(history.between(times[0], nine - 5 * 60)).value > 80
    assert fitted.forecast(history.between(times[0], nine - 90 * 60)).value < 30


def test_a_young_history_is_bounded_no_worse_than_by_the_calibrated_last_value(
    office: MakeHistory, task: MakeTask
) -> None:
    history = office(days=2.2)
    asked = task(level=0.9)
    losses = {}
    for name, forecaster in (
        ("mixture", Mixture(experts=default_experts())),
        ("last", last_value()),
    ):
        bounds, peaks = [], []
        for end in range(240, len(history) - 16, 97):
            known = history.between(history.start_at, history.start_at + end * 60.0)
            bounds.append(forecaster.fit(known, asked).forecast(known).value)
            peaks.append(history.values[end + 1 : end + 16].max())
        losses[name] = scores.pinball(np.array(peaks), np.array(bounds), 0.9)
    assert losses["mixture"] < losses["last"]


def test_a_useless_expert_from_outside_gets_no_weight(office: MakeHistory, task: MakeTask) -> None:
    history = office(days=3.6, step_seconds=300.0)
    weekly = RecentMaximum(name="maximum-of-a-day", seconds=86_400.0, is_additive=False)
    fitted = default_forecaster(extra_experts=(weekly, *installed_experts())).fit(history, task())
    assert isinstance(fitted, FittedMixture)
    assert fitted.weights(history)["maximum-of-a-day"] < 0.05
