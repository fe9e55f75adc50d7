"""The policy's memory as what JSON can hold, and back, for a state file."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from scaler.trail import NEVER, Trail
from scaler.types import PolicyState


def as_plain(state: PolicyState) -> dict[str, Any]:
    """Return the state as numbers, lists and None."""
    return {
        "last_good_replicas": state.last_good_replicas,
        "predicted": _plain_trail(state.predicted),
        "reactive": _plain_trail(state.reactive),
        "learned_threshold": state.learned_threshold,
    }


def from_plain(plain: Mapping[str, Any]) -> PolicyState:
    """Return the state that `as_plain` wrote. Raises ValueError for anything else."""
    try:
        last_good, learned = plain["last_good_replicas"], plain["learned_threshold"]
        state = PolicyState(
            last_good_replicas=None if last_good is None else _count(last_good),
            predicted=_trail(plain["predicted"]),
            reactive=_trail(plain["reactive"]),
            learned_threshold=None if learned is None else float(learned),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"no policy state: {exc!r}") from exc
    threshold = state.learned_threshold
    if threshold is not None and not (isfinite(threshold) and threshold > 0):
        raise ValueError(f"no policy state: learned_threshold {threshold!r}")
    return state


def _plain_trail(trail: Trail) -> dict[str, Any]:
    return {
        "last": None if trail.last is None else list(trail.last),
        "before": [list(answer) for answer in trail.before],
        "rose_at": None if trail.rose_at == NEVER else trail.rose_at,
    }


def _trail(plain: Mapping[str, Any]) -> Trail:
    last, rose_at = plain["last"], plain["rose_at"]
    before = tuple(_answer(each) for each in plain["before"])
    times = [until for until, _ in before]
    if times != sorted(set(times)):
        raise ValueError("answers out of order")
    return Trail(
        last=None if last is None else _answer(last),
        before=before,
        rose_at=NEVER if rose_at is None else _time(rose_at),
    )


def _answer(plain: Any) -> tuple[float, int]:
    at, replicas = plain
    return _time(at), _count(replicas)


def _time(value: Any) -> float:
    at = float(value)
    if not isfinite(at):
        raise ValueError(f"{value!r} is no time")
    return at


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
