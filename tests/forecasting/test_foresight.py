"""What a tick finds worked out or reads alone is what reading it among others gives."""

from collections.abc import Callable
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.daymodel import DayModel
from forecasting.default import default_experts
from forecasting.forecaster import Task
from forecasting.foresight import N_AHEAD, Foresight, foreseen
from forecasting.past import Past
from forecasting.series import Series
from forecasting.shape import read_features

MakeHistory: TypeAlias = Callable[..., Series]
DAY = 86_400.0


def past_of(series: Series, *, horizon_seconds: float = 900.0, zone: str = "UTC") -> Past:
    task = Task(horizon_seconds=horizon_seconds, level=0.9, zone=ZoneInfo(zone))
    return Past(history=series, task=task, offset=1.0)


def until(series: Series, n: int) -> Series:
    return series.between(series.start_at, series.start_at + (n - 1) * series.step_seconds)


def same(one: FloatMatrix, other: FloatMatrix) -> bool:
    return np.array_equal(one.view(np.int64), other.view(np.int64)) or np.array_equal(
        one, other, equal_nan=True
    )


def change_of_clocks(days: float, step_seconds: float, *, share_missing: float) -> Series:
    """A history with gaps that ends two days and a half after the clocks of Berlin changed."""
    rng = np.random.default_rng(3)
    n = int(days * DAY / step_seconds)
    start_at = 1_743_292_800.0 + 2.5 * DAY - n * step_seconds  # 2025-03-30 00:00 UTC
    values = 50.0 + 40.0 * np.sin(np.arange(n) * step_seconds / 13_000.0) + rng.gamma(2.0, 2.0, n)
    values[rng.random(n) < share_missing] = np.nan
    values[n // 2 : n // 2 + 90] = np.nan
    return Series(
        start_at=start_at // step_seconds * step_seconds, step_seconds=step_seconds, values=values
    )


@pytest.mark.parametrize("share_missing", [0.0, 0.05])
@pytest.mark.parametrize("horizon_seconds", [60.0, 900.0, 20_000.0, 100_000.0])
@pytest.mark.parametrize(("days", "step_seconds"), [(9.0, 300.0), (3.1, 60.0)])
def test_a_tick_that_looked_ahead_says_what_one_that_did_not_says(
    share_missing: float, horizon_seconds: float, days: float, step_seconds: float
) -> None:
    history = change_of_clocks(days, step_seconds, share_missing=share_missing)
    experts = tuple(expert for expert in default_experts() if expert.fit(None) is not None)
    assert any(expert.name == "absolute-profile" for expert in experts)
    task = past_of(history, horizon_seconds=horizon_seconds, zone="Europe/Berlin").task
    fitted = tuple(expert.fit(None) for expert in experts)
    model = DayModel(at=history.start_at, task=task, offset=1.0, fitted=fitted)
    foresight, running = Foresight(), None
    for n in range(len(history) - 330, len(history) + 1, 3):
        known = until(history, n)
        past = Past(history=known, task=task, offset=1.0, running=running)
        here = np.array([n - 1.0])
        looked = model.ask(past, here, foresight)
        running = past.sums
        assert same(looked, model.ask(Past(history=known, task=task, offset=1.0), here))


def test_past_days_are_known_for_hours_ahead_unless_the_window_is_long(
    office: MakeHistory,
) -> None:
    history = office(days=4.0)
    end = len(history) - 1
    assert foreseen(past_of(history), end) == N_AHEAD
    eleven_hours = foreseen(past_of(history, horizon_seconds=11 * 3600.0), end)
    assert 0 < eleven_hours < N_AHEAD
    assert foreseen(past_of(history, horizon_seconds=13 * 3600.0), end) == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from([60.0, 300.0]), st.sampled_from([0.0, 0.02, 0.6]))
@settings(max_examples=15, deadline=None)
def test_a_row_read_alone_is_that_row_among_others(
    seed: int, step_seconds: float, share_missing: float
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 1200))
    values: FloatVector = rng.gamma(1.0, 10.0, n) * (rng.random(n) < 0.9)
    values[rng.random(n) < share_missing] = np.nan
    series = Series(start_at=1_740_000_000.0, step_seconds=step_seconds, values=values)
    among = read_features(past_of(series), np.arange(n, dtype=np.float64))
    for place in rng.integers(0, n, 20).tolist():
        alone = read_features(past_of(series), np.array([float(place)]))
        assert same(alone.rows, among.rows[place : place + 1])
        assert same(alone.log_level, among.log_level[place : place + 1])


def test_sums_that_grew_point_by_point_are_those_built_at_once() -> None:
    history = change_of_clocks(2.3, 300.0, share_missing=0.1)
    running = None
    for n in range(5, len(history) + 1):
        past = Past(history=until(history, n), task=past_of(history).task, offset=1.0,
                    running=running)  # fmt: skip
        running = past.sums
    places = np.arange(len(history), dtype=np.float64)
    assert running is not None
    at_once = past_of(history).sums
    lengths = np.array([[3], [12], [288]])
    many = np.broadcast_to(places, (3, places.size))
    assert same(running.mean(places, 12), at_once.mean(places, 12))
    for grown, built in zip(
        running.restlessness(many, lengths), at_once.restlessness(many, lengths), strict=True
    ):
        assert same(grown, built)
    ranks = np.arange(running.rank(places[-1:])[0])
    assert same(running.rises(ranks), at_once.rises(ranks))
