"""Scheduled floors: replicas that are to be ready at times of the clock, in their own time zone.

    4 for 10h from 0 8 * * MON-FRI; 2 for 2h30m from 30 17 * * SAT in America/New_York

Entries are separated by semicolons. The cron expression has five fields and says when the replicas
are to be ready; the decision asks for them a lead time earlier. A length is one of the local clock:
22:00 and 8h end at 06:00 also in the night when clocks change, and a day from midnight ends at the
next. A start that the clock skips comes at the end of the gap; one that it shows twice is the
first of both, and an end is the second.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from scaler.capacity import MAX_REPLICAS
from scaler.types import Floor
from scaler.zones import ALLOWED, read_zone, zone_hint

MAX_ENTRIES = 50
MAX_LENGTH = timedelta(days=31)
FORM = "REPLICAS for LENGTH from CRON [in ZONE]"
EXAMPLE = "4 for 10h from 0 8 * * MON-FRI"

_ENTRY = re.compile(
    r"(?P<replicas>\S+)\s+for\s+(?P<length>\S+)\s+from\s+(?P<cron>.+?)(?:\s+in\s+(?P<zone>\S+))?",
    re.ASCII | re.DOTALL,
)
_LENGTH = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?", re.ASCII)
_COUNT = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BadSchedule:
    """An entry that can't be read; `problem` says why and shows nothing of it."""

    number: int
    entry: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One entry: `replicas` for `length`, measured by the local clock, from each time of `cron`."""

    replicas: int
    length: timedelta
    cron: str
    zone: ZoneInfo
    text: str

    def floors(self, as_of: float, until_at: float) -> Iterator[Floor]:
        """Yield the floor in force at `as_of` and the next that begins until `until_at`."""
        now = datetime.fromtimestamp(as_of, tz=self.zone)
        # All lengths are equal, so the newest start has the latest end.
        for start in CronSim(self.cron, now + timedelta(seconds=1), reverse=True):
            floor = self._floor(start)
            if floor.start_at <= as_of:  # the library may be one skipped hour ahead
                if floor.end_at > as_of:
                    yield floor
                break
        for start in CronSim(self.cron, now):
            floor = self._floor(start)
            if floor.start_at > as_of:
                if floor.start_at <= until_at:
                    yield floor
                break

    def _floor(self, start: datetime) -> Floor:
        end = (start.replace(tzinfo=None) + self.length).replace(tzinfo=self.zone, fold=1)
        return Floor(
            replicas=self.replicas,
            start_at=start.timestamp(),
            end_at=end.timestamp(),
            reason=self.text,
        )


def floors_of(schedules: Iterable[Schedule], as_of: float, until_at: float) -> tuple[Floor, ...]:
    """Return what the schedules ask for at `as_of` or begin to until `until_at` (Unix seconds)."""
    return tuple(floor for schedule in schedules for floor in schedule.floors(as_of, until_at))


def parse_schedules(
    text: str, zone: ZoneInfo
) -> tuple[tuple[Schedule, ...], tuple[BadSchedule, ...]]:
    """Return the entries of `text` that can be read, and those that can't.

    `zone` is that of entries that name none.
    """
    entries = [entry.strip() for entry in text.split(";")]
    if len(entries) > 1 and not entries[-1]:
        entries.pop()  # a semicolon at the end
    if len(entries) > MAX_ENTRIES:
        problem = f"no more than {MAX_ENTRIES} entries are allowed"
        return (), (BadSchedule(MAX_ENTRIES + 1, "", problem),)
    schedules, bad = [], []
    for number, entry in enumerate(entries, 1):
        try:
            schedules.append(_parsed(entry, zone))
        except ValueError as exc:
            bad.append(BadSchedule(number, entry, str(exc)))
    return tuple(schedules), tuple(bad)


def _parsed(entry: str, zone: ZoneInfo) -> Schedule:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise ValueError(f"needed is {FORM}, as in {EXAMPLE}")
    return Schedule(
        replicas=_replicas(found["replicas"]),
        length=_length(found["length"]),
        cron=_cron(found["cron"]),
        zone=zone if found["zone"] is None else _zone(found["zone"]),
        text=" ".join(entry.split()),
    )


def _replicas(text: str) -> int:
    if not _COUNT.fullmatch(text) or not 1 <= int(text) <= MAX_REPLICAS:
        raise ValueError(f"replicas are a whole number from 1 to {MAX_REPLICAS}")
    return int(text)


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    length = timedelta(days=days, hours=hours, minutes=minutes)
    if not timedelta(0) < length <= MAX_LENGTH:
        raise ValueError(f"a length is days, hours and minutes up to {MAX_LENGTH.days}d, as 2h30m")
    return length


def _cron(text: str) -> str:
    if len(text.split()) != 5:  # noqa: PLR2004 - the library takes seconds as a sixth
        raise ValueError("a cron expression has five fields: minute hour day month weekday")
    try:
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as exc:
        raise ValueError(f"the cron expression: {exc}") from None
    except StopIteration:
        raise ValueError("the cron expression names a day that never comes") from None
    return text


def _zone(text: str) -> ZoneInfo:
    try:
        return read_zone(text)
    except ValueError:
        raise ValueError(f"no such time zone; {zone_hint(text)}needed is {ALLOWED}") from None
