"""Axes, lines and charts: ticks at round local times, and no peak or gap lost."""

from datetime import UTC, datetime
from math import nan
from typing import Any
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards import HORIZON_SECONDS, NOON, add, live, new_board, page_of, publish, seen
from forecasting.series import Series
from scaler.adapters.memory import ManualClock
from scaler.page.axes import Scale, nice_ticks, time_ticks
from scaler.page.chart import NARROW, WIDE, demand_chart, replica_chart
from scaler.page.figure import rows_of
from scaler.page.histogram import counts_of, histogram
from scaler.page.lines import MAX_POINTS, Lines, highest, lines_of, value_at
from scaler.page.view import Details
from scaler.types import Evidence, PolicyState

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe")


@given(st.floats(1e-6, 1e15), st.integers(2, 12))
def test_ticks_are_round_few_and_reach_the_highest_value(high: float, n: int) -> None:
    ticks = nice_ticks(high, n_at_most=n)
    assert ticks[0] == 0.0
    assert ticks[-1] >= high * (1 - 1e-9)
    assert len(ticks) <= n + 1
    assert f"{ticks[1]:.0e}"[0] in "125"


@given(st.floats(0.1, 1e5), st.integers(2, 8))
def test_ticks_of_counts_are_whole(high: float, n: int) -> None:
    assert all(tick == int(tick) for tick in nice_ticks(high, n_at_most=n, is_whole=True))


@given(
    st.floats(1.6e9, 1.9e9),
    st.sampled_from([3_600.0, 21_600.0, 86_400.0]),
    st.sampled_from(ZONES),
    st.integers(3, 10),
)
def test_time_ticks_lie_at_round_local_times(start: float, span: float, name: str, n: int) -> None:
    zone = ZoneInfo(name)
    ticks = time_ticks(start, start + span, zone, n_at_most=n)
    assert list(ticks) == sorted(set(ticks))
    assert all(start <= tick <= start + span for tick in ticks)
    assert 1 <= len(ticks) <= n + 3  # a clock that is set back shows an hour twice
    for tick in ticks:
        local = datetime.fromtimestamp(tick, tz=zone)
        assert local.second == 0
        assert local.minute % 5 == 0 or span / n < 300
        if span / n > 3_600 and name in ZONES[:2]:
            assert local.minute == 0


def test_the_hours_around_a_clock_change_are_on_the_axis() -> None:
    start = datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp()  # clocks go from 2 to 3 at 01:00 UTC
    ticks = time_ticks(start, start + 6 * 3_600, BERLIN, n_at_most=6)
    shown = [f"{datetime.fromtimestamp(each, tz=BERLIN):%H:%M}" for each in ticks]
    assert shown == ["23:00", "00:00", "01:00", "03:00", "04:00", "05:00", "06:00"]


def test_a_scale_puts_what_lies_outside_on_the_edge() -> None:
    scale = Scale(low=0.0, high=10.0, place_of_low=100.0, place_of_high=0.0)
    assert [scale(value) for value in (-5.0, 0.0, 5.0, 10.0, 99.0)] == [100, 100, 50, 0, 0]


def drawn(details: Details, hours: float = 6.0, now: float = NOON) -> Lines:
    lines = lines_of(details, now=now, hours=hours)
    assert lines is not None
    return lines


def details_with(demand: list[float], **more: Any) -> Details:
    board, clock = new_board(), ManualClock(NOON)
    live(add(board, clock, **more), clock, demand)
    return page_of(board, clock).target("llm", "chat").triggers[0]


@given(st.lists(st.floats(0, 1e4), min_size=2, max_size=1_440), st.sampled_from([1.0, 6.0, 24.0]))
def test_no_peak_is_lost_and_no_chart_has_more_points_than_it_can_show(
    demand: list[float], hours: float
) -> None:
    lines = drawn(details_with(demand), hours)
    in_sight = demand[-min(len(demand), int(hours * 60)) :]
    assert highest(lines.demand) == max(in_sight)
    assert sum(map(len, lines.demand)) <= MAX_POINTS + 2


