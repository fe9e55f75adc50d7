"""What a person knows of the future: events as lines of text, once or by cron, in local time.

One event a line (or between semicolons); `#` begins a comment:

    2026-11-27T08:00 to 2026-11-30T23:00 factor 3   # the launch
    2026-12-01T09:00 for 4h demand 1200
    cron 0 9 * * 1-5 for 90m factor 1.5
    2026-11-10T02:00 to 2026-11-10T06:30 outage
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from cronsim import CronSim, CronSimError

from forecasting.arrays import BoolVector, FloatVector
from forecasting.events import Event, Happening
from scaler.quoting import shown

MAX_EVENTS = 50
MAX_STARTS_A_DAY = 24
MAX_DURATION_SECONDS = 366 * 86_400.0
FACTORS = (0.01, 100.0)
MAX_DEMAND = 1e15
FORMS = (
    "START to END, START for DURATION or cron MINUTE HOUR DAY MONTH WEEKDAY for DURATION, "
    "and then factor F, demand D or outage"
)

_WORDS = ("to", "for", "cron", "factor", "demand", "outage")
_DURATION = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?")
_ENTRY = re.compile(r"(?P<when>.+?)\s+(?P<what>outage|(?:factor|demand)\s+\S+)")
_CRON = re.compile(r"cron\s+(?P<cron>.+?)\s+for\s+(?P<duration>\S+)")
_ONCE = re.compile(r"(?P<start>.+?)\s+(?P<word>to|for)\s+(?P<end>.+)")


@dataclass(frozen=True, slots=True)
class BadEvent:
    """A line that is no event. `entry` is it as written, empty where no single one is to blame."""

    line: int
    entry: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """An event that begins whenever `cron` fires on the wall clock of `zone`.

    It lasts `seconds` of elapsed time. As in Debian's cron, a time that a change of clocks leaves
    out counts as the moment after the gap, and one that comes twice counts once.
    """

    cron: str
    zone: ZoneInfo
    seconds: float
    factor: float | None = None
    demand: float | None = None

    def covers(self, times: FloatVector) -> BoolVector:
        """Return which of the times, in order, lie in an occurrence."""
        if times.size == 0:
            return np.zeros(times.shape, dtype=np.bool_)
        starts = np.array(self.starts(float(times.min()) - self.seconds, float(times.max())))
        if starts.size == 0:
            return np.zeros(times.shape, dtype=np.bool_)
        last = np.searchsorted(starts, times, side="right") - 1
        since = times - starts[np.maximum(last, 0)]
        return np.asarray((last >= 0) & (since < self.seconds))

    def turns(self, begin_at: float, end_at: float) -> FloatVector:
        """Return when an occurrence begins or ends in [begin_at, end_at]."""
        starts = np.array(self.starts(begin_at - self.seconds, end_at))
        edges = np.concatenate((starts, starts + self.seconds))
        return np.asarray(edges[(edges >= begin_at) & (edges <= end_at)])

    def starts(self, begin_at: float, end_at: float) -> list[float]:
        """Return when it begins in [begin_at, end_at], Unix seconds."""
        first = datetime.fromtimestamp(begin_at, tz=self.zone).toordinal()
        last = datetime.fromtimestamp(end_at, tz=self.zone).toordinal()
        found = [at for day in range(first, last + 1) for at in _starts(self.cron, self.zone, day)]
        return [at for at in found if begin_at <= at <= end_at]


@lru_cache(maxsize=16_384)  # 90 days of 150 events; each tick asks for the same days
def _starts(cron: str, zone: ZoneInfo, day: int) -> tuple[float, ...]:
    """Return when `cron` fires on a local day, by its ordinal."""
    today = date.fromordinal(day)
    before = datetime.combine(today, time(), tzinfo=zone) - timedelta(seconds=1)
    found = []
    for moment in CronSim(cron, before):
        if moment.date() > today:
            break
        found.append(moment.timestamp())
    return tuple(found)


def parse_events(text: str, zone: ZoneInfo) -> tuple[tuple[Happening, ...], tuple[BadEvent, ...]]:
    """Return the events that `text` lists, and the entries that are none.

    Times without a zone are read in `zone`.
    """
    events: list[Happening] = []
    bad: list[BadEvent] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for entry in line.partition("#")[0].split(";"):
            if not entry.strip():
                continue
            if len(events) + len(bad) == MAX_EVENTS:
                bad.append(BadEvent(number, "", f"allowed are {MAX_EVENTS} events"))
                return tuple(events), tuple(bad)
            words = " ".join(entry.split())
            try:
                events.append(_event(words, zone))
            except ValueError as exc:
                bad.append(BadEvent(number, words, str(exc)))
    return tuple(events), tuple(bad)


def _event(entry: str, zone: ZoneInfo) -> Happening:
    parts = _ENTRY.fullmatch(entry)
    if parts is None:
        raise ValueError(f"must end in factor F, demand D or outage{_near_word(entry)}")
    factor, demand = _what(parts["what"])
    when = parts["when"]
    if when.startswith("cron"):
        repeated = _CRON.fullmatch(when)
        if repeated is None:
            raise ValueError("after cron must come five fields, the word for and a duration")
        return Recurring(
            cron=_cron(repeated["cron"]),
            zone=zone,
            seconds=_seconds(repeated["duration"]),
            factor=factor,
            demand=demand,
        )
    once = _ONCE.fullmatch(when)
    if once is None:
        raise ValueError(f"must say when: START to END, or START for DURATION{_near_word(when)}")
    begin_at = _moment(once["start"], zone)
    is_until = once["word"] == "to"
    end_at = _moment(once["end"], zone) if is_until else begin_at + _seconds(once["end"])
    if end_at <= begin_at:
        raise ValueError("must end after it begins")
    if end_at - begin_at > MAX_DURATION_SECONDS:
        raise ValueError("must not last longer than a year")
    return Event(begin_at=begin_at, end_at=end_at, factor=factor, demand=demand)


def _what(text: str) -> tuple[float | None, float | None]:
    """Return factor and demand; neither for an outage."""
    word, _, number = text.partition(" ")
    if word == "outage":
        return None, None
    lowest, highest = FACTORS if word == "factor" else (0.0, MAX_DEMAND)
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        raise ValueError(f"{word} must be a number from {lowest:g} to {highest:g}")
    return (value, None) if word == "factor" else (None, value)


def _moment(text: str, zone: ZoneInfo) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is no ISO time such as 2026-11-27T08:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    seconds = float(timedelta(days=days, hours=hours, minutes=minutes).total_seconds())
    if not 0 < seconds <= MAX_DURATION_SECONDS:
        raise ValueError(f"{shown(text)} is no duration such as 90m, 4h or 1d12h")
    return seconds


def _cron(text: str) -> str:
    if len(text.split()) != 5:  # noqa: PLR2004 - a sixth would be seconds
        raise ValueError("cron must have five fields: minute hour day month weekday")
    try:
        plan = CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as exc:
        raise ValueError(f"cron: {str(exc).lower()}") from None
    if len(plan.minutes) * len(plan.hours) > MAX_STARTS_A_DAY:
        raise ValueError(f"cron must not begin more than {MAX_STARTS_A_DAY} times a day")
    return text


def _near_word(entry: str) -> str:
    """Return a hint at a word that was nearly written right."""
    for word in entry.split():
        near = get_close_matches(word.lower(), _WORDS, n=1, cutoff=0.7)
        if near and near[0] != word:
            return f"; did you mean {near[0]}?"
    return ""
