from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.default import default_forecaster
from forecasting.events import Event, WithEvents, due, usual
from forecasting.forecaster import Task
from forecasting.series import Series
from scaler.agenda import MAX_EVENTS, Recurring, parse_events

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_the_four_forms() -> None:
    text = """
    2026-11-27T08:00 to 2026-11-30T23:00 factor 3   # the launch
    2026-12-01 09:00 for 4h demand 1200; cron 0 9 * * MON-FRI for 1h30m factor 1.5

    # only a remark
    2026-11-10T02:00+00:00 to 2026-11-11 outage
    """
    assert parse_events(text, BERLIN)[0] == (
        Event(begin_at=at("2026-11-27T08:00"), end_at=at("2026-11-30T23:00"), factor=3.0),
        Event(begin_at=at("2026-12-01T09:00"), end_at=at("2026-12-01T13:00"), demand=1200.0),
        Recurring(cron="0 9 * * MON-FRI", zone=BERLIN, seconds=5400.0, factor=1.5),
        Event(begin_at=datetime(2026, 11, 10, 2, tzinfo=UTC).timestamp(), end_at=at("2026-11-11")),
    )


BAD: tuple[tuple[str, int, str], ...] = (
    ("2026-11-27T08:00 for 4h", 1, "must end in factor F, demand D or outage"),
    ("2026-11-27T08:00 for 4h factr 3", 1, "did you mean factor?"),
    ("# a\n\n2026-11-27T08:00 for 4x outage", 3, '"4x" is no duration such as 90m, 4h'),
    ("2026-11-27T08:00 for 0m outage", 1, '"0m" is no duration'),
    ("2026-11-27T08:00 for 400d outage", 1, '"400d" is no duration'),
    ("2026-11-27T08:00 outage", 1, "must say when"),
    ("2026-13-27T08:00 for 4h outage", 1, '"2026-13-27T08:00" is no ISO time'),
    ("2026-11-27T08:00 to 2026-11-27T08:00 outage", 1, "must end after it begins"),
    ("2026-01-01 to 2027-06-01 outage", 1, "must not last longer than a year"),
    ("2026-11-27 for 4h factor 0", 1, "factor must be a number from 0.01 to 100"),
    ("2026-11-27 for 4h factor nan", 1, "factor must be a number from 0.01 to 100"),
    ("2026-11-27 for 4h demand -1", 1, "demand must be a number from 0 to 1e+15"),
    ("2026-11-27 for 4h demand lots", 1, "demand must be a number"),
    ("cron 0 9 * * for 4h outage", 1, "cron must have five fields"),
    ("cron 0 9 * * 1 2 for 4h outage", 1, "cron must have five fields"),
    ("cron 0 25 * * * for 4h outage", 1, "cron: bad hour"),
    ("cron 0 0 31 2 * for 4h outage", 1, "cron: bad day"),
    ("cron */5 * * * * for 4h outage", 1, "more than 24 times a day"),
    ("cron 0 9 * * 1 outage", 1, "after cron must come five fields"),
    ("2026-11-27 for 1h outage\n" * (MAX_EVENTS + 1), MAX_EVENTS + 1, "allowed are 50 events"),
)


@pytest.mark.parametrize(("text", "line", "why"), BAD)
def test_what_is_no_event_is_named_with_its_line(text: str, line: int, why: str) -> None:
    [bad] = parse_events(text, BERLIN)[1]
    assert bad.line == line
    assert why in bad.why


def test_a_line_that_is_no_event_hides_no_other() -> None:
    good, bad = parse_events("tomorrow\n2026-11-27 for 4h factor 3\nevery monday", BERLIN)
    assert len(good) == 1
    assert [each.line for each in bad] == [1, 3]


@given(st.text(max_size=80))
def test_any_text_is_events_or_named_lines(text: str) -> None:
    events, bad = parse_events(text, BERLIN)
    n_entries = sum(
        bool(entry.strip())
        for line in text.splitlines()
        for entry in line.partition("#")[0].split(";")
    )
    assert len(events) + len(bad) == n_entries


def recurring(cron: str, zone: ZoneInfo = BERLIN, **keys: Any) -> Recurring:
    return Recurring(cron=cron, zone=zone, seconds=keys.pop("seconds", 3600.0), factor=2.0, **keys)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")])
def test_nine_is_nine_by_the_wall_clock_the_whole_year(zone: ZoneInfo) -> None:
    begin = datetime(2025, 1, 1, tzinfo=zone)
    found = recurring("0 9 * * *", zone).starts(begin.timestamp(), begin.timestamp() + 366 * 86_400)
    want = [
        datetime(day.year, day.month, day.day, 9, tzinfo=zone).timestamp()
        for day in (begin.date() + timedelta(days=n) for n in range(366))
    ]
    assert found == want


