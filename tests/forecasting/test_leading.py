"""An indicator that runs ahead of demand helps, noise is sent away, a hole harms nothing."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.arrays import FloatVector
from forecasting.backtest import backtest
from forecasting.default import default_forecaster
from forecasting.events import Event, WithEvents, usual
from forecasting.forecaster import Task
from forecasting.leading import gains
from forecasting.series import Series

MakeTask: TypeAlias = Callable[..., Task]
MONDAY = 1_736_121_600.0
DAY = 86_400.0
LEAD_MINUTES = 10


def bursts(days: float, *, seed: int = 1) -> FloatVector:
    """Arrivals at a gateway: bursts of half an hour at moments that nothing foretells."""
    generator = np.random.default_rng(seed)
    n = round(days * 1440)
    level = np.full(n, 20.0)
    for begin in np.flatnonzero(generator.random(n) < 1 / 180):
        level[begin : begin + 30] += generator.uniform(40, 200)
    return level * generator.gamma(200, 1 / 200, n)


def led(days: float = 8.0) -> Series:
    """Demand that follows the gateway after ten minutes, with the gateway and a noise beside it."""
    gateway = bursts(days)
    noise = np.random.default_rng(2).gamma(200, 1 / 200, gateway.size)
    demand = np.concatenate((np.full(LEAD_MINUTES, 10.0), 0.5 * gateway[:-LEAD_MINUTES])) * noise
    other = bursts(days, seed=9)
    grid = {"start_at": MONDAY, "step_seconds": 60.0}
    return Series(values=demand, **grid).led_by(
        {"gateway": Series(values=gateway, **grid), "noise": Series(values=other, **grid)}
    )


@pytest.fixture(scope="module")
def history() -> Series:
    return led()


def only(history: Series, *names: str) -> Series:
    return replace(history, leading=tuple(pair for pair in history.leading if pair[0] in names))


@pytest.mark.slow
def test_an_indicator_that_leads_by_ten_minutes_takes_most_of_the_loss_away(
    history: Series, task: MakeTask
) -> None:
    asked = task(horizon_seconds=600.0, level=0.9)
    losses = {
        names: backtest(
            only(history, *names), asked, default_forecaster(), begin_at=MONDAY + 7 * DAY
        ).score.pinball
        for names in ((), ("gateway",), ("noise",))
    }
    assert losses[("gateway",)] < 0.5 * losses[()]
    assert losses[("noise",)] == pytest.approx(losses[()], rel=1e-9)


def test_the_fit_says_what_was_kept_and_what_it_gained(history: Series, task: MakeTask) -> None:
    fitted = default_forecaster().fit(history, task(horizon_seconds=600.0, level=0.9))
    gateway, noise = gains(fitted)
    assert (gateway.name, noise.name) == ("gateway", "noise")
    assert gateway.is_kept
    assert 0.4 < gateway.gain_ratio < 1.0
    assert not noise.is_kept
    assert noise.gain_ratio < 0.02
    told = WithEvents(forecaster=default_forecaster(), events=())
    assert gains(told.fit(history, task(horizon_seconds=600.0, level=0.9))) == (gateway, noise)


def test_nothing_is_said_of_a_history_that_is_too_short(history: Series, task: MakeTask) -> None:
    short = history.between(MONDAY, MONDAY + 0.5 * DAY)
    for gain in gains(default_forecaster().fit(short, task())):
        assert np.isnan(gain.gain_ratio)
        assert not gain.is_kept
    assert gains(default_forecaster().fit(short.alone(), task())) == ()


@pytest.mark.parametrize("lost", ["all of it", "the last ten minutes", "its name"])
def test_without_the_indicator_the_answer_is_that_of_the_model_without_it(
    history: Series, task: MakeTask, lost: str
) -> None:
    fitted = default_forecaster().fit(only(history, "gateway"), task(horizon_seconds=600.0))
    plain = default_forecaster().fit(history.alone(), task(horizon_seconds=600.0))
    now = replace(history, values=history.values * 1.0)
    gateway = dict(history.leading)["gateway"].copy()
    gateway[-len(gateway) if lost == "all of it" else -10 :] = np.nan
    seen = now.alone() if lost == "its name" else replace(now, leading=(("gateway", gateway),))
    found, want = fitted.forecast(seen), plain.forecast(history.alone())
    assert found.value == pytest.approx(want.value, rel=1e-9)
    assert found.value > 0
    assert found.value != fitted.forecast(only(history, "gateway")).value


def test_an_indicator_that_drops_to_zero_can_not_take_the_floor_of_the_mixture_away(
    history: Series, task: MakeTask
) -> None:
    fitted = default_forecaster().fit(only(history, "gateway"), task(horizon_seconds=600.0))
    gateway = dict(history.leading)["gateway"].copy()
    gateway[-5:] = 0.0
    assert fitted.forecast(replace(history, leading=(("gateway", gateway),))).value > 0


def test_ticks_one_by_one_say_what_one_process_says_at_once(
    history: Series, task: MakeTask
) -> None:
    learnt = only(history, "gateway").between(MONDAY, MONDAY + 5.2 * DAY)
    seen = only(history, "gateway").between(MONDAY, MONDAY + 5.3 * DAY)
    ticking = default_forecaster().fit(learnt, task())
    for minute in range(0, 144, 7):
        ticking.forecast(seen.between(MONDAY, learnt.end_at + 60.0 * minute))
    anew = pickle.loads(pickle.dumps(default_forecaster().fit(learnt, task())))  # noqa: S301
    assert ticking.forecast(seen) == anew.forecast(seen)


def test_scaling_the_indicator_changes_nothing(history: Series, task: MakeTask) -> None:
    plain = only(history, "gateway")
    scaled = replace(plain, leading=(("gateway", plain.leading[0][1] * 1000.0),))
    want, found = (
        default_forecaster().fit(each, task()).forecast(each) for each in (plain, scaled)
    )
    assert found.value == pytest.approx(want.value, rel=1e-6)


def test_the_future_of_an_indicator_is_not_read(history: Series, task: MakeTask) -> None:
    seen = only(history, "gateway")
    gateway = seen.leading[0][1].copy()
    cut = 6 * 1440
    gateway[cut:] *= 50.0
    other = replace(seen, leading=(("gateway", gateway),))
    until = MONDAY + (cut - 1) * 60.0
    want, found = (
        default_forecaster().fit(known, task()).forecast(known)
        for known in (seen.between(MONDAY, until), other.between(MONDAY, until))
    )
    assert found == want


def test_inside_an_event_nothing_is_learnt_from_an_indicator(history: Series) -> None:
    launch = Event(begin_at=MONDAY + DAY, end_at=MONDAY + DAY + 3600, factor=3.0)
    cleaned = usual(history, (launch,))
    inside = launch.covers(history.times)
    for (_, before), (_, after) in zip(history.leading, cleaned.leading, strict=True):
        assert np.isnan(after[inside]).all()
        np.testing.assert_array_equal(after[~inside], before[~inside])


grids = st.tuples(st.integers(-5, 25), st.integers(0, 20))


@given(grids)
def test_a_companion_lies_at_its_own_times(place: tuple[int, int]) -> None:
    first, n = place
    demand = Series(start_at=600.0, step_seconds=60.0, values=np.arange(20.0))
    other = Series(start_at=600.0 + 60 * first, step_seconds=60.0, values=100.0 + np.arange(n))
    [(_, laid)] = demand.led_by({"x": other}).leading
    for at, value in zip(demand.times, laid, strict=True):
        want = dict(zip(other.times, other.values, strict=True)).get(at, np.nan)
        np.testing.assert_equal(value, want)


def test_companions_go_where_their_history_goes() -> None:
    series = led(1.0)
    part = series.between(MONDAY + 600, MONDAY + 1200)
    assert part.leading_names == ("gateway", "noise")
    np.testing.assert_array_equal(part.leading[0][1], series.leading[0][1][10:21])
    assert series.continues(series.between(MONDAY, MONDAY + 600))
    assert series.is_same(pickle.loads(pickle.dumps(series)))  # noqa: S301
    changed = replace(series, leading=(series.leading[0], ("noise", series.values)))
    assert not changed.is_same(series)
    assert not series.alone().is_same(series)


def test_companions_must_fit() -> None:
    series = led(1.0)
    with pytest.raises(ValueError, match="must differ"):
        replace(series, leading=(("a", series.values), ("a", series.values)))
    with pytest.raises(ValueError, match="1440 values"):
        replace(series, leading=(("a", series.values[1:]),))
    other = Series(start_at=MONDAY, step_seconds=30.0, values=series.values)
    with pytest.raises(ValueError, match="step_seconds=60"):
        series.led_by({"a": other})
