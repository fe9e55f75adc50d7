"""A history that is sent as its end alone arrives to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.series import Series
from scaler.adapters.forecasts_tail import joined, tail_of

STEP = 60.0
DEMANDS = st.one_of(st.just(float("nan")), st.just(0.0), st.just(-0.0), st.floats(0.0, 1e9))


def series(first: int, values: "list[float] | np.ndarray", led: bool = False) -> Series:  # type: ignore[type-arg] # noqa: FBT001, FBT002
    found = np.asarray(values, dtype=np.float64)
    leading = (("gateway", found[::-1].copy()),) if led else ()
    return Series(start_at=first * STEP, step_seconds=STEP, values=found, leading=leading)


@st.composite
def windows(draw: st.DrawFn) -> tuple[Series, Series]:
    """Two windows over what was known at two moments, the later one with some points mended."""
    values = draw(arrays(np.float64, 30, elements=DEMANDS))
    later = values.copy()
    for place in draw(st.lists(st.integers(0, 29), max_size=4)):
        later[place] = draw(DEMANDS)
    led = draw(st.booleans())
    one, other = sorted((draw(st.integers(0, 29)), draw(st.integers(0, 29))))
    two, end = sorted((draw(st.integers(0, 29)), draw(st.integers(0, 29))))
    return series(one, values[one : other + 1], led), series(two, later[two : end + 1], led)


@given(windows())
def test_what_arrives_is_what_was_sent_to_the_bit(pair: tuple[Series, Series]) -> None:
    known, history = pair
    tail = tail_of(history, known)
    if tail is not None:
        assert joined(known, tail).is_same(history)


@pytest.mark.parametrize(
    ("known", "history", "n_points"),
    [
        (series(0, [1, 2, 3, 4]), series(1, [2, 3, 4, 5]), 1),
        (series(0, [1, 2, 3, 4]), series(0, [1, 2, 3, 4]), 0),
        (series(0, [1, 2, np.nan, 4]), series(1, [2, 3, 4, 5]), 3),
        (series(0, [1, 2, 3, 4]), series(0, [1, 2]), 0),
        (series(0, [1, 2, 3, 4]), series(1, [2, 3, 4, 5, 6, 7, 8]), 4),
    ],
    ids=["a minute", "nothing new", "a hole is mended", "the clock went back", "after a pause"],
)
def test_only_what_is_new_is_sent(known: Series, history: Series, n_points: int) -> None:
    tail = tail_of(history, known)
    assert tail is not None
    assert len(tail.points) == n_points


@pytest.mark.parametrize(
    "history",
    [
        series(4, [5, 6]),
        series(1, [7, 3, 4]),
        series(-1, [0, 1, 2, 3, 4, 5]),
        series(0, [1, 2, 3, 4], led=True),
        Series(start_at=0.0, step_seconds=30.0, values=np.array([1.0, 2.0, 3.0, 4.0])),
    ],
    ids=["apart", "other values", "an older head", "a companion more", "another step"],
)
def test_a_history_that_repeats_nothing_is_sent_whole(history: Series) -> None:
    assert tail_of(history, series(0, [1, 2, 3, 4])) is None
