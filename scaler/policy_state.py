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
        "answers": [list(answer) for answer in trail.answers],
        "rose_at": None if trail.rose_at == NEVER else trail.rose_at,
    }


def _trail(plain: Mapping[str, Any]) -> Trail:
    answers = tuple((float(at), _count(replicas)) for at, replicas in plain["answers"])
    times = [at for at, _ in answers]
    if not all(map(isfinite, times)) or times != sorted(set(times)):
        raise ValueError("answers out of order")
    rose_at = plain["rose_at"]
    return Trail(answers=answers, rose_at=NEVER if rose_at is None else float(rose_at))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
