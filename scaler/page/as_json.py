"""Views as JSON. Numbers are finite; what is unknown is null."""

import json
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

API_VERSION = "v1"


def plain(value: Any) -> Any:
    """Return a view as dicts, lists and plain values. Raises ValueError for what is not finite."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"a view holds {value!r}; what is unknown must be None")
    return value


def text(view: Any) -> bytes:
    """Return a view as JSON text."""
    return text_of(plain(view))


def text_of(body: dict[str, Any]) -> bytes:
    """Return a body as JSON text, with the version of the API first."""
    whole = {"api_version": API_VERSION, **body}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
