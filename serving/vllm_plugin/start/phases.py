"""From the marks of a start to its phases: pure.

    process started | imports | engine_init | weights | compile, graph_capture, warm_up | ready

`imports` end when vLLM registers the plugin in its first process. `engine_init` is everything until
the first weight is asked for: configuration, further processes and their imports, the device.
`compile` and `graph_capture` are what vLLM's log says they took; `warm_up` is the rest: profiling
and the KV cache. What nobody told is None, never zero; its time is in `warm_up` then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = 1
PHASES = ("imports", "engine_init", "weights", "compile", "graph_capture", "warm_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What was read, by all ranks together; the stage is that of the slowest rank."""

    n_bytes: int
    verified_bytes: int
    retries: int
    bytes_per_second: float
    limiting_stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start. Seconds of each of PHASES, and from the process's start until ready."""

    model: str
    started_at: float | None
    ready_at: float
    seconds: float | None
    phase_seconds: Mapping[str, float | None]
    weights: Weights | None

    def as_json(self) -> dict[str, Any]:
        """Return what the start file holds; `docs/loader.md` has its schema."""
        weights = None if self.weights is None else asdict(self.weights)
        return {
            "schema": SCHEMA,
            "model": self.model,
            "started_at": self.started_at,
            "ready_at": self.ready_at,
            "seconds": self.seconds,
            "phase_seconds": dict(self.phase_seconds),
            "weights": weights,
        }


def start_of(
    begun: Mapping[str, Any], marks: Iterable[Mapping[str, Any]], *, ready_at: float, model: str
) -> Start | None:
    """Return the record of a start; None unless weights were loaded by us."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for mark in marks:
        kinds.setdefault(mark["kind"], []).append(mark)
    begins, ends = kinds.get("weights_begin", []), kinds.get("weights_end", [])
    if not begins or not ends:
        return None
    begin_at = min(mark["at"] for mark in begins)
    end_at = max(mark["at"] for mark in ends)
    started_at, registered_at = begun.get("started_at"), begun["registered_at"]
    compiling = _longest(kinds.get("compile", []))
    capturing = _longest(kinds.get("graph_capture", []))
    seconds = {
        "imports": None if started_at is None else max(0.0, registered_at - started_at),
        "engine_init": max(0.0, begin_at - registered_at),
        "weights": end_at - begin_at,
        "compile": compiling,
        "graph_capture": capturing,
        "warm_up": max(0.0, ready_at - end_at - (compiling or 0.0) - (capturing or 0.0)),
    }
    return Start(
        model=model,
        started_at=started_at,
        ready_at=ready_at,
        seconds=None if started_at is None else ready_at - started_at,
        phase_seconds=seconds,
        weights=_weights(ends, end_at - begin_at),
    )


def _longest(marks: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the longest of the ranks, which work at the same time; a rank's own add up."""
    by_process: dict[Any, float] = {}
    for mark in marks:
        key = mark.get("process")
        by_process[key] = by_process.get(key, 0.0) + mark["seconds"]
    return max(by_process.values(), default=None)


def _weights(ends: Iterable[Mapping[str, Any]], seconds: float) -> Weights | None:
    read = [end for end in ends if "n_bytes" in end]
    if not read:
        return None
    n_bytes = sum(end["n_bytes"] for end in read)
    return Weights(
        n_bytes=n_bytes,
        verified_bytes=sum(end["verified_bytes"] for end in read),
        retries=sum(end["retries"] for end in read),
        bytes_per_second=n_bytes / seconds if seconds > 0 else 0.0,
        limiting_stage=max(read, key=lambda end: end["seconds"])["limiting_stage"],
    )
