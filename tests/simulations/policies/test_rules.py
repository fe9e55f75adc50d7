"""The reactive trigger, forecasts looked up, and the curve of a line with seasons."""

from math import inf, nan
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecaster import Task
from forecasting.series import Series
from simulations.autoscaling.quantities import milli
from simulations.keda_client import to_milli
from simulations.policies.forecasted import Forecasted
from simulations.policies.linear_seasonal import LinearSeasonal
from simulations.policies.open_loop import Bounds
from simulations.policies.reactive import Reactive, Signal
from simulations.ports import Metric, Observation

DAY = 86_400.0


def seen(at: float = 0.0, *, demand: float = 25.0, running: float = 6.0) -> Observation:
    return Observation(
        at=at, demand=demand, running=running, waiting=2.5, kv_cache_use=0.0,
        wanted=1, ready=1, starting=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "want"),
    [(3.0006, 3_001), (0.0004, 0), (0.0, 0), (-4.0, 0), (nan, 0), (inf, 0), (1e12, 10**15)],
)
def test_a_value_becomes_thousandths_as_keda_writes_it(value: float, want: int) -> None:
    assert milli(value) == want


@given(st.floats(0.0, 1e9))
def test_both_ways_to_thousandths_agree(value: float) -> None:
    assert milli(value) == to_milli(value)


@pytest.mark.parametrize(
    ("signal", "usage"),
    [(Signal.DEMAND, 25_000), (Signal.IN_FLIGHT, 8_500), (Signal.WAITING, 2_500)],
)
def test_a_reactive_trigger_gives_its_signal_over_its_threshold(signal: Signal, usage: int) -> None:
    policy = Reactive("keda", threshold=10.0, signal=signal)
    assert policy.metrics(seen()) == (Metric(usage, 10_000),)
    assert policy.is_active(seen())


def test_a_reactive_trigger_takes_no_data_for_zero_as_keda_does_by_default() -> None:
    policy = Reactive("keda", threshold=10.0)
    assert policy.metrics(seen(demand=nan)) == (Metric(0, 10_000),)
    assert not policy.is_active(seen(demand=nan))
    assert not policy.is_active(seen(demand=0.0))
    assert not Reactive("keda", threshold=1.0, activation_threshold=25.0).is_active(seen())


def test_a_threshold_that_kubernetes_would_read_as_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"threshold must be >= 0\.001, got 0\.0001"):
        Reactive("keda", threshold=0.0001)


def test_a_forecast_is_the_newest_that_was_made() -> None:
    bounds = Bounds(start_at=1_000.0, step_seconds=60.0, values=np.array([30.0, nan, 70.0]))
    policy = Forecasted("x", bounds, Reactive("x", threshold=10.0), threshold=10.0, start_at=990.0)
    usages = [
        policy.metrics(seen(at))[1].usage_milli for at in (0.0, 10.0, 69.9, 70.0, 130.0, 900.0)
    ]
    assert usages == [0, 30_000, 30_000, 0, 70_000, 70_000]
    assert policy.forecast == 70.0
    assert policy.metrics(seen(10.0))[0] == Metric(25_000, 10_000)
    assert policy.is_active(seen(10.0, demand=0.0))
    assert not policy.is_active(seen(70.0, demand=0.0))


def curve(n_days: int) -> Series:
    """Return exactly what the model holds: a line, a day and a week."""
    times = np.arange(0.0, n_days * DAY, 300.0)
    days = times / DAY
    values = 50.0 + days + 9.0 * np.sin(2 * np.pi * days) + 4.0 * np.cos(2 * np.pi * days / 7)
    return Series(start_at=20_000 * DAY, step_seconds=300.0, values=values)


def test_a_line_with_seasons_is_continued_exactly() -> None:
    whole = curve(22)
    history = whole.between(whole.start_at, whole.start_at + 21 * DAY)
    task = Task(horizon_seconds=3_600.0, level=0.9, zone=ZoneInfo("UTC"))
    fitted = LinearSeasonal().fit(history, task)
    for hours in (0.0, 6.0, 17.0):
        known = whole.between(whole.start_at, whole.start_at + 21 * DAY + hours * 3_600.0)
        peak = whole.between(known.end_at + 300.0, known.end_at + 3_600.0).values.max()
        assert fitted.forecast(known).value == pytest.approx(peak, rel=1e-6)


def test_a_line_with_seasons_needs_two_days_and_passes_over_gaps() -> None:
    task = Task(horizon_seconds=600.0, level=0.9, zone=ZoneInfo("UTC"))
    short = curve(1)
    assert LinearSeasonal().fit(short, task).forecast(short).value == short.values[-1]
    holed = curve(16)
    values = holed.values.copy()
    values[100:900] = np.nan
    gap = Series(start_at=holed.start_at, step_seconds=300.0, values=values)
    got = LinearSeasonal().fit(gap, task).forecast(gap).value
    assert got == pytest.approx(LinearSeasonal().fit(holed, task).forecast(holed).value, rel=1e-6)
