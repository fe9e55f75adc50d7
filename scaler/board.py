"""The table of targets and the snapshots that handlers read. Nothing here waits on I/O.

A snapshot carries two answers: the decision of its tick, and the one that holds from
`fresh_until` on (monotonic seconds). So a controller that hangs can't make old data look fresh:
age is judged when the answer is read, not when it was written.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from forecasting.leading import LeadingGain
from forecasting.series import Series
from scaler.errors import BadMetadata, TableFull
from scaler.journal import Journal
from scaler.ledger.view import LedgerView
from scaler.metadata import SWITCH_KEYS, Trigger, parse
from scaler.policy import decide
from scaler.ports import ClusterView
from scaler.types import Decision, Evidence, PolicyState, Seen

# KEDA asks GetMetrics and then IsActive, in sequence; both are one poll.
POLL_SECONDS = 2.0

# A target that an edited ScaledObject left behind gives up its place after two polls of silence,
# to its own namespace; to others only after so long that nothing polls it any more.
IDLE_SECONDS = 90.0
IDLE_FOR_OTHERS_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class TargetKey:
    """One trigger of one ScaledObject. `digest` tells its metadata apart from a twin's."""

    namespace: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a target's last tick published. Immutable, so a handler may read it at any moment."""

    decision: Decision
    decision_when_stale: Decision
    published_at: float  # monotonic seconds
    fresh_until: float  # monotonic seconds

    def answer(self, at: float) -> Decision:
        """Return the decision in force `at` (monotonic seconds)."""
        return self.decision if at <= self.fresh_until else self.decision_when_stale


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class Target:
    """A row of the table. Written by the event loop alone."""

    key: TargetKey
    trigger: Trigger | BadMetadata
    asked_at: float  # monotonic seconds of the last RPC about it
    snapshot: Snapshot | None = None
    view: ClusterView | None = None  # what the cluster told of it at the last tick
    lead_seconds: float = 0.0  # the lead time in use; 0 before the first tick
    problem: str = ""  # reason of the last failed read; empty when it went well
    why: str = ""  # the same in words, fit for an event
    refusal: str = ""  # why the operator's rules forbid what the trigger asks for
    why_no_capacity: str = ""  # `threshold: auto`: why nothing new was learned; empty if it was
    problems: dict[str, int] = field(default_factory=dict)  # reason -> how often, for a counter
    leading_problems: dict[str, str] = field(default_factory=dict)  # name of query -> last reason
    gains: tuple[LeadingGain, ...] = ()  # of the leading queries, at the last fit
    streams: int = 0
    # Tells apart what is remembered: as `key.digest`, but the same whatever the mode.
    memory_digest: str = ""
    ledger: LedgerView | None = None
    journal: Journal = field(default_factory=Journal)  # the decisions of the last day
    demand: Series | None = None  # the history that the newest decision rests on
    # Set once there is a snapshot, or no use in waiting for one any longer.
    first_look: asyncio.Event = field(default_factory=asyncio.Event)
    _served: tuple[float, Decision] | None = None
    _published: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, snapshot: Snapshot) -> None:
        """Put a new snapshot in force and wake whoever waits for one."""
        self.snapshot = snapshot
        self.journal.note(snapshot.decision)
        self.first_look.set()
        self._published.set()
        self._published = asyncio.Event()

    async def wait_for_publish(self, timeout_seconds: float) -> None:
        """Return at the next `publish`, or after `timeout_seconds`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._published.wait()
        except TimeoutError:
            pass

    def answer(self, at: float) -> Decision:
        """Return the decision for GetMetrics, and keep it for the IsActive of the same poll."""
        decision = self.in_force(at)
        self._served = (at, decision)
        return decision

    def answer_again(self, at: float) -> Decision:
        """Return what `answer` gave if that was moments ago, else the decision in force."""
        if self._served is not None and at - self._served[0] <= POLL_SECONDS:
            return self._served[1]
        return self.in_force(at)

    def in_force(self, at: float) -> Decision:
        """Return the decision `at` (monotonic seconds). Raises `BadMetadata`."""
        if isinstance(self.trigger, BadMetadata):
            raise BadMetadata(self.trigger.lines)  # a new one: a raised error grows its traceback
        if self.refusal:
            raise BadMetadata([self.refusal])
        if self.snapshot is None:
            return _pending(self.trigger, self.view)
        return self.snapshot.answer(at)


class Board:
    """All targets, bounded in number, and by namespace so that none can crowd out the others."""

    def __init__(self, *, max_targets: int, max_targets_per_namespace: int) -> None:
        self._max_targets = max_targets
        self._max_per_namespace = max_targets_per_namespace
        self._targets: dict[tuple[str, str, frozenset[tuple[str, str]]], Target] = {}
        self.on_new: Callable[[Target], None] = lambda _target: None

    def __iter__(self) -> Iterator[Target]:
        return iter(tuple(self._targets.values()))

    def __len__(self) -> int:
        return len(self._targets)

    def find(self, namespace: str, name: str, metadata: Mapping[str, str], at: float) -> Target:
        """Return the target, made on first sight. Bad metadata makes a row too: it is asked again.

        Raises `TableFull` when there is no room.
        """
        row = (namespace, name, frozenset(metadata.items()))
        target = self._targets.get(row)
        if target is None:
            target = self._admit(row, metadata, at)
        target.asked_at = at
        return target

    def drop_forgotten(self, at: float, forget_after_seconds: float) -> None:
        """Drop each target that nobody has asked about, nor holds a stream of, for that long."""
        for row, target in tuple(self._targets.items()):
            if target.streams == 0 and at - target.asked_at > forget_after_seconds:
                del self._targets[row]

    def _admit(
        self,
        row: tuple[str, str, frozenset[tuple[str, str]]],
        metadata: Mapping[str, str],
        at: float,
    ) -> Target:
        namespace, name, _ = row
        self._make_room(namespace, at)
        key = TargetKey(namespace, name, digest_of(metadata))
        target = Target(key=key, trigger=_parsed(metadata), asked_at=at)
        lasting = {
            k: v for k, v in metadata.items() if k.removesuffix("FromEnv") not in SWITCH_KEYS
        }
        target.memory_digest = digest_of(lasting)
        self._targets[row] = target
        if isinstance(target.trigger, BadMetadata):
            target.first_look.set()
        self.on_new(target)
        return target

    def _make_room(self, namespace: str, at: float) -> None:
        neighbours = [t for t in self._targets.values() if t.key.namespace == namespace]
        is_crowded = len(neighbours) >= self._max_per_namespace
        if is_crowded and not self._evict(neighbours, at, IDLE_SECONDS):
            raise TableFull(
                f"namespace {namespace!r} has {len(neighbours)} targets, the limit of "
                f"--max-targets-per-namespace"
            )
        everyone = list(self._targets.values())
        is_full = len(everyone) >= self._max_targets
        if is_full and not (
            self._evict(neighbours, at, IDLE_SECONDS)
            or self._evict(everyone, at, IDLE_FOR_OTHERS_SECONDS)
        ):
            raise TableFull(f"{len(everyone)} targets are the limit of --max-targets")

    def _evict(self, candidates: list[Target], at: float, idle_seconds: float) -> bool:
        """Drop the target that has been idle longest, if it is idle for so long."""
        oldest = min((t for t in candidates if t.streams == 0), key=_asked_at, default=None)
        if oldest is None or at - oldest.asked_at <= idle_seconds:
            return False
        self._targets = {row: t for row, t in self._targets.items() if t is not oldest}
        return True


def digest_of(metadata: Mapping[str, str]) -> str:
    """Return eight hex digits that tell two triggers of one object apart, whatever their order."""
    text = "\x00".join(f"{key}\x01{metadata[key]}" for key in sorted(metadata))
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _asked_at(target: Target) -> float:
    return target.asked_at


def _parsed(metadata: Mapping[str, str]) -> Trigger | BadMetadata:
    try:
        return parse(metadata)
    except BadMetadata as exc:
        return exc


def _pending(trigger: Trigger, view: ClusterView | None) -> Decision:
    """Return the answer before the first tick: what runs, or the floor where nobody tells.

    An error would block the object's other triggers.
    """
    fleet = None if view is None else view.fleet
    seen = Seen(as_of=0.0, evidence=Evidence.PENDING, fleet=fleet)
    return decide(PolicyState(), seen, trigger.params)[1]
