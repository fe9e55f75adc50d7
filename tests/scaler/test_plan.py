"""Holidays, events and leading queries in a trigger: what is read, and what is said of slips."""

import pickle
from zoneinfo import ZoneInfo

import pytest

from forecasting.events import Event
from scaler.agenda import Recurring
from scaler.errors import BadMetadata
from scaler.metadata import parse

GOOD = {"query": "sum(x)", "threshold": "3", "timezone": "Europe/Berlin"}
NEWSLETTER = "cron 0 9 * * 1 for 2h factor 1.5"


def lines_of(**keys: str) -> list[str]:
    with pytest.raises(BadMetadata) as caught:
        parse({**GOOD, **keys})
    return list(caught.value.lines)


def test_a_trigger_without_any_has_an_empty_plan() -> None:
    plan = parse(GOOD).plan
    assert (plan.holidays.codes, plan.events, plan.leading) == ((), (), ())


def test_events_are_read_in_the_time_zone_of_the_trigger() -> None:
    text = f"2026-11-27T08:00 for 4h factor 3\n{NEWSLETTER}"
    once, weekly = parse({**GOOD, "events": text}).plan.events
    assert isinstance(once, Event)
    assert once.begin_at == 1_795_762_800.0  # 07:00 UTC
    assert isinstance(weekly, Recurring)
    assert weekly.zone == ZoneInfo("Europe/Berlin")


def test_leading_queries_have_names_or_numbers() -> None:
    text = "portal: sum(rate(a[2m]))\n# by hand\n\njob:signups:rate5m\n"
    assert parse({**GOOD, "leadingQueries": text}).plan.leading == (
        ("portal", "sum(rate(a[2m]))"),
        ("leading-2", "job:signups:rate5m"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb\nc\nd", "4 queries; allowed are 1 to 3"),
        ("# nothing", "0 queries"),
        ("a: x\na: y", "line 2: the name a is given twice"),
        ("a: x\nb:", "line 2: the name b has no query"),
    ],
)
def test_leading_queries_that_can_not_be_used(text: str, said: str) -> None:
    [line] = lines_of(leadingQueries=text)
    assert line.startswith("leadingQueries: ")
    assert said in line


def test_all_slips_are_told_at_once_and_each_names_what_is_allowed() -> None:
    lines = lines_of(holidays="DE-XX", events="tomorrow", leadingQueries="a:")
    events, holidays, leading = lines  # sorted, as all lines are
    assert "DE-BY" in holidays
    assert "START for DURATION" in events
    assert "line 1" in leading


def test_a_value_from_the_environment_is_not_shown() -> None:
    for key in ("holidays", "events"):
        [line] = lines_of(**{f"{key}FromEnv": "s3cret"})
        assert "s3cret" not in line
        assert "(not shown)" in line


def test_a_plan_goes_to_other_processes() -> None:
    keys = {"holidays": "DE", "events": NEWSLETTER, "leadingQueries": "a: x"}
    plan = parse({**GOOD, **keys}).plan
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301
