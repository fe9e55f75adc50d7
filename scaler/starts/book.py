"""The starts that are remembered of one workload: the newest, and how many failed."""

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any

from scaler.fleet import StartClass
from scaler.starts.record import Start, Starts

VERSION = 1
MAX_STARTS = 200  # 100 kB a workload; a p90 is no better known from more
MAX_KNOWN = 4_000  # ids of pods whose start is over: more than a namespace's largest workload
MAX_REASONS = 20

# A pod that is not ready is given up after ten minutes (`progressDeadlineSeconds`, a Deployment's
# own default), or five times the longest start of its kind; for large models that is the longer.
GIVE_UP_SECONDS = 600.0
GIVE_UP_TIMES = 5.0
# With nothing seen yet, a very large model on a new node must not be given up: a whole hour.
GIVE_UP_AT_FIRST_SECONDS = 3_600.0


@dataclass(slots=True, eq=False)
class StartBook:
    """Bounded memory of starts. The same pod is never counted twice, nor after a restart."""

    image: str = ""
    accelerator: str = ""
    _finished: deque[Start] = field(default_factory=lambda: deque(maxlen=MAX_STARTS))
    _failed: Counter[str] = field(default_factory=Counter)
    _known: "OrderedDict[str, None]" = field(default_factory=OrderedDict)

    def knows(self, uid: str) -> bool:
        """Return whether this pod's start is over."""
        return uid in self._known

    def add(self, start: Start) -> None:
        """Remember a start; the oldest gives up its place."""
        self._finished.append(start)
        self._learn(start.uid)

    def count_failure(self, uid: str, reason: str) -> None:
        """Count a pod that failed to start; a reason too many is counted as `Other`."""
        is_room = reason in self._failed or len(self._failed) < MAX_REASONS
        self._failed[reason if is_room else "Other"] += 1
        self._learn(uid)

    def note_newest(self, image: str, accelerator: str) -> None:
        """Note what the next pods will be made of."""
        self.image, self.accelerator = image, accelerator

    def give_up_seconds(self) -> float:
        """Return how long a start may take before it counts as failed."""
        longest = max((start.seconds for start in self._finished if start.is_ready), default=None)
        if longest is None:
            return GIVE_UP_AT_FIRST_SECONDS
        return max(GIVE_UP_SECONDS, GIVE_UP_TIMES * longest)

    def starts(self) -> Starts:
        """Return what is remembered."""
        return Starts(
            image=self.image,
            accelerator=self.accelerator,
            finished=tuple(self._finished),
            failed=tuple(sorted(self._failed.items())),
        )

    def to_state(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "version": VERSION,
            "image": self.image,
            "accelerator": self.accelerator,
            "finished": [{**asdict(start)} for start in self._finished],
            "failed": dict(self._failed),
            "known": list(self._known),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "StartBook":
        """Return the book that `to_state` described.

        Raises ValueError for another version and for anything that is no such state.
        """
        if state.get("version") != VERSION:
            raise ValueError(f"version {state.get('version')!r} of starts; known is {VERSION}")
        try:
            book = cls(str(state["image"]), str(state["accelerator"]))
            book._finished.extend(_start(each) for each in state["finished"])
            for reason, count in state["failed"].items():
                book._failed[str(reason)] = int(count)
            for uid in state["known"]:
                book._learn(str(uid))
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(f"not a state of starts: {exc!r}") from exc
        return book

    def _learn(self, uid: str) -> None:
        self._known[uid] = None
        self._known.move_to_end(uid)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


_TIMES = frozenset({"began_at", "ended_at", "scheduled_at", "prepared_at", "started_at"})
_MAY_MISS = frozenset({"scheduled_at", "prepared_at", "started_at"})


def _start(state: Mapping[str, Any]) -> Start:
    values = {each.name: state[each.name] for each in fields(Start)}
    for name in _TIMES:
        value = values[name]
        if value is None and name in _MAY_MISS:
            continue
        values[name] = float(value)
        if not isfinite(values[name]):
            raise ValueError(f"{name}: {value!r} is not allowed; allowed is a finite time")
    values["start_class"] = StartClass(values["start_class"])
    values["is_ready"] = bool(values["is_ready"])
    return Start(**values)
