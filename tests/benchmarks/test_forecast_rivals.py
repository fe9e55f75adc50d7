"""Rivals: no look-ahead, their formulas by hand, and the cache that keeps what they said."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from forecast_cache import HERE, keep, key, recall
from forecast_protocol import HORIZONS, LEVELS, Said, Trace
from forecast_rivals import RIVALS, Rival, case_of, entries
from forecast_rivals_holtwinters import fitted_state
from forecast_rivals_kedastral import Baseline, arima, blended, kedastral, slope
from forecast_rivals_simple import last, last_week, mimir, yesterday
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from forecasting.series import Series

MakeTrace = Callable[..., Trace]
N_DAYS = 15
RIVAL_BY_NAME = {rival.name: rival for rival in RIVALS}


def perturbed(trace: Trace, cut: int) -> Trace:
    values = trace.series.values.copy()
    values[cut + 1 :] = 7.0 * values[cut + 1 :][::-1]
    return replace(trace, series=replace(trace.series, values=values))


@pytest.mark.filterwarnings("ignore")  # their libraries on convergence and on coming changes
@pytest.mark.parametrize("name", [r.name for r in RIVALS if "50 points" not in r.name])
def test_no_rival_looks_ahead(name: str, make_trace: MakeTrace) -> None:
    rival = RIVAL_BY_NAME[name]
    for package in rival.packages:
        pytest.importorskip(package)
    trace = make_trace(N_DAYS)
    line = 350  # of about a thousand origins, not on a refit
    other = perturbed(trace, int(trace.origins[line]))
    said, again = rival.source(trace), rival.source(other)
    assert said is not None
    assert again is not None
    for one, two in ((said.points, again.points), (said.own, again.own)):
        if one is None or two is None:
            continue
        assert np.allclose(one[..., : line + 1], two[..., : line + 1]), "saw the future"
        if rival.source is not last_week:  # what changed is not a week old before the end
            assert not np.allclose(one[..., line + 1 :], two[..., line + 1 :]), "reads nothing"


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_every_rival_has_one_line_as_shipped_and_lines_that_no_other_has(rival: Rival) -> None:
    others = {name for other in RIVALS if other is not rival for name in entries(other)}
    mine = entries(rival)
    assert mine
    assert not set(mine) & others
    assert (rival.name in mine) == (rival.shipped is not None or rival.is_raw_scored)


def test_simple_rivals_say_what_their_name_says(make_trace: MakeTrace) -> None:
    trace = make_trace(N_DAYS)
    place = int(trace.origins[5])
    values = trace.series.values
    for minutes in HORIZONS:
        column = HORIZONS.index(minutes)
        n = minutes // 5
        assert last(trace).points[0, column, 5] == values[place]
        day = place - 288
        assert yesterday(trace).points[0, column, 5] == values[day + 1 : day + n + 1].max()
        offset = mimir(trace)
        assert offset is not None
        a_week_ago = values[place - 7 * 288 + 6]
        assert offset.points[0, column, 5] == max(values[place], a_week_ago)
    assert mimir(make_trace(6)) is None


def test_kedastral_slope_is_per_second_and_of_ten_points() -> None:
    assert slope(np.r_[500.0, 500.0, np.arange(10.0)]) == pytest.approx(1 / 60)
    assert slope(np.array([3.0])) == 0.0


@pytest.mark.parametrize(
    ("base", "seasonal", "want", "why"),
    [
        (99.0, 160.0, 0.2 * 99 + 0.8 * 160, "ratio 1.6: a spike is trusted"),
        (99.0, 150.0, 0.3 * 99 + 0.7 * 150, "ratio 1.5 is not above 1.5"),
        (99.0, 120.0, 0.5 * 99 + 0.5 * 120, "ratio 1.2 is not above 1.2"),
        (99.0, 80.0, 0.5 * 99 + 0.5 * 80, "ratio 0.8 is not below 0.8"),
        (99.0, 50.0, 0.4 * 99 + 0.6 * 50, "a dip"),
        (99.0, np.nan, 99.0, "no season known"),
        (-50.0, np.nan, 0.0, "never below zero"),
    ],
)
def test_kedastral_blends_as_its_source_says(
    base: float, seasonal: float, want: float, why: str
) -> None:
    assert blended(np.array([base]), np.array([seasonal]))[0] == pytest.approx(want), why


def test_kedastral_halves_a_straight_line_with_the_mean_of_the_hour(make_trace: MakeTrace) -> None:
    series = Series(start_at=0.0, step_seconds=60.0, values=np.arange(1440.0) + 1000)
    trace = replace(make_trace(5), series=series)
    # From 10:10 to 10:39 no minute comes twice, so the hour's mean stands in.
    steps = Baseline()(trace, np.arange(610, 640), 3)
    mean = 1000 + (610 + 639) / 2
    assert steps.values == pytest.approx([0.5 * (1639 + k) + 0.5 * mean for k in (1, 2, 3)])
    assert steps.deviations == pytest.approx([series.values[610:640].std(ddof=1)] * 3)


def test_kedastral_arima_is_the_last_value_and_a_constant(make_trace: MakeTrace) -> None:
    trace = make_trace(5)
    window = np.arange(200, 500)
    steps = arima()(trace, window, 6)
    last_value = trace.series.values[499]
    assert steps.values[1:] == pytest.approx([last_value] * 5, rel=0.02)
    assert np.all(np.diff(steps.deviations) > 0)


@pytest.mark.parametrize("level", LEVELS)
def test_the_online_holt_winters_goes_on_as_statsmodels_would(level: float) -> None:
    rng = np.random.default_rng(1)
    days = np.arange(96 * 8) / 96
    means = 100 + 30 * np.sin(2 * np.pi * days) + rng.normal(0, 3, days.size)
    state = fitted_state(means[: 96 * 7])
    ahead = state
    for value in means[96 * 7 :]:
        ahead = ahead.updated(float(value))
    model = ExponentialSmoothing(
        means[: 96 * 7], seasonal="add", seasonal_periods=96, initialization_method="heuristic"
    )
    first = model.fit().params
    longer = ExponentialSmoothing(
        means, seasonal="add", seasonal_periods=96, initialization_method="known",
        initial_level=first["initial_level"], initial_seasonal=first["initial_seasons"],
    )  # fmt: skip
    again = longer.fit(
        smoothing_level=state.level_gain, smoothing_seasonal=state.season_gain, optimized=False
    )
    assert ahead.path(96) == pytest.approx(again.forecast(96), rel=1e-6), level


def test_what_a_rival_said_is_recalled_as_it_was(tmp_path: Path, make_trace: MakeTrace) -> None:
    trace = make_trace(6)
    rival = RIVAL_BY_NAME["last"]
    name = key(rival, trace)
    assert recall(tmp_path, name) == (False, None)
    said = last(trace)
    keep(tmp_path, name, said)
    known, again = recall(tmp_path, name)
    assert known
    assert isinstance(again, Said)
    assert np.array_equal(again.points, said.points)
    assert again.own is None
    assert np.isnan(again.fit_seconds)
    keep(tmp_path, "too-short", None)
    assert recall(tmp_path, "too-short") == (True, None)


def test_the_key_changes_with_the_series_and_with_the_source(
    make_trace: MakeTrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival, trace = RIVAL_BY_NAME["last"], make_trace(6)
    first = key(rival, trace)
    assert key(rival, make_trace(6, seed=4)) != first
    assert key(RIVAL_BY_NAME["reactive x1.25"], trace) != first
    modules = ("forecast_protocol", *rival.modules)
    for module in modules:
        source = (HERE / f"{module}.py").read_text()
        (tmp_path / f"{module}.py").write_text(source + "\n# a comment\n")
    monkeypatch.setattr("forecast_cache.HERE", tmp_path)
    assert key(rival, trace) == first
    (tmp_path / f"{modules[-1]}.py").write_text("OTHER = 1\n")
    assert key(rival, trace) != first


def test_a_bound_of_a_level_is_taken_for_that_level(make_trace: MakeTrace) -> None:
    trace = make_trace(6)
    source = kedastral(Baseline, window_seconds=1800)
    said = source(trace)
    assert said is not None
    bound = entries(RIVAL_BY_NAME["Kedastral-like, quantile"])["Kedastral-like, quantile"]
    low, high = (bound(case_of(trace, 15, level), said) for level in LEVELS)
    assert np.all(high >= low)
    assert np.any(high > low)


def test_every_module_that_a_key_names_exists() -> None:
    for rival in RIVALS:
        for module in rival.modules:
            assert find_spec(module), module
