"""Reading one place, as a tick does, gives what reading it among others gives."""

from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecaster import Task
from forecasting.past import Past
from forecasting.series import Series

demands = st.lists(st.one_of(st.just(np.nan), st.floats(0.0, 1e6)), min_size=1, max_size=40)


@given(demands, st.integers(0, 39), st.sampled_from([60.0, 300.0, 3600.0]))
def test_the_maximum_at_one_place_is_that_among_several(
    values: list[float], place: int, seconds: float
) -> None:
    place %= len(values)
    series = Series(start_at=0.0, step_seconds=60.0, values=np.array(values))
    task = Task(horizon_seconds=300.0, level=0.9, zone=ZoneInfo("UTC"))
    past = Past(history=series, task=task, offset=1.0)
    alone = past.maximum(np.array([float(place)]), seconds)
    among = past.maximum(np.array([float(place), 0.0]), seconds)
    assert np.array_equal(alone, among[:1], equal_nan=True)
    inside = [value for at, value in enumerate(values) if place - seconds / 60 < at <= place]
    want = max((value for value in inside if not np.isnan(value)), default=np.nan)
    assert np.array_equal(alone, np.array([want]), equal_nan=True)


def test_a_stale_end_has_no_maximum() -> None:
    series = Series(start_at=0.0, step_seconds=60.0, values=np.ones(9))
    task = Task(horizon_seconds=300.0, level=0.9, zone=ZoneInfo("UTC"))
    past = Past(history=series, task=task, offset=1.0)
    assert np.isnan(past.maximum(np.array([np.nan]), 300.0)).all()
