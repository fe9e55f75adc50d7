"""The plot in the terminal: what is drawn where, and that it always fits."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.series import Series
from scaler.terminal_plot import (
    ASCII,
    ROWS,
    UNICODE,
    Glyphs,
    Picture,
    dot_rows,
    number,
    plot,
    replica_lines,
)

BERLIN = ZoneInfo("Europe/Berlin")
AT = 1_763_985_600.0  # 2025-11-24 12:00 UTC


def series(*values: float) -> Series:
    return Series(start_at=AT, step_seconds=60.0, values=np.array(values))


def picture(
    values: Series, bound: float | None = None, *, ahead: float = 300.0, threshold: float = 10.0
) -> Picture:
    return Picture(
        series=values,
        bound=bound,
        until_at=values.end_at + ahead,
        threshold=threshold,
        zone=BERLIN,
    )


def drawn(what: Picture, glyphs: Glyphs = ASCII, width: int = 80) -> list[str]:
    return [line.plain for line in plot(what, width=width, glyphs=glyphs)]


def test_a_ramp_looks_like_a_ramp():
    lines = drawn(picture(series(*np.linspace(0, 29, 121)), threshold=10.0), width=40)
    assert lines == [
        "      30 |--------------------* 3",
        "         |                 ***",
        "         |               ***",
        "      20 |-------------***----- 2",
        "         |          ***",
        "         |        ***",
        "      10 |------***------------ 1",
        "         |    ***",
        "         |  ***",
        "         |***",
        "         +---------------------",
        "          13:00     14:00 15:00",
        "          * demand   - what so many replicas carry",
    ]


def test_the_bound_stands_to_the_right_of_the_data_at_its_height():
    lines = drawn(picture(series(*[10.0] * 120), 30.0))
    (row,) = [line for line in lines if "====" in line]
    assert row.index("=") > row.index("|", 12)
    assert lines.index(row) == 0  # the bound is the highest
    assert "at most 30 until 15:04" in lines[-1]


def test_a_spike_of_one_minute_is_seen_in_a_day():
    values = np.full(1440, 1.0)
    values[700] = 50.0
    lines = drawn(picture(series(*values)))
    assert lines[0].count("*") == 1


def test_a_gap_stays_a_gap():
    values = [10.0] * 60 + [float("nan")] * 60 + [10.0] * 60
    rows = dot_rows(series(*values), n_columns=30, n_rows=1, top=11.0)
    assert [bits == 0 for bits in rows[0]] == [False] * 10 + [True] * 10 + [False] * 10


def test_zero_is_drawn_at_the_bottom_and_not_left_out():
    assert dot_rows(series(0.0, 0.0), n_columns=1, n_rows=2, top=1.0) == [[0], [0x40 | 0x80]]


def test_braille_sets_a_dot_for_each_quarter_of_a_row():
    assert dot_rows(series(3.9, 3.9), n_columns=1, n_rows=1, top=4.0) == [[0x01 | 0x08]]


def test_a_threshold_far_above_the_demand_does_not_flatten_it():
    lines = drawn(picture(series(*[1.0] * 60), threshold=1000.0))
    assert "*" in lines[0]


# The upper edge, the threshold, and the replica counts that get a line.
LINES = (
    (10.8, 10.0, [1]),
    (35.0, 10.0, [2]),
    (66.0, 8.0, [3, 6]),
    (500.0, 10.0, [20, 40]),
    (5.0, 10.0, []),
)


@pytest.mark.parametrize(("top", "threshold", "want"), LINES)
def test_lines_lie_at_round_numbers_of_replicas_with_room_between(
    top: float, threshold: float, want: list[int]
):
    assert [replicas for replicas, _ in replica_lines(top, threshold, n_rows=ROWS)] == want


@settings(max_examples=50)
@given(
    values=st.lists(st.none() | st.floats(0, 1e15), max_size=100),
    bound=st.none() | st.floats(0, 1e15),
    threshold=st.floats(0.1, 1e15),
    width=st.integers(40, 120),
    glyphs=st.sampled_from((ASCII, UNICODE)),
)
def test_whatever_is_drawn_fits(
    values: list[float | None], bound: float | None, threshold: float, width: int, glyphs: Glyphs
):
    data = series(*(float("nan") if each is None else each for each in values))
    lines = drawn(picture(data, bound, threshold=threshold), glyphs, width)
    assert len(lines) == ROWS + 3
    assert max(len(line) for line in lines[:-1]) <= width
    if glyphs is ASCII:
        assert all(line.isascii() for line in lines)


NUMBERS = (
    (0.0, "0"),
    (0.1234, "0.123"),
    (42.0, "42"),
    (999.7, "1000"),
    (1234.4, "1234"),
    (999_900.0, "1M"),
    (2.5e6, "2.5M"),
    (3e13, "30T"),
    (1.005e15, "1P"),
)


@pytest.mark.parametrize(("value", "want"), NUMBERS)
def test_a_figure_has_three_digits_that_count(value: float, want: str):
    assert number(value) == want


@given(st.just(0.0) | st.floats(1e-9, 1e17))
def test_every_demand_fits_its_label(value: float):
    assert len(number(value)) <= 8
