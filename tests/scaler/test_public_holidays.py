from contextlib import suppress
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.public_holidays import BadHolidays, parse_holidays

BERLIN = ZoneInfo("Europe/Berlin")
IN_2026 = 1_790_000_000.0


def days_of(text: str, at: float = IN_2026, zone: ZoneInfo = BERLIN) -> set[date]:
    epoch = date(1970, 1, 1).toordinal()
    return {date.fromordinal(epoch + day) for day in parse_holidays(text).around(at, zone)}


@pytest.mark.parametrize(
    ("text", "holiday", "working_day"),
    [
        ("DE", date(2026, 10, 3), date(2026, 11, 1)),
        ("DE-BY", date(2026, 11, 1), date(2026, 10, 31)),  # All Saints', not Reformation Day
        ("DE-BB", date(2026, 10, 31), date(2026, 11, 1)),
        ("de-bayern", date(2026, 11, 1), date(2026, 10, 31)),
        ("US", date(2026, 11, 26), date(2026, 11, 27)),
        ("DE, US", date(2026, 11, 26), date(2026, 11, 27)),
        ("2026-12-24", date(2026, 12, 24), date(2026, 12, 25)),
        ("AT, 2026-12-24", date(2026, 12, 25), date(2026, 12, 23)),
    ],
)
def test_known_days(text: str, holiday: date, working_day: date) -> None:
    found = days_of(text)
    assert holiday in found
    assert working_day not in found


def test_the_past_and_the_next_year_are_known_as_seen_from_any_new_year() -> None:
    new_year = date(2027, 1, 1)
    just_before = (new_year - date(1970, 1, 1)).days * 86_400.0 - 7200.0  # 23:00 in Berlin
    for at in (just_before, just_before + 7200.0):
        found = days_of("DE", at)
        assert {date(2026, 10, 3), date(2026, 12, 26), new_year, date(2027, 5, 1)} <= found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Germany", "did you mean DE (Germany)?"),
        ("DE, Frence", "did you mean FR (France)?"),
        ("XQ", "no such country; did you mean "),
        ("12345678", "codes of ISO 3166"),
        ("DE-BX", "no such subdivision of DE (Germany); did you mean "),
        ("DE-Bajern", "DE-BY"),
        ("LU-XX", "it has none"),
        ("2026-02-30", "no day of the calendar"),
        ("DE,,US", "no such country"),
        (",".join(["DE"] * 21), "allowed are 20"),
    ],
)
def test_an_unknown_code_is_named_with_its_neighbours(text: str, said: str) -> None:
    with pytest.raises(BadHolidays) as caught:
        parse_holidays(text)
    assert said in str(caught.value)


@given(st.text(max_size=20))
def test_any_text_is_a_calendar_or_an_error_of_ours(text: str) -> None:
    with suppress(BadHolidays):
        assert parse_holidays(text) is not None


def test_an_error_is_one_line_whatever_was_given() -> None:
    with pytest.raises(BadHolidays) as caught:
        parse_holidays("DE\nquery: all is well")
    assert "\n" not in str(caught.value)
