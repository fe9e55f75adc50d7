"""IANA time zones by name, with a hint at the nearest where a name is none."""

from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

ALLOWED = "an IANA time zone such as Europe/Berlin"
# Names that differ in more letters are other places; Europe/Munich is not meant to be Zurich.
LEAST_LIKENESS = 0.8


def read_zone(text: str) -> ZoneInfo:
    """Return the zone named `text`. Raises ValueError."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError) as exc:  # OSError: a name that is a folder, or too long
        raise ValueError from exc


def zone_hint(text: str) -> str:
    """Return `did you mean Europe/Berlin? ` for a name nearly right or without its region, or "".

    An offset gets none: the signs of Etc/GMT+1 are the other way round.
    """
    wanted = text.strip().replace(" ", "_").casefold()[:64]
    if any(char in "+-0123456789" for char in wanted):
        return ""
    names, places = _names()
    near = get_close_matches(wanted, names, n=3, cutoff=LEAST_LIKENESS)
    alike = [name for name in near if get_close_matches(_place(wanted), [_place(name)], 1, 0.75)]
    if alike:
        return f"did you mean {names[alike[0]]}? "
    near = get_close_matches(wanted, places, n=1, cutoff=LEAST_LIKENESS)
    return f"did you mean {places[near[0]]}? " if near else ""


def _place(name: str) -> str:
    return name.rpartition("/")[2]


@lru_cache(maxsize=1)
def _names() -> tuple[dict[str, str], dict[str, str]]:
    """Return all names by their lower case, and those of REGION/PLACE by their place."""
    zones = sorted(available_timezones())
    names = {name.casefold(): name for name in zones}
    places = {_place(name).casefold(): name for name in zones if name.count("/") == 1}
    return names, places
