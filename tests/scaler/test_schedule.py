from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from scaler.schedule import floors_of, parse_schedules

BERLIN = ZoneInfo("Europe/Berlin")
SHOWN = "%a %H:%M %Z"

# (schedule, moment in Berlin, how far ahead is looked, what is in force or begins, why)
ROWS = [
    ("4 for 10h from 0 8 * * MON-FRI", "2026-11-24T07:59", 0, [], "not yet"),
    (
        "4 for 10h from 0 8 * * MON-FRI",
        "2026-11-24T07:56",
        300,
        ["4 Tue 08:00 CET - Tue 18:00 CET"],
        "it begins within the time ahead",
    ),
    (
        "4 for 10h from 0 8 * * MON-FRI",
        "2026-11-24T08:00",
        0,
        ["4 Tue 08:00 CET - Tue 18:00 CET"],
        "its first second",
    ),
    ("4 for 10h from 0 8 * * MON-FRI", "2026-11-24T18:00", 0, [], "its end is not in it"),
    ("4 for 10h from 0 8 * * MON-FRI", "2026-11-28T09:00", 0, [], "a Saturday"),
    (
        "2 for 8h from 0 22 * * *",
        "2026-11-25T05:59",
        0,
        ["2 Tue 22:00 CET - Wed 06:00 CET"],
        "across midnight",
    ),
    (
        "2 for 8h from 0 22 * * *",
        "2026-03-29T05:30",
        0,
        ["2 Sat 22:00 CET - Sun 06:00 CEST"],
        "the night that lacks an hour ends at six too",
    ),
    (
        "2 for 8h from 0 22 * * *",
        "2026-10-25T05:30",
        0,
        ["2 Sat 22:00 CEST - Sun 06:00 CET"],
        "and so does the one that has an hour more",
    ),
    (
        "2 for 1h from 30 2 * * *",
        "2026-03-29T03:10",
        0,
        ["2 Sun 03:00 CEST - Sun 04:00 CEST"],
        "a start that the clock skips comes at the end of the gap",
    ),
    (
        "2 for 30m from 15 2 * * *",
        "2026-10-25T02:20",
        0,
        ["2 Sun 02:15 CEST - Sun 02:45 CET"],
        "of an hour that comes twice it is the first start and the second end",
    ),
    (
        "3 for 1d from 0 0 * * MON",
        "2026-11-23T23:59",
        120,
        ["3 Mon 00:00 CET - Tue 00:00 CET"],
        "a day ends where the next begins",
    ),
    (
        "1 for 9h from 0 9 * * * in Asia/Tokyo; 5 for 1h from 0 2 * * *",
        "2026-11-24T02:30",
        0,
        ["1 Tue 01:00 CET - Tue 10:00 CET", "5 Tue 02:00 CET - Tue 03:00 CET"],
        "several, each in its own zone",
    ),
    (
        "9 for 2d from 0 0 1 * *",
        "2026-12-02T23:00",
        0,
        ["9 Tue 00:00 CET - Thu 00:00 CET"],
        "the first of the month",
    ),
]


@pytest.mark.parametrize(("text", "at", "ahead", "want", "why"), ROWS)
def test_floors_follow_the_local_clock(
    text: str, at: str, ahead: int, want: list[str], why: str
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=BERLIN).timestamp()
    floors = floors_of(parse_schedules(text, BERLIN)[0], moment, moment + ahead)
    shown = [
        f"{floor.replicas} {datetime.fromtimestamp(floor.start_at, BERLIN):{SHOWN}} - "
        f"{datetime.fromtimestamp(floor.end_at, BERLIN):{SHOWN}}"
        for floor in floors
    ]
    assert shown == want, why


@pytest.mark.parametrize(
    ("text", "number", "problem"),
    [
        ("", 1, "needed is REPLICAS for LENGTH from CRON [in ZONE], as in 4 for 10h from"),
        ("4 for 10h from 0 8 * * *;; 2 for 1h from 0 9 * * *", 2, "needed is REPLICAS for"),
        ("0 for 1h from 0 8 * * *", 1, "replicas are a whole number from 1 to 100000"),
        ("2.5 for 1h from 0 8 * * *", 1, "replicas are a whole number"),
        ("4 for 10 from 0 8 * * *", 1, "a length is days, hours and minutes up to 31d, as 2h30m"),
        ("4 for 0m from 0 8 * * *", 1, "a length is"),
        ("4 for 32d from 0 8 * * *", 1, "a length is"),
        ("4 for 1h from 0 8 * *", 1, "a cron expression has five fields: minute hour day month"),
        ("4 for 1h from 0 0 8 * * *", 1, "a cron expression has five fields"),
        ("4 for 1h from 0 25 * * *", 1, "the cron expression: Bad hour"),
        ("4 for 1h from 0 8 * * FUN", 1, "the cron expression: Bad day-of-week"),
        ("4 for 1h from 0 8 30 2 *", 1, "the cron expression: Bad day-of-month"),
        ("4 for 1h from 0 8 * * * in Mars", 1, "no such time zone; needed is an IANA time zone"),
        ("4 for 1h from 0 8 * * * in Europe/Berln", 1, "no such time zone; did you mean Europe/B"),
        (";".join(["1 for 1h from 0 8 * * *"] * 51), 51, "no more than 50 entries are allowed"),
    ],
)
def test_what_can_not_be_read_is_named_exactly(text: str, number: int, problem: str) -> None:
    [bad] = parse_schedules(text, BERLIN)[1]
    assert bad.number == number
    assert bad.problem.startswith(problem)


def test_an_entry_that_can_not_be_read_hides_no_other() -> None:
    text = "2 for ever from 0 8 * * *; 4 for 1h from 0 9 * * *; 0 for 1h from 0 9 * * *"
    good, bad = parse_schedules(text, BERLIN)
    assert [schedule.replicas for schedule in good] == [4]
    assert [each.number for each in bad] == [1, 3]


zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
)
crons = st.builds(
    "{} {} * * {}".format,
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from(["*", "SUN", "MON-FRI", "SAT,SUN"]),
)
# A year around: all changes of the clock lie in it.
moments = st.integers(1_768_000_000, 1_797_700_000).map(float)
near_change = st.builds(
    lambda base, hours: base + hours * 900.0,
    st.sampled_from([1_774_746_000.0, 1_792_890_000.0, 1_772_953_200.0, 1_793_512_800.0]),
    st.integers(-12, 24),
)


@given(crons, zones, st.integers(1, 40), moments | near_change, st.integers(0, 7_200))
def test_a_floor_is_in_force_exactly_when_plain_enumeration_says_so(
    cron: str, zone_name: str, hours: int, at: float, ahead: int
) -> None:
    zone = ZoneInfo(zone_name)
    [schedule], _ = parse_schedules(f"3 for {hours}h from {cron}", zone)
    want = False
    start = datetime.fromtimestamp(at, tz=zone) - timedelta(hours=hours + 200)
    for begin in CronSim(cron, start):
        if begin.timestamp() > at + ahead:
            break
        end = (begin.replace(tzinfo=None) + timedelta(hours=hours)).replace(tzinfo=zone, fold=1)
        want = want or end.timestamp() > at
    got = list(schedule.floors(at, at + ahead))
    assert bool(got) == want
    assert all(floor.end_at > at and floor.start_at <= at + ahead for floor in got)
    assert all(floor.start_at < floor.end_at for floor in got)