@pytest.mark.parametrize(
    ("day", "want"),
    [
        ("2025-03-30", ["2025-03-30T03:00+02:00"]),  # 02:30 is left out
        ("2025-10-26", ["2025-10-26T02:30+02:00"]),  # and comes twice: the first counts
    ],
)
def test_a_time_that_is_left_out_comes_after_the_gap_and_one_that_is_doubled_comes_once(
    day: str, want: list[str]
) -> None:
    begin_at = at(day)
    found = recurring("30 2 * * *").starts(begin_at, begin_at + 23 * 3600)
    assert found == [datetime.fromisoformat(each).timestamp() for each in want]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("change", ["2025-03-30", "2025-10-26", "2025-03-09", "2025-11-02"])
def test_what_is_covered_is_the_hour_after_each_start(zone: ZoneInfo, change: str) -> None:
    event = recurring("0 9,21 * * 1-5", zone, seconds=5400.0)
    begin_at = at(change, zone) - 4 * 86_400
    times = begin_at + 60.0 * np.arange(9 * 1440)
    local = [datetime.fromtimestamp(moment, tz=zone) for moment in times]
    want = [
        each.weekday() < 5
        and (each.hour in {9, 21} or (each.hour in {10, 22} and each.minute < 30))
        for each in local
    ]
    assert event.covers(times).tolist() == want


@given(st.integers(0, 5000), st.integers(1, 600), st.integers(1, 4000))
def test_a_part_of_the_times_is_covered_as_within_the_whole(first: int, n: int, hours: int) -> None:
    event = recurring("15 */6 * * *", seconds=60.0 * (hours % 1000 + 1))
    times = at("2025-03-28") + 60.0 * np.arange(5600)
    part = times[first : first + n]
    np.testing.assert_array_equal(event.covers(part), event.covers(times)[first : first + n])


def test_an_occurrence_shorter_than_a_step_turns_twice_and_is_due() -> None:
    event = recurring("7 9 * * *", seconds=20.0)
    begin_at = at("2025-03-28T09:07")
    assert sorted(event.turns(begin_at - 3600, begin_at + 3600)) == [begin_at, begin_at + 20]
    assert sorted(event.turns(begin_at + 5, begin_at + 3600)) == [begin_at + 20]
    assert due((event,), np.array([begin_at + 30]), after_at=begin_at - 30)[0] == event.factor
    assert due((event,), np.array([begin_at + 80]), after_at=begin_at + 20)[0] == 1.0


def test_nothing_is_covered_of_nothing() -> None:
    assert recurring("0 9 * * *").covers(np.empty(0)).size == 0
    assert recurring("0 0 29 2 *").starts(at("2025-01-01"), at("2025-12-31")) == []


@pytest.mark.parametrize(
    ("zone", "monday"),
    [
        (BERLIN, "2025-03-31"),  # the day after the clocks were put forward
        (BERLIN, "2025-10-27"),  # and back
        (NEW_YORK, "2025-03-10"),
        (NEW_YORK, "2025-11-03"),
    ],
)
def test_a_newsletter_at_nine_is_met_after_a_change_of_clocks_and_leaves_no_trace(
    zone: ZoneInfo, monday: str
) -> None:
    """Demand of 20, and three times that on Mondays from nine to eleven: the answers are known."""
    triple = Recurring(cron="0 9 * * MON", zone=zone, seconds=7200.0, factor=3.0)
    end_at = at(f"{monday}T12:00", zone)
    times = end_at - 60.0 * np.arange(15 * 1440)[::-1]
    noise = np.random.default_rng(0).gamma(400, 1 / 400, times.size)
    values = np.where(triple.covers(times), 60.0, 20.0) * noise
    history = Series(start_at=times[0], step_seconds=60.0, values=values)
    cleaned = usual(history, (triple,)).values
    assert cleaned.max() < 20 * noise.max() * (1 + 1e-9)
    task = Task(horizon_seconds=600.0, level=0.95, zone=zone)
    known = history.between(times[0], at(f"{monday}T07:30", zone))
    told = WithEvents(forecaster=default_forecaster(), events=(triple,)).fit(known, task)

    def bound(moment: str) -> float:
        return told.forecast(history.between(times[0], at(f"{monday}T{moment}", zone))).value

    assert bound("08:54") == pytest.approx(66, abs=6), "three times the bound of the usual 20"
    assert bound("10:30") == pytest.approx(66, abs=6)
    for usual_time in ("07:54", "08:49", "11:00"):
        assert bound(usual_time) == pytest.approx(22, abs=2)
