"""Values of trigger metadata that have a form of their own. Readers raise a bare ValueError."""

import json
import re

from scaler.params import ScaleDownLimit
from scaler.saturation.queries import CapacityQueries

MAX_PACE_SECONDS = 86_400
MAX_QUERIES_CHARACTERS = 32_768

_PACE = re.compile(r"(?P<count>\d{1,6})(?P<percent>%)?\s*/\s*(?P<time>\d{1,5})(?P<unit>[smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}


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
