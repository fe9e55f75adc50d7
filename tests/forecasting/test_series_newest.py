"""Where a series was observed, against the plain way to find it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series import Series

POINTS = st.lists(st.one_of(st.just(float("nan")), st.floats(0.0, 1e6)), max_size=12)


@given(POINTS)
def test_the_newest_and_the_oldest_observation_are_found(values: list[float]) -> None:
    series = Series(start_at=120.0, step_seconds=60.0, values=np.array(values))
    observed = [
        (at, value)
        for at, value in zip(series.times.tolist(), values, strict=True)
        if not np.isnan(value)
    ]
    newest_at, newest = observed[-1] if observed else (np.nan, np.nan)
    np.testing.assert_equal(series.last_observed_at, newest_at)
    np.testing.assert_equal(series.last_observed, newest)
    assert series.observed_seconds == (observed[-1][0] - observed[0][0] if observed else 0.0)


def test_equal_bits_are_the_same_series_wherever_they_lie() -> None:
    series = Series(start_at=0.0, step_seconds=60.0, values=np.array([1.0, np.nan, 3.0]))
    twin = Series(start_at=0.0, step_seconds=60.0, values=series.values.copy())
    other = Series(start_at=0.0, step_seconds=60.0, values=np.array([1.0, np.nan, 4.0]))
    part = series.between(0.0, 60.0)
    assert series.is_same(series.between(0.0, 120.0))
    assert series.is_same(twin)
    assert not series.is_same(other)
    assert series.continues(part)
    assert not part.is_same(series.between(60.0, 120.0))
