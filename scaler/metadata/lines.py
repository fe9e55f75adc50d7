"""What is said of a bad key: one line that names the key, its value and what is allowed."""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

from pydantic import ValidationError

from scaler.metadata.keys import FIELD_OF_KEY, IGNORED_KEYS, KNOWN_KEYS


def unknown_line(name: str, key: str) -> str:
    """Return the line about a key that nobody knows; `key` is `name` without `FromEnv`."""
    near = get_close_matches(key, (*KNOWN_KEYS, *IGNORED_KEYS), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "known keys: " + ", ".join(KNOWN_KEYS)
    return f"{quoted(name)[1:-1]}: no such key; {hint}"


def quoted(text: str) -> str:
    """Return at most 80 characters of `text` in quotes, with no line break that forges a line."""
    return json.dumps(text[:80], ensure_ascii=False)


def bad_line(key: str, value: str, hidden: AbstractSet[str]) -> str:
    """Return the line about a value that isn't allowed; those of `hidden` keys aren't shown."""
    shown = "(not shown)" if key in hidden else quoted(value)
    return f"{key}: {shown} is not allowed; allowed is {FIELD_OF_KEY[key][1].description}"


def lines_of(
    error: ValidationError, given: Mapping[str, str], hidden: AbstractSet[str]
) -> list[str]:
    """Return a line for each problem that pydantic found."""
    lines: list[str] = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        key = str(problem["loc"][0])
        if key not in given:
            lines.append(f"{key}: missing; needed is {FIELD_OF_KEY[key][1].description}")
        else:
            lines.append(bad_line(key, given[key], hidden))
    return lines
