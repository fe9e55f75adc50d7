"""A whole future: calibrated, ordered, wider where less is known, and on the local clock."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.arrays import FloatMatrix
from forecasting.events import Event
from forecasting.forecast import NotEnoughHistory
from forecasting.path import Path, Pathfinder, PathTask, path
from forecasting.series import Series
from forecasting.windows import n_steps, window_peak

MakeHistory: TypeAlias = Callable[..., Series]
DAY = 86_400.0
LEVELS = (0.5, 0.9, 0.95)
MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC


def asked(
    *,
    hours: float = 48.0,
    step_seconds: float = 600.0,
    zone: str = "UTC",
    holidays: frozenset[int] = frozenset(),
) -> PathTask:
    return PathTask(
        until_seconds=hours * 3600.0,
        step_seconds=step_seconds,
        levels=LEVELS,
        zone=ZoneInfo(zone),
        holidays=holidays,
    )


def at_local(found: Path, text: str, zone: str) -> int:
    """The window that holds a local time."""
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()
    return int(np.flatnonzero(found.ends_at >= at)[0])


def hits(series: Series, *, first_at: float, every_hours: float) -> FloatMatrix:
    """Which bounds held, (n_levels, n_origins, n_windows), on a walk forward."""
    peaks = window_peak(series.values, n_steps(600.0, series.step_seconds))
    held = []
    while first_at <= series.end_at - 2 * DAY:
        known = series.between(series.start_at, first_at)
        found = path(known, asked())
        places = len(known) - 1 + n_steps(600.0, series.step_seconds) * np.arange(len(found))
        held.append(peaks[places] <= found.bounds)
        first_at += every_hours * 3600.0
    return np.swapaxes(np.array(held), 0, 1)


def restless(*, days: float, seed: int) -> Series:
    """Days with a load of their own, drifting within: what can be known shrinks with distance."""
    rng = np.random.default_rng(seed)
    n, step = int(days * 288), 300.0
    drift = np.zeros(n)
    for place in range(1, n):
        drift[place] = 0.995 * drift[place - 1] + 0.03 * rng.standard_normal()
    wave = 1.5 + np.sin(2 * np.pi * np.arange(n) / 288)
    return Series(start_at=MONDAY, step_seconds=step, values=50 * wave * np.exp(drift))


def test_bounds_hold_as_often_as_they_say_on_generated_data() -> None:
    held = np.concatenate(
        [hits(restless(days=28, seed=seed), first_at=MONDAY + 20 * DAY, every_hours=31)
         for seed in (1, 2, 3)], axis=1
    )  # fmt: skip
    median, nine, high = held.mean(axis=(1, 2))
    assert 0.38 < median < 0.62
    assert 0.86 < nine < 0.97
    assert 0.92 < high < 0.995


def test_bounds_hold_as_often_as_they_say_on_a_trace(trace: Callable[[str], Series]) -> None:
    series = trace("crane_input2_1min.csv.gz")
    held = hits(series, first_at=series.end_at - 8 * DAY, every_hours=11)
    median, nine, high = held.mean(axis=(1, 2))
    assert 0.4 < median < 0.65
    assert 0.86 < nine < 0.97
    assert 0.92 < high < 0.99
    assert 0.84 < held[1, :, 144:].mean() < 0.98  # the second day too


def test_bounds_are_wider_the_further_ahead() -> None:
    widths = []
    for seed in range(4):
        found = path(restless(days=24, seed=seed), asked())
        width = np.log(found.level(0.95)) - np.log(found.level(0.5))
        widths.append([width[:3].mean(), width[18:60].mean(), width[144:].mean()])
    soon, later, far = np.mean(widths, axis=0)
    assert soon < 0.8 * later
    assert later < 1.05 * far


def test_it_knows_what_day_it_is_and_what_today_is_like(office: MakeHistory) -> None:
    friday_noon = office(days=25.5)  # Friday 12:00
    found = path(friday_noon, asked())
    middle = found.level(0.5)
    afternoon = middle[at_local(found, "2025-01-31 14:00", "UTC")]
    weekend = middle[at_local(found, "2025-02-01 14:00", "UTC")]
    assert 90 < afternoon < 180
    assert 25 < weekend < 60  # 35 times noise; yesterday at this time it was 100


def test_the_next_hour_follows_a_day_that_is_twice_as_busy(office: MakeHistory) -> None:
    plain = office(days=23.55)
    values = plain.values.copy()
    values[-780:] *= 2.0
    busy = Series(start_at=plain.start_at, step_seconds=60.0, values=values)
    ratio = path(busy, asked()).level(0.5)[:3] / path(plain, asked()).level(0.5)[:3]
    assert (ratio > 1.4).all()


@pytest.mark.parametrize(
    ("zone", "change"),
    [("Europe/Berlin", "2025-03-30"), ("Europe/Berlin", "2025-10-26"),
     ("America/New_York", "2025-03-09"), ("America/New_York", "2025-11-02")],
)  # fmt: skip
def test_a_rise_at_nine_stays_at_nine_through_a_change_of_clocks(zone: str, change: str) -> None:
    local = ZoneInfo(zone)
    end_at = datetime.fromisoformat(f"{change} 00:00").replace(tzinfo=local).timestamp() - 18_000
    times = end_at - 300.0 * np.arange(21 * 288)[::-1]
    hours = np.array([datetime.fromtimestamp(at, local).hour for at in times.tolist()])
    noise = np.random.default_rng(5).gamma(200.0, 1 / 200.0, times.size)
    values = np.where((hours >= 9) & (hours < 18), 100.0, 10.0) * noise
    found = path(Series(start_at=times[0], step_seconds=300.0, values=values), asked(zone=zone))
    local_hours = np.array(
        [datetime.fromtimestamp(at, local).hour + datetime.fromtimestamp(at, local).minute / 60
         for at in (found.ends_at - 300.0).tolist()]
    )  # fmt: skip
    middle = found.level(0.5)
    busy = (local_hours > 9.5) & (local_hours < 17.5)
    assert (middle[busy] > 70).all()
    assert (middle[(local_hours < 8.4) | (local_hours > 18.6)] < 30).all()


def test_a_holiday_ahead_is_spent_like_a_weekend(office: MakeHistory) -> None:
    wednesday = office(days=23.9)
    tomorrow = int(np.floor((wednesday.end_at + DAY) / DAY))
    usual = path(wednesday, asked())
    holiday = path(wednesday, asked(holidays=frozenset({tomorrow})))
    noon = at_local(usual, "2025-01-30 14:00", "UTC")
    assert usual.level(0.5)[noon] > 90
    assert holiday.level(0.5)[noon] < 60


def test_events_lift_their_windows_alone_and_are_not_learnt(office: MakeHistory) -> None:
    plain = office(days=23.5)
    values = plain.values.copy()
    past_event = Event(begin_at=plain.end_at - 5 * DAY, end_at=plain.end_at - 4 * DAY, factor=4.0)
    values[past_event.covers(plain.times)] *= 4.0
    eventful = Series(start_at=plain.start_at, step_seconds=60.0, values=values)
    launch = Event(begin_at=plain.end_at + 7200, end_at=plain.end_at + 10_800, factor=3.0)
    usual = path(plain, asked()).bounds
    lifted = path(eventful, asked(), events=(past_event, launch)).bounds
    ratio = lifted / usual
    assert ratio[:, 12:18] == pytest.approx(3.0)
    assert np.delete(ratio, range(11, 19), axis=1) == pytest.approx(1.0)


def test_nothing_after_the_end_is_read_and_the_same_bits_come_twice(office: MakeHistory) -> None:
    whole = office(days=16.0)
    known = whole.between(whole.start_at, whole.start_at + 13 * DAY)
    values = whole.values.copy()
    values[len(known) :] *= 50
    other = Series(start_at=whole.start_at, step_seconds=60.0, values=values)
    seen = other.between(other.start_at, known.end_at)
    assert np.array_equal(path(known, asked()).bounds, path(seen, asked()).bounds)


@given(st.integers(0, 99), st.sampled_from([1e-6, 3.0, 1e6]), st.floats(0.02, 12.0))
@settings(max_examples=8, deadline=None)
def test_scaling_the_series_scales_the_path(
    office: MakeHistory, seed: int, factor: float, days: float
) -> None:
    plain = office(days=days, seed=seed, step_seconds=300.0)
    scaled = office(days=days, seed=seed, step_seconds=300.0, scale=factor)
    want = factor * path(plain, asked()).bounds
    assert path(scaled, asked()).bounds == pytest.approx(want, rel=1e-3)


@st.composite
def histories(draw: st.DrawFn) -> Series:
    step = draw(st.sampled_from([60.0, 300.0, 900.0, 3600.0]))
    n = draw(st.integers(0, min(4000, int(8 * DAY / step))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["wave", "zeros", "bursts", "shift", "nothing"]))
    values = {
        "wave": (2 + np.sin(step * np.arange(n) * 2 * np.pi / DAY)) * rng.gamma(9, 1, n),
        "zeros": np.zeros(n),
        "bursts": np.where(rng.random(n) < 0.01, 1e4 * rng.random(n), 0.0),
        "shift": np.where(np.arange(n) > n // 2, 1e6, 1.0) * rng.random(n),
        "nothing": np.full(n, np.nan),
    }[kind]
    if n and draw(st.booleans()):
        values[rng.random(n) < draw(st.sampled_from([0.01, 0.3, 0.95]))] = np.nan
    if n and draw(st.booleans()):
        first = draw(st.integers(0, n - 1))
        values[first : first + draw(st.integers(1, n))] = np.nan
    start = draw(st.integers(400_000, 500_000))
    return Series(start_at=step * start, step_seconds=step, values=values)


@given(histories(), st.sampled_from([1.0, 300.0, 3600.0, 50_000.0]), st.floats(1.0, 60.0))
@settings(max_examples=40, deadline=None)
def test_any_history_gives_ordered_finite_bounds_or_says_that_nothing_was_observed(
    history: Series, step_seconds: float, n_windows: float
) -> None:
    task = PathTask(
        until_seconds=step_seconds * n_windows,
        step_seconds=step_seconds,
        levels=(0.95, 0.05, 0.5, 0.99),
        zone=ZoneInfo("Asia/Kathmandu"),
    )
    if np.isnan(history.last_observed):
        with pytest.raises(NotEnoughHistory):
            path(history, task)
        return
    found = path(history, task)
    assert found.issued_at == history.end_at
    assert np.isfinite(found.bounds).all()
    assert (found.bounds >= 0).all()
    assert (np.diff(found.bounds, axis=0) >= 0).all()
    assert found.ends_at[-1] >= history.end_at + task.until_seconds - 1e-6


def test_a_young_history_says_how_it_was_made_and_is_no_surer_than_what_it_saw(
    office: MakeHistory,
) -> None:
    hour = office(days=0.2)
    found = path(hour, asked())
    assert found.method == "last-value"
    upper = found.level(0.95)
    assert (upper >= found.level(0.5)).all()
    assert upper[-1] >= 0.99 * upper[0]
    one = Series(start_at=MONDAY, step_seconds=60.0, values=np.array([7.0]))
    assert (path(one, asked()).bounds == 7.0).all()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"step_seconds": 0.0}, "step_seconds must be > 0"),
        ({"until_seconds": 60.0}, "until_seconds must be 1 to"),
        ({"levels": (0.5, 1.0)}, "levels must be one or more"),
        ({"levels": ()}, "levels must be one or more"),
    ],
)
def test_a_question_that_makes_no_sense_is_named(changes: dict[str, object], line: str) -> None:
    given: dict[str, object] = {
        "until_seconds": 3600.0, "step_seconds": 600.0, "levels": (0.5,), "zone": ZoneInfo("UTC")
    }  # fmt: skip
    with pytest.raises(ValueError, match=line):
        PathTask(**{**given, **changes})  # type: ignore[arg-type]


def test_the_function_is_a_pathfinder_and_a_level_is_read_by_its_number(
    office: MakeHistory,
) -> None:
    find: Pathfinder = path
    found = find(office(days=3.0), asked(hours=2.0))
    assert len(found) == 12
    assert datetime.fromtimestamp(found.ends_at[0], UTC).minute == 9
    with pytest.raises(KeyError, match=r"0\.7"):
        found.level(0.7)


def test_a_gap_longer_than_the_look_back_leaves_what_was_seen_before_it() -> None:
    values = np.concatenate((np.full(20 * 1_440, 50.0), np.full(50 * 1_440, np.nan)))
    history = Series(start_at=1_767_571_200.0, step_seconds=60.0, values=values)
    question = PathTask(
        until_seconds=7_200.0, step_seconds=600.0, levels=(0.5, 0.9), zone=ZoneInfo("UTC")
    )
    assert (path(history, question).bounds == 50.0).all()
