"""Values of trigger metadata, from their text. Readers raise a bare ValueError."""

import json
import re
from zoneinfo import ZoneInfo

from scaler.params import ScaleDownLimit
from scaler.saturation.queries import CapacityQueries
from scaler.zones import read_zone

AUTH_MODES = frozenset({"basic", "bearer", "custom", "tls"})
DAY_SECONDS = MAX_PACE_SECONDS = 86_400
MAX_QUERIES_CHARACTERS = 32_768

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_PACE = re.compile(r"(?P<count>\d{1,6})(?P<percent>%)?\s*/\s*(?P<time>\d{1,5})(?P<unit>[smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}


def read_number(text: object) -> float:
    """Read a decimal number; no nan, no inf, no spaces."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def read_whole(text: object) -> int:
    """Read a whole number of at most nine digits."""
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)


def read_step(text: object) -> int:
    """Read whole seconds that divide a day, so that each day has the same grid."""
    seconds = read_whole(text)
    if not seconds or DAY_SECONDS % seconds:
        raise ValueError
    return seconds


def read_boolean(text: object) -> bool:
    """Read `true` or `false`."""
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def read_auto_or_number(text: object) -> float | None:
    """Read a number, None for `auto`."""
    return None if text == "auto" else read_number(text)


def read_timezone(text: object) -> ZoneInfo:
    """Read the name of an IANA time zone."""
    return read_zone(str(text))


def read_pairs(text: object) -> tuple[tuple[str, str], ...]:
    """Read `name=value,name=value`, KEDA's form; a value may hold further equals signs."""
    pairs: list[tuple[str, str]] = []
    for part in str(text).split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        is_printable = value.isascii() and value.isprintable()
        if not equals or not _HEADER_NAME.fullmatch(name) or not is_printable:
            raise ValueError
        pairs.append((name, value))
    return tuple(pairs)


def read_modes(text: object) -> tuple[str, ...]:
    """Read KEDA's `authModes`."""
    modes = tuple(part.strip() for part in str(text).split(","))
    if not AUTH_MODES.issuperset(modes):
        raise ValueError
    return modes


def read_scale_down_limit(text: object) -> ScaleDownLimit:
    """Read `2/5m`, two replicas within five minutes, or `50%/10m`."""
    found = _PACE.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if found is None:
        raise ValueError
    seconds = int(found["time"]) * _SECONDS[found["unit"]]
    count = int(found["count"])
    if not (1 <= seconds <= MAX_PACE_SECONDS and count >= 1):
        raise ValueError
    if not found["percent"]:
        return ScaleDownLimit(seconds=float(seconds), replicas=count)
    if count > 100:  # noqa: PLR2004
        raise ValueError
    return ScaleDownLimit(seconds=float(seconds), ratio=count / 100.0)


def read_queries(text: object) -> tuple[tuple[str, str], ...]:
    """Read a JSON object of queries by name."""
    if not isinstance(text, str) or len(text) > MAX_QUERIES_CHARACTERS:
        raise ValueError
    try:
        read = json.loads(text)  # JSONDecodeError is a ValueError
    except RecursionError:
        raise ValueError from None
    if not isinstance(read, dict) or not read:
        raise ValueError
    for name, query in read.items():
        if name not in CapacityQueries.NAMES or not isinstance(query, str) or not query.strip():
            raise ValueError
    return tuple(sorted((name, query.strip()) for name, query in read.items()))
