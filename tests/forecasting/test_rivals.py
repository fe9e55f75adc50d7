"""Rivals against figures worked out by hand, and the laws that hold for all of them."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting import rivals
from forecasting.backtest import bounds_at
from forecasting.forecast import NotEnoughHistory
from forecasting.forecaster import Forecaster, Task
from forecasting.rival_paths import Fourier, Gains, HoltWinters, State, filled, started
from forecasting.series import Series

DAY = 86_400.0
MINUTE = 60.0
TASK = Task(horizon_seconds=300.0, level=0.9, zone=ZoneInfo("UTC"))
EVERY: dict[str, Forecaster] = {
    **{
        name: rivals.Rule(method=name, bound=bound)
        for name, bound in {
            "last": rivals.last_value,
            "mean": rivals.raised_mean,
            "yesterday": rivals.yesterday,
            "week": rivals.last_week,
            "mimir": rivals.week_offset,
            "profile": rivals.day_profile,
            "kedastral": rivals.kedastral,
        }.items()
    },
    "holt-winters": HoltWinters(method="holt-winters", n_days=10, bin_seconds=900.0),
    "phpa": HoltWinters(
        method="phpa", n_days=4, gains=Gains(level=0.9, trend=0.9, season=0.9), is_one_step=True
    ),
    "crane": Fourier(),
}


def minutes(values: "list[float] | np.ndarray", *, start_at: float = 0.0) -> Series:
    return Series(start_at=start_at, step_seconds=MINUTE, values=np.asarray(values, dtype=float))


def days_of_minutes(n_days: float, wave: Callable[[np.ndarray], np.ndarray]) -> Series:
    return minutes(wave(np.arange(round(n_days * 1440)) / 1440))


@pytest.mark.parametrize(
    ("bound", "values", "want", "why"),
    [
        (rivals.last_value, [1.0, 2.0, np.nan], 2.0, "the newest that was observed"),
        (rivals.raised_mean, [9.0, 2.0, np.nan, 4.0], 3.75, "1.25 x the mean of 2 and 4"),
        (rivals.kedastral, [5.0] * 30, 5.0, "no slope, and the hour's mean agrees"),
        (rivals.kedastral, [1.0], 1.0, "one value, and no season yet"),
    ],
)
def test_a_rule_says_what_it_says_by_hand(
    bound: rivals.Bound, values: list[float], want: float, why: str
) -> None:
    assert bound(minutes(values), TASK) == pytest.approx(want), why


def test_kedastral_follows_the_line_and_blends_the_hour_in() -> None:
    """By hand: 6 values with slope 60 per minute, no momentum; mean of the hour 150.

    The line is 360, 420, ... 600. From 600 / 150 on the hour lies far below, so 0.6 of it count:
    0.4 x 600 + 0.6 x 150.
    """
    found = rivals.kedastral(minutes([0.0, 60.0, 120.0, 180.0, 240.0, 300.0]), TASK)
    assert found == pytest.approx(0.4 * 600 + 0.6 * 150)


def test_kedastral_takes_its_season_in_the_hour_of_the_future() -> None:
    values = [1.0] * 26 + [0.0] * 4  # 00:00 to 00:29: minutes come once, the hour 30 times
    found = rivals.kedastral(minutes(values), TASK)
    assert 0.0 < found < 1.0


def test_yesterday_is_the_peak_of_the_same_window() -> None:
    values = np.zeros(1440 + 100)
    values[100:105] = [1, 2, 9, 2, 1]
    history = minutes(values)
    assert rivals.yesterday(history, TASK) == 9.0
    assert np.isnan(rivals.last_week(history, TASK))


def test_yesterday_keeps_to_the_wall_clock_through_a_change_of_time() -> None:
    """Summer time began in Berlin on 2026-03-29 at 01:00 UTC: yesterday is 23 hours ago."""
    zone = ZoneInfo("Europe/Berlin")
    now = 1_774_771_200.0  # 2026-03-29 08:00 UTC, 10:00 in Berlin; 10:00 the day before is 09:00
    values = np.zeros(3 * 1440)
    history = minutes(values, start_at=now - (len(values) - 1) * MINUTE)
    peak_at = round((now - 23 * 3600 - history.start_at) / MINUTE) + 2
    values[peak_at] = 7.0
    history = minutes(values, start_at=history.start_at)
    assert rivals.yesterday(history, Task(horizon_seconds=300.0, level=0.9, zone=zone)) == 7.0
    assert rivals.yesterday(history, TASK) == 0.0


def test_mimir_looks_half_an_hour_ahead_of_a_week_ago() -> None:
    values = np.ones(8 * 1440)
    values[1440 - 1 + 30] = 5.0
    history = minutes(values)  # ends at minute 8 x 1440 - 1; a week before, half an hour later
    assert rivals.week_offset(history, TASK) == 5.0
    assert rivals.week_offset(minutes(values[-100:]), TASK) == 1.0


def test_the_day_profile_is_the_quantile_of_days_of_its_kind() -> None:
    """Thursday 1970-01-01 to Wednesday: Saturday and Sunday are 100, working days 1 to 5."""
    heights = [1.0, 2.0, 100.0, 100.0, 3.0, 4.0, 5.0]
    history = minutes(np.repeat(heights, 1440)[:-720])
    found = rivals.day_profile(history, Task(horizon_seconds=300.0, level=0.5, zone=TASK.zone))
    assert found == pytest.approx(2.5)  # of 1, 2, 3, 4, each seven times


def test_holt_winters_continues_a_straight_line_with_its_season() -> None:
    season = np.array([0.0, 4.0, -2.0, -2.0])
    values = 100 + 2.0 * np.arange(24) + np.tile(season, 6)
    gains = Gains(level=0.5, trend=0.3, season=0.4)
    path = started(values, 4).after(values[4:], gains).path(8)
    np.testing.assert_allclose(path, 100 + 2.0 * np.arange(24, 32) + np.tile(season, 2))


def test_one_step_of_holt_winters_is_what_the_formulas_say() -> None:
    """By hand: 0.5 (14 - 2) + 0.5 (10 + 1) = 11.5; 0.5 x 1.5 + 0.5 x 1; 0.5 x 2.5 + 0.5 x 2."""
    state = State(level=10.0, trend=1.0, seasons=np.array([2.0, -2.0]))
    after = state.after(np.array([14.0]), Gains(level=0.5, trend=0.5, season=0.5))
    assert (after.level, after.trend) == (11.5, 1.25)
    np.testing.assert_allclose(after.seasons, [-2.0, 2.25])
    np.testing.assert_allclose(after.path(2), [11.5 + 1.25 - 2.0, 11.5 + 2.5 + 2.25])


def test_a_perfect_day_is_repeated_by_the_path_methods() -> None:
    history = days_of_minutes(6.5, lambda day: 10 + 5 * np.sin(2 * np.pi * day))
    truth = 10 + 5 * np.sin(2 * np.pi * (6.5 + np.arange(5) / 1440))
    crane = EVERY["crane"].fit(history, TASK).forecast(history).value
    assert crane == pytest.approx(1.15 * truth.max(), rel=0.02)
    smooth = EVERY["holt-winters"].fit(history, TASK).forecast(history).value
    assert smooth == pytest.approx(truth.max(), rel=0.05)
    phpa = EVERY["phpa"].fit(history, TASK).forecast(history).value
    assert phpa == pytest.approx(truth[0], rel=0.02)


def test_a_path_is_bridged_over_gaps_not_dropped_to_zero() -> None:
    np.testing.assert_allclose(
        filled(np.array([np.nan, 2.0, np.nan, 4.0, np.nan])), [2, 2, 3, 4, 4]
    )
    history = days_of_minutes(4.0, lambda day: 10 + 5 * np.sin(2 * np.pi * day))
    values = history.values.copy()
    values[-300:-200] = np.nan
    gappy = minutes(values)
    for name in ("holt-winters", "crane"):
        whole, holed = (
            EVERY[name].fit(each, TASK).forecast(each).value for each in (history, gappy)
        )
        assert holed == pytest.approx(whole, rel=0.1), name


@pytest.mark.parametrize("name", EVERY)
def test_a_rival_sees_nothing_after_its_origin(name: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.gamma(4.0, 2.0, 9 * 288)
    history = Series(start_at=0.0, step_seconds=300.0, values=values)
    cut = 8 * 288 + 100
    changed = values.copy()
    changed[cut + 1 :] *= 100.0
    other = Series(start_at=0.0, step_seconds=300.0, values=changed)
    at = 300.0 * np.arange(8 * 288, cut + 1, 10)
    first, second = (bounds_at(each, TASK, EVERY[name], at) for each in (history, other))
    assert not np.isnan(first).all()
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", EVERY)
def test_a_rival_without_anything_observed_says_so(name: str) -> None:
    history = minutes(np.full(3000, np.nan))
    with pytest.raises(NotEnoughHistory):
        EVERY[name].fit(history, TASK).forecast(history)


@given(
    scale=st.floats(0.01, 1000.0),
    name=st.sampled_from(sorted(set(EVERY) - {"kedastral", "holt-winters"})),
    seed=st.integers(0, 20),
)
def test_scaling_demand_scales_what_a_rival_says(scale: float, name: str, seed: int) -> None:
    """But for Kedastral's + 1 in a ratio, and gains that an optimiser finds."""
    values = np.random.default_rng(seed).gamma(4.0, 2.0, 9 * 96)
    said = []
    for each in (values, scale * values):
        history = Series(start_at=0.0, step_seconds=900.0, values=each)
        said.append(bounds_at(history, TASK, EVERY[name], np.array([history.end_at]))[0])
    assert said[1] == pytest.approx(scale * said[0], rel=1e-9)
