"""What a trigger adds to its query: holidays, events, and queries that run ahead of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from forecasting.events import Happening
from scaler.agenda import FORMS, BadEvent, parse_events
from scaler.public_holidays import EXAMPLE, BadHolidays, PublicHolidays, parse_holidays
from scaler.quoting import shown

MAX_LEADING = 3  # each is read and learnt from like the main query

_NAMED = re.compile(r"([a-z][a-z0-9-]{0,30}):\s+(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of it, validated. `leading` are names and queries."""

    holidays: PublicHolidays = field(default_factory=PublicHolidays)
    events: tuple[Happening, ...] = ()
    leading: tuple[tuple[str, str], ...] = ()


def read_plan(
    *,
    holidays: str | None,
    events: str | None,
    leading_queries: str | None,
    zone: ZoneInfo,
    shows: frozenset[str],
) -> tuple[Plan, list[str]]:
    """Return the plan that the texts of the three keys give, and a line for each bad one.

    `shows` are the keys whose text may be quoted.
    """
    lines: list[str] = []
    read_holidays = PublicHolidays()
    read_events: tuple[Happening, ...] = ()
    leading: tuple[tuple[str, str], ...] = ()
    try:
        read_holidays = parse_holidays(holidays) if holidays is not None else read_holidays
    except BadHolidays as bad:
        what = str(bad) if "holidays" in shows else "(not shown) is not allowed"
        lines.append(_joined(f"holidays: {what}", f"allowed are codes such as {EXAMPLE}"))
    if events is not None:
        read_events, bad_events = parse_events(events, zone)
        lines += _event_lines(bad_events, is_shown="events" in shows)
    try:
        leading = parse_leading(leading_queries) if leading_queries is not None else leading
    except ValueError as bad:
        lines.append(f"leadingQueries: {bad}")
    return Plan(holidays=read_holidays, events=read_events, leading=leading), lines


def _event_lines(bad: tuple[BadEvent, ...], *, is_shown: bool) -> Iterator[str]:
    """Yield a line for each; the first one says what is allowed."""
    allowed = f"allowed is {FORMS}"
    for each in bad:
        entry = shown(each.entry, 80) if each.entry else ""
        what = f"{entry} {each.why}".strip() if is_shown else "(not shown) is no event"
        yield _joined(f"events: line {each.line}: {what}", allowed)
        allowed = ""


def _joined(said: str, allowed: str) -> str:
    """Return both, as sentences where the first one asks."""
    if not allowed:
        return said
    return f"{said} {allowed}" if said.endswith("?") else f"{said}; {allowed}"


def parse_leading(text: str) -> tuple[tuple[str, str], ...]:
    """Return names and queries: one query a line, `name: ` before it where it has one.

    Raises ValueError.
    """
    found: dict[str, str] = {}
    for number, (given, query) in enumerate(_lines(text), start=1):
        name = given or f"leading-{number}"
        if name in found:
            raise ValueError(f"line {number}: the name {name} is given twice; names must differ")
        if not query:
            raise ValueError(f"line {number}: the name {name} has no query after it")
        found[name] = query
    if not 0 < len(found) <= MAX_LEADING:
        raise ValueError(
            f"{len(found)} queries; allowed are 1 to {MAX_LEADING}, one a line, each with a name "
            "and a colon before it if it is to have one"
        )
    return tuple(found.items())


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            named = _NAMED.fullmatch(line.strip() + " ")
            yield (named[1], named[2].strip()) if named else ("", line.strip())
