"""Public holidays by country code, as days that are spent like a weekend.

The calendars are those of the `holidays` package. It is imported when a trigger first names a
holiday: half a second, once, which a scaler without holidays does not spend.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from scaler.quoting import shown

MAX_CODES = 20
EXAMPLE = "DE, DE-BY or 2026-12-24, separated by commas"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class BadHolidays(ValueError):  # noqa: N818 - named after what is wrong
    """A code that no calendar has; the message names the nearest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicHolidays:
    """Countries with a subdivision ("" for none), and days of one's own."""

    codes: tuple[tuple[str, str], ...] = ()
    own_days: frozenset[int] = frozenset()  # numbered from 0 on 1970-01-01

    def around(self, as_of: float, zone: ZoneInfo) -> frozenset[int]:
        """Return the local days, numbered from 0 on 1970-01-01, of the years beside `as_of`'s.

        A history is at most 90 days long and a forecast looks hours ahead, so the year before and
        the one after are enough.
        """
        year = datetime.fromtimestamp(as_of, tz=zone).year
        years = range(year - 1, year + 2)
        found = [_days(country, part, each) for country, part in self.codes for each in years]
        return self.own_days.union(*found)


def parse_holidays(text: str) -> PublicHolidays:
    """Return the calendars that `text` names, e.g. `DE-BY, AT, 2026-12-24`. Raises BadHolidays."""
    codes: dict[tuple[str, str], None] = {}
    own_days: set[int] = set()
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MAX_CODES:
        raise BadHolidays(f"{len(parts)} codes; allowed are {MAX_CODES}")
    for part in parts:
        if _DAY.fullmatch(part):
            own_days.add(_own_day(part))
        else:
            codes[_code(part)] = None
    return PublicHolidays(codes=tuple(codes), own_days=frozenset(own_days))


def _own_day(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        raise BadHolidays(f"{shown(text)} is no day of the calendar") from None


def _code(text: str) -> tuple[str, str]:
    """Return country and subdivision as the calendars write them."""
    country, dash, part = (piece.strip() for piece in text.partition("-"))
    known = _countries()
    if country.upper() not in known:
        raise BadHolidays(f"{shown(text)}: no such country{_near_country(country, known)}")
    calendar = _calendar(country.upper(), "")
    if not dash:
        return country.upper(), ""
    parts = {name.casefold(): name for name in calendar.subdivisions}
    parts |= {name.casefold(): code for name, code in calendar.subdivisions_aliases.items()}
    if part.casefold() not in parts:
        near = get_close_matches(part.casefold(), parts, n=3, cutoff=0.5)
        hint = [f"{country.upper()}-{code}" for code in dict.fromkeys(parts[name] for name in near)]
        some = [f"{country.upper()}-{name}" for name in calendar.subdivisions[:30]]
        offer = f"did you mean {' or '.join(hint)}?" if hint else "known: " + ", ".join(some)
        if not some:
            offer = "it has none"
        raise BadHolidays(
            f"{shown(text)}: no such subdivision of {country.upper()} ({known[country.upper()]}); "
            f"{offer}"
        )
    return country.upper(), parts[part.casefold()]


def _near_country(text: str, known: dict[str, str]) -> str:
    names = {name.casefold(): code for code, name in known.items()}
    near = get_close_matches(text.casefold(), names, n=2, cutoff=0.7)
    codes = [names[name] for name in near]
    codes = codes or get_close_matches(text.upper(), known, n=3, cutoff=0.5)
    if not codes:
        return "; allowed are codes of ISO 3166 such as DE, US or JP"
    return f"; did you mean {' or '.join(f'{code} ({known[code]})' for code in codes)}?"


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """Return the names of countries by their code of two letters; loads no calendar."""
    from holidays.registry import COUNTRIES  # noqa: PLC0415 - see the top of the file

    return {
        alias: name.replace("_", " ").title()
        for name, (_, *aliases) in COUNTRIES.items()
        for alias in aliases
        if len(alias) == 2  # noqa: PLR2004 - the others are the same with three letters
    }


@lru_cache(maxsize=256)
def _calendar(country: str, part: str) -> Any:
    from holidays import country_holidays  # noqa: PLC0415 - see the top of the file

    return country_holidays(country, subdiv=part or None)


@lru_cache(maxsize=4_096)
def _days(country: str, part: str, year: int) -> frozenset[int]:
    from holidays import country_holidays  # noqa: PLC0415 - see the top of the file

    found = country_holidays(country, subdiv=part or None, years=year)
    return frozenset(day.toordinal() - _EPOCH_ORDINAL for day in found)
