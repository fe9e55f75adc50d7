import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.arrays import FloatVector
from forecasting.windows import (
    MIN_OBSERVED_RATIO,
    drifting_steps,
    n_steps,
    trailing_maximum,
    window_peak,
)

VALUES = st.lists(
    st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6)), min_size=0, max_size=60
).map(np.array)
WIDTHS = st.integers(1, 70)


@given(VALUES, WIDTHS)
def test_trailing_maximum_equals_the_plain_maximum_of_what_was_observed(
    values: FloatVector, width: int
) -> None:
    for i, found in enumerate(trailing_maximum(values, width)):
        window = values[max(0, i - width + 1) : i + 1]
        seen = window[~np.isnan(window)]
        assert np.isnan(found) if seen.size == 0 else found == seen.max()


@given(VALUES, WIDTHS)
def test_window_peak_looks_only_ahead_and_only_at_whole_windows(
    values: FloatVector, width: int
) -> None:
    for i, found in enumerate(window_peak(values, width)):
        window = values[i + 1 : i + 1 + width]
        seen = window[~np.isnan(window)]
        if window.size < width or seen.size < MIN_OBSERVED_RATIO * width:
            assert np.isnan(found)
        else:
            assert found == seen.max()


def test_a_window_that_touches_a_gap_has_no_peak_rather_than_a_low_one() -> None:
    values = np.array([1.0, 2.0, np.nan, np.nan, np.nan, 3.0, 4.0, 5.0])
    assert np.isnan(window_peak(values, 3)[:4]).all()


@pytest.mark.parametrize(
    ("seconds", "step", "want"),
    [(900, 60, 15), (900, 300, 3), (900, 3600, 1), (901, 60, 16), (0.5, 10, 1), (0.3, 0.1, 3)],
)
def test_n_steps_covers_the_time_and_is_never_zero(
    seconds: float, step: float, want: float
) -> None:
    assert n_steps(seconds, step) == want


@pytest.mark.parametrize("step", [5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0, 7.0])
def test_rows_of_four_days_leave_no_long_stretch_of_the_day_unseen(step: float) -> None:
    stride = drifting_steps(600.0, step)
    day = round(86_400 / step)
    seen = {row % day for row in range(0, 4 * day, stride)}
    places = sorted(seen)
    gaps = np.diff([*places, places[0] + day])
    assert gaps.max() * step <= max(step, 600.0)


@pytest.mark.parametrize("step", [10.0, 60.0, 120.0, 300.0])
def test_rows_fall_on_each_step_of_the_week_in_turn(step: float) -> None:
    week = round(7 * 86_400 / step)
    assert np.gcd(drifting_steps(600.0, step), week) == 1
