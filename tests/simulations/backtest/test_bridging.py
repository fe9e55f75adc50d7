"""`--gaps interpolate`: lines between observations, and never ahead of an origin."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import write_csv
from forecasting.series import Series
from scaler.__main__ import main
from simulations.backtest.bridging import as_known, bridged, gaps_of

nan = float("nan")


def series(*values: float) -> Series:
    return Series(start_at=600.0, step_seconds=60.0, values=np.array(values))


def test_an_open_gap_is_held_and_a_closed_one_is_a_line() -> None:
    holed = series(1, nan, 3, nan, nan, 9)
    whole, gaps = bridged(holed), gaps_of(holed)
    assert whole.values.tolist() == [1, 2, 3, 5, 7, 9]
    assert gaps.tolist() == [[600, 720], [720, 900]]
    known = [as_known(whole.between(600, 600 + 60 * n), gaps).values.tolist() for n in range(6)]
    assert known == [[1], [1, 1], [1, 2, 3], [1, 2, 3, 3], [1, 2, 3, 3, 3], [1, 2, 3, 5, 7, 9]]


demands = st.one_of(st.just(nan), st.floats(0, 1e6))


@given(st.lists(demands, max_size=20), *[st.lists(demands, max_size=20)] * 2)
@settings(max_examples=200, deadline=None)
def test_what_is_known_at_an_origin_does_not_depend_on_what_came_later(
    before: list[float], after: list[float], instead: list[float]
) -> None:
    past = [1.0, *before]  # a series begins and ends with an observation, see `case.observed`
    known = [
        as_known(bridged(each).between(600.0, 600.0 + 60.0 * len(before)), gaps_of(each)).values
        for each in (series(*past, *after, 2.0), series(*past, *instead, 70.0))
    ]
    np.testing.assert_array_equal(*known)


@pytest.mark.parametrize("method", ["prewarm", "last-value", "reactive-1.25"])
def test_the_backtest_does_not_look_over_a_gap(method: str, week: Series, tmp_path: Path) -> None:
    values = week.values.copy()
    values[-100:-60] = nan
    later = values.copy()
    later[-60:] *= 50.0
    bounds = []
    for name, each in (("plain", values), ("perturbed", later)):
        path = write_csv(
            tmp_path / f"{name}.csv",
            Series(start_at=week.start_at, step_seconds=300.0, values=each),
        )
        out = tmp_path / f"{name}-forecasts.csv"
        words = ["backtest", path, "--gaps", "interpolate", "--methods", method, "--every", "30m",
                 "--score-days", "10h", "--short-histories", "none", "--jobs", "1",
                 "--quantiles", "0.9", "--forecasts", out]  # fmt: skip
        result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        bounds.append(pd.read_csv(out))
    gap_end_at = week.start_at + 300.0 * (len(week) - 60)
    before = bounds[0]["origin_at"] < gap_end_at
    assert before.sum() >= 8
    assert (bounds[0]["origin_at"][before] > gap_end_at - 300.0 * 40).sum() >= 6
    np.testing.assert_array_equal(bounds[0]["bound"][before], bounds[1]["bound"][before])
    assert (bounds[0]["bound"][~before] != bounds[1]["bound"][~before]).any()
