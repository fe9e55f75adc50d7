"""From pods as they are seen to starts: what has ended, what goes on, what failed.

Rules
1. A start lasts from the pod's creation until it is ready. A pod that waited for room on a node
   older than itself starts when it is scheduled: waiting for a GPU is no start.
2. A container that has restarted or can't start, and a pod that is not ready long after others were
   (`give_up_seconds`), failed: counted by reason, and no start time, whatever becomes of it.
3. A pod that goes before it is ready took at least so long.
4. A pod that was ready when it was first seen counts where that is believable: its condition may
   have moved since, so only within `give_up_seconds`.
5. A pod that was asleep starts when it is woken (class `woken`).
6. A node that ran the same image before the pod came is warm, any other is fresh.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scaler.fleet import Fleet, StartClass
from scaler.starts.book import StartBook
from scaler.starts.record import Pod, Start, Starts, UnderWay

NEVER_READY = "NeverReady"
UNSCHEDULABLE = "Unschedulable"
RESTARTED = "Restarted"

MAX_WARM_NODES = 2_000


@dataclass(slots=True, eq=False)
class _Life:
    """A pod with what is known of its start."""

    pod: Pod
    began_at: float
    start_class: StartClass | None = None  # None until it has a node
    is_settled: bool = False  # its start is over, one way or another
    seen_before_ready: bool = True
    seen_at: float = 0.0


@dataclass(slots=True, eq=False)
class Tracker:
    """The pods of one workload. Not safe for threads: its owner keeps a lock."""

    book: StartBook = field(default_factory=StartBook)
    changed_at: float = 0.0  # when a pod was last seen to change
    _known: Starts | None = None
    _lives: dict[str, _Life] = field(default_factory=dict)
    _warm: "OrderedDict[tuple[str, str], float]" = field(default_factory=OrderedDict)

    def see(self, pod: Pod, at: float) -> None:
        """Note a pod as it is `at` (Unix seconds)."""
        self.changed_at = at
        self._known = None
        life = self._lives.get(pod.uid)
        if life is None:
            life = _Life(pod, pod.created_at, seen_before_ready=pod.ready_at is None)
            life.is_settled = self.book.knows(pod.uid)
            self._lives[pod.uid] = life
        life.seen_at = at
        was_asleep, life.pod = life.pod.is_asleep, pod
        if was_asleep and not pod.is_asleep:
            life.began_at, life.start_class, life.is_settled = at, StartClass.WOKEN, False
        self._classify(life)
        self._settle(life, at)
        if pod.started_at is not None and pod.node:
            self._note_warm(pod.node, pod.image, pod.started_at)

    def gone(self, uid: str, at: float) -> None:
        """Note that a pod is no more."""
        life = self._lives.pop(uid, None)
        if life is None:
            return
        self.changed_at = at
        self._known = None
        if not life.is_settled and not life.pod.is_asleep and life.pod.ready_at is None:
            self._finish(life, at, is_ready=False)

    def drop_pods(self) -> None:
        """Forget the pods: they are not this workload's any more. What was learned stays."""
        self._known = None
        self._lives.clear()

    def replace_all(self, pods: Iterable[Pod], at: float) -> None:
        """Note all pods there are; those not among them went when they were last seen, or later.

        Nobody watched then, so no more than that is known to have passed.
        """
        present = {pod.uid: pod for pod in pods}
        for uid, life in [*self._lives.items()]:
            if uid not in present:
                self.gone(uid, life.seen_at)
        # Oldest first, as a watch would have told: who ran on a node before whom is part of it.
        for pod in sorted(present.values(), key=_created_at):
            self.see(pod, at)
        self.changed_at = at

    def fleet(self, wanted: int | None = None) -> Fleet:
        """Return the replicas as they are; without `wanted`, that is the pods there are."""
        counts: Counter[str] = Counter()
        for life in self._lives.values():
            pod = life.pod
            if not pod.is_ending:
                counts[_standing(pod)] += 1
        return Fleet(
            at=self.changed_at,
            wanted=counts.total() if wanted is None else wanted,
            ready=counts["ready"],
            starting=counts["starting"],
            unschedulable=counts["unschedulable"],
        )

    def starts(self, at: float) -> Starts:
        """Return what is known of starts `at`; gives up those that have taken too long.

        The same object as before while nothing has changed.
        """
        for life in self._lives.values():
            self._give_up(life, at)
        if self._known is None:
            self._known = self._starts()
        return self._known

    def _starts(self) -> Starts:
        alive = [life for life in self._lives.values() if not life.pod.is_ending]
        going_on = [life for life in alive if not life.is_settled and not life.pod.is_asleep]
        newest = max((life.pod for life in alive), key=_created_at, default=None)
        if newest is not None:
            # A pod without a node doesn't know its accelerator's name yet.
            placed = [
                life.pod for life in alive if life.pod.node and life.pod.image == newest.image
            ]
            like = max(placed, key=_created_at, default=newest)
            self.book.note_newest(newest.image, like.accelerator)
        return replace(
            self.book.starts(),
            under_way=tuple(
                UnderWay(
                    image=life.pod.image,
                    accelerator=life.pod.accelerator if life.pod.node else self.book.accelerator,
                    start_class=life.start_class or StartClass.FRESH_NODE,
                    began_at=life.began_at,
                )
                for life in going_on
            ),
            n_unschedulable=sum(life.pod.is_unschedulable for life in alive),
            n_asleep=sum(life.pod.is_asleep for life in alive),
        )

    def to_state(self) -> dict[str, Any]:
        """Return what should survive a restart, as plain JSON values."""
        return self.book.to_state()

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Tracker":
        """Return a tracker that remembers `state`. Raises ValueError where it can't be read."""
        tracker = cls(StartBook.from_state(state))
        for start in tracker.book.starts().finished:
            if start.node and start.started_at is not None:
                tracker._note_warm(start.node, start.image, start.started_at)
        return tracker

    def _classify(self, life: _Life) -> None:
        pod = life.pod
        if life.is_settled or life.start_class is StartClass.WOKEN or not pod.node:
            return  # before that it may change: a node can be read only after its first pod
        since = pod.scheduled_at if pod.scheduled_at is not None else pod.created_at
        is_new_node = pod.node_created_at is not None and pod.node_created_at >= pod.created_at
        warm_since = self._warm.get((pod.node, pod.image))
        is_warm = warm_since is not None and warm_since < since and not is_new_node
        life.start_class = StartClass.WARM_NODE if is_warm else StartClass.FRESH_NODE
        waited_for_room = pod.node_created_at is not None and not is_new_node
        if waited_for_room and pod.scheduled_at is not None:
            life.began_at = max(life.began_at, pod.scheduled_at)

    def _settle(self, life: _Life, at: float) -> None:
        """End the start where the pod shows that it is over."""
        pod = life.pod
        if life.is_settled or pod.is_asleep:
            return
        has_restarted = pod.restarts > 0 and life.start_class is not StartClass.WOKEN
        if has_restarted and pod.ready_at is not None and not life.seen_before_ready:
            life.is_settled = True  # it may have restarted long after its start
        elif pod.trouble or has_restarted:
            self._fail(life, pod.trouble or RESTARTED)
        elif pod.ready_at is not None:
            ready_at = max(pod.ready_at, life.began_at)
            if life.seen_before_ready or ready_at - life.began_at <= self.book.give_up_seconds():
                self._finish(life, ready_at, is_ready=True)
            life.is_settled = True
        elif pod.is_ending:
            self._finish(life, at, is_ready=False)

    def _give_up(self, life: _Life, at: float) -> None:
        if life.is_settled or life.pod.is_asleep or life.pod.is_ending:
            return
        if at - life.began_at > self.book.give_up_seconds():
            self._fail(life, UNSCHEDULABLE if life.pod.is_unschedulable else NEVER_READY)

    def _fail(self, life: _Life, reason: str) -> None:
        life.is_settled = True
        self._known = None
        self.book.count_failure(life.pod.uid, reason)

    def _finish(self, life: _Life, at: float, *, is_ready: bool) -> None:
        pod = life.pod
        life.is_settled = True
        is_woken = life.start_class is StartClass.WOKEN
        self.book.add(
            Start(
                uid=pod.uid,
                image=pod.image,
                accelerator=pod.accelerator,
                start_class=life.start_class or StartClass.FRESH_NODE,
                node=pod.node,
                began_at=life.began_at,
                ended_at=max(at, life.began_at),
                is_ready=is_ready,
                scheduled_at=None if is_woken else pod.scheduled_at,
                prepared_at=None if is_woken else pod.prepared_at,
                started_at=None if is_woken else pod.started_at,
            )
        )

    def _note_warm(self, node: str, image: str, since: float) -> None:
        key = (node, image)
        self._warm[key] = min(since, self._warm.get(key, since))
        self._warm.move_to_end(key)
        while len(self._warm) > MAX_WARM_NODES:
            self._warm.popitem(last=False)


def _created_at(pod: Pod) -> float:
    return pod.created_at


def _standing(pod: Pod) -> str:
    """Return what a pod counts as in the fleet."""
    if pod.ready_at is not None and not pod.is_asleep:
        return "ready"
    if pod.is_asleep:
        return "asleep"
    return "unschedulable" if pod.is_unschedulable else "starting"
