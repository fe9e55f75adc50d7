"""Waiting for a condition with a deadline, instead of sleeping for a while and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class NotInTime(AssertionError):  # noqa: N818 - named after what happened
    """A condition did not come true before its deadline."""


def wait_for(
    condition: Callable[[], Value],
    what: str,
    *,
    within_seconds: float = 30.0,
    every_seconds: float = 0.1,
    last_seen: Callable[[], object] | None = None,
) -> Value:
    """Return the first truthy answer of `condition`.

    Raises NotInTime, naming `what` and, where `last_seen` is given, what was there instead.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            seen = "" if last_seen is None else f"; last seen: {last_seen()}"
            raise NotInTime(f"not within {within_seconds:g} s: {what}{seen}")
        time.sleep(every_seconds)


def stays(
    condition: Callable[[], object],
    what: str,
    *,
    for_seconds: float,
    every_seconds: float = 0.1,
) -> None:
    """Check that `condition` holds the whole time; raises AssertionError when it stops to."""
    deadline = time.monotonic() + for_seconds
    while time.monotonic() < deadline:
        assert condition(), f"did not stay so for {for_seconds:g} s: {what}"
        time.sleep(every_seconds)
