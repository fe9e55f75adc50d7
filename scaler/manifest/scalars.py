"""Scalars typed as kubectl types them (Go's yaml, which JSON and KEDA's schema then see).

10, 1e3, yes and on are no strings; 12:30 is one.
"""

import re
from typing import Any

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"[yY]|[nN]|(?:yes|no|on|off|true|false)", re.IGNORECASE)
_TRUE = frozenset({"y", "yes", "on", "true"})
_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-fA-F]+|0b[01]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def typed(event: Any) -> str | int | float | bool | None:
    """Return a scalar as Go's yaml types it: only what is written plainly is anything but text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() in _TRUE
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    plain = text.replace("_", "") if text[:1].isdigit() or text[:1] in "+-" else text
    if _INTEGER.fullmatch(plain):
        return _integer(plain)
    return float(plain) if _FLOAT.fullmatch(plain) else text


def _integer(text: str) -> int | float:
    """Return a number as Go reads it with base 0: 010 is eight, 08 is a float."""
    digits = text.lstrip("+-")
    base = 8 if digits.startswith("0") and digits.isdigit() and len(digits) > 1 else 0
    try:
        return int(text, base)
    except ValueError:
        return float(text)