def test_a_gap_in_demand_is_a_gap_in_the_line() -> None:
    board, clock = new_board(), ManualClock(NOON)
    target = add(board, clock)
    live(target, clock, [10.0])
    values = np.full(120, 20.0)
    values[40:60] = nan
    target.demand = Series(start_at=NOON - 119 * 60, step_seconds=60.0, values=values)
    lines = drawn(page_of(board, clock).target("llm", "chat").triggers[0])
    ends = [(piece[0][0], piece[-1][0]) for piece in lines.demand]
    assert ends == [(NOON - 119 * 60, NOON - 80 * 60), (NOON - 59 * 60, NOON)]
    assert value_at(lines.demand, NOON - 70 * 60) is None
    assert value_at(lines.needed, NOON - 70 * 60) is None


def test_the_bound_is_drawn_where_its_window_ends() -> None:
    lines = drawn(details_with([10.0] * 60))
    assert lines.bound[-1][-1] == (NOON + HORIZON_SECONDS, 12.0)
    assert lines.end_at >= NOON + HORIZON_SECONDS
    assert lines.lead_until_at == NOON + 330.0


def test_time_without_fresh_evidence_is_marked() -> None:
    board, clock = new_board(), ManualClock(NOON)
    target = add(board, clock)
    state = PolicyState()
    for nth in range(60):
        evidence = Evidence.STALE if 20 <= nth < 30 else Evidence.FRESH
        state = publish(
            target, seen(NOON - 3_540 + 60 * nth, 10.0, evidence=evidence), clock, state
        )
    lines = drawn(page_of(board, clock).target("llm", "chat").triggers[0])
    assert lines.not_fresh == ((NOON - 3_540 + 1_200, NOON - 3_540 + 1_800),)


def test_nothing_is_drawn_where_nothing_is_known() -> None:
    board, clock = new_board(), ManualClock(NOON)
    add(board, clock)
    details = page_of(board, clock).target("llm", "chat").triggers[0]
    assert lines_of(details, now=NOON, hours=6.0) is None


def coordinates(svg: Element) -> list[float]:
    numbers: list[float] = []
    for element in svg.iter():
        if element.get("class") != "cross":
            keys = KEYS & element.attrib.keys()
            numbers += [float(element.attrib[key]) for key in keys]
        numbers += map(float, element.get("d", "").replace("Z", "").translate(SPACES).split())
    return numbers


KEYS = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}
SPACES = str.maketrans("MLHV", "    ")


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=100))
def test_all_of_a_drawing_lies_within_it(demand: list[float]) -> None:
    lines = drawn(details_with(demand))
    for size, svg in (
        (WIDE[0], demand_chart(lines, WIDE[0], BERLIN)),
        (NARROW[1], replica_chart(lines, NARROW[1], BERLIN, ())),
    ):
        assert all(-1 <= each <= max(size.width, size.height) for each in coordinates(svg))


def test_the_read_out_says_what_the_lines_say() -> None:
    lines = drawn(details_with([10.0, 20.0, 30.0]))
    by_time = {at: values for at, *values in rows_of(lines)}
    at = max(each for each in by_time if each <= NOON)
    demand, _, needed, replicas, reactive, ready = by_time[at]
    assert (demand, needed, replicas, reactive, ready) == (20.0, 2.0, 3.0, 2.0, None)


@given(st.lists(st.floats(0.001, 5_000), min_size=1, max_size=200))
def test_every_start_is_in_one_bar(starts: list[float]) -> None:
    edges, counts = counts_of(starts)
    assert sum(counts) == len(starts)
    for nth, count in enumerate(counts):
        assert count == sum(edges[nth] <= start < edges[nth + 1] for start in starts)


@pytest.mark.parametrize("planned", [None, 10.0, 900.0])
def test_a_histogram_shows_the_planned_start(planned: float | None) -> None:
    svg = histogram([50.0, 60.0, 70.0], planned)
    assert (svg.find("line[@class='planned']") is not None) == (planned is not None)
