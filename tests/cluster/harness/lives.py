"""The lives of pods, in the API server's own timestamps, and what they add up to.

A pod's life has three times: its creation, the last transition of its Ready condition, and its
end. The first two are the API server's, in whole seconds. A pod without a grace period is gone at
once, so its end is the first look, one a second, that doesn't find it.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .namespace import Namespace
from .play import Play


@dataclass(frozen=True)
class PodLife:
    """One pod."""

    created_at: float
    ready_at: float = math.inf  # inf: not yet
    gone_at: float = math.inf

    def is_ready(self, at: float) -> bool:
        """Whether it answers requests."""
        return self.ready_at <= at < self.gone_at

    def is_there(self, at: float) -> bool:
        """Whether it holds its GPU, or waits for one."""
        return self.created_at <= at < self.gone_at


class Register:
    """Every pod that a namespace has had, by the Deployment's name."""

    def __init__(self, space: Namespace) -> None:
        self._space = space
        self._lives: dict[str, dict[str, PodLife]] = {}

    def look(self) -> None:
        """Note what the API server says now."""
        seen: dict[str, set[str]] = {}
        now = time.time()
        for pod in self._space.core.list_namespaced_pod(self._space.name).items:
            side, key = pod.metadata.labels["app"], pod.metadata.uid
            seen.setdefault(side, set()).add(key)
            self._lives.setdefault(side, {})[key] = _life(pod)
        for side, lives in self._lives.items():
            for key, life in lives.items():
                if key not in seen.get(side, set()) and life.gone_at == math.inf:
                    lives[key] = replace(life, gone_at=now)

    def lives(self, side: str) -> tuple[PodLife, ...]:
        """The pods of one Deployment, those that are gone included."""
        return tuple(self._lives.get(side, {}).values())

    def ready(self, side: str, at: float) -> int:
        """How many of them are Ready at a time."""
        return sum(life.is_ready(at) for life in self.lives(side))


def _life(pod: Any) -> PodLife:
    ready = [
        one.last_transition_time.timestamp()
        for one in pod.status.conditions or []
        if one.type == "Ready" and one.status == "True"
    ]
    return PodLife(
        created_at=pod.metadata.creation_timestamp.timestamp(),
        ready_at=ready[0] if ready else math.inf,
    )


@dataclass(frozen=True)
class Crossing:
    """When demand first needed so many replicas, and when so many were first Ready."""

    replicas: int
    needed_at: float
    ready_at: float  # inf: never within the window

    @property
    def late_seconds(self) -> float:
        """How long after the need; negative: before it."""
        return self.ready_at - self.needed_at


@dataclass(frozen=True)
class Outcome:
    """How one side did over a window."""

    shortage_demand_seconds: float  # demand above what the ready replicas carry, over time
    short_seconds: int
    replica_seconds: int  # from each pod's creation on: what is paid for
    ready_replica_seconds: int
    lowest_ready: int
    crossings: tuple[Crossing, ...]


def outcome(lives: Sequence[PodLife], play: Play, *, start_at: float, end_at: float) -> Outcome:
    """Add up a side's lives over the whole seconds from `start_at` until `end_at`."""
    seconds = [start_at + n for n in range(round(end_at - start_at))]
    ready = {at: sum(life.is_ready(at) for life in lives) for at in seconds}
    short = [max(0.0, play.demand_at(at) - ready[at] * play.threshold) for at in seconds]
    return Outcome(
        shortage_demand_seconds=sum(short),
        short_seconds=sum(one > 0 for one in short),
        replica_seconds=sum(life.is_there(at) for life in lives for at in seconds),
        ready_replica_seconds=sum(ready.values()),
        lowest_ready=min(ready.values()),
        crossings=_crossings(ready, {at: play.needed_at(at) for at in seconds}),
    )


def _crossings(ready: Mapping[float, int], needed: Mapping[float, int]) -> tuple[Crossing, ...]:
    """One for each count above what the window begins with, up to the highest needed."""
    first = next(iter(needed.values()))
    found = []
    for count in range(first + 1, max(needed.values()) + 1):
        needed_at = next(at for at, n in needed.items() if n >= count)
        ready_at = next((at for at, n in ready.items() if n >= count), math.inf)
        found.append(Crossing(count, needed_at, ready_at))
    return tuple(found)
