"""One namespace: its ScaledObjects, the pods of those that are followed, and their trackers."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from scaler.adapters.kubernetes_api import ApiProblem, Document, KubernetesApi, Resource
from scaler.adapters.kubernetes_nodes import Nodes
from scaler.adapters.kubernetes_objects import Selector, labels_of, pod_of
from scaler.adapters.kubernetes_troubles import Troubles
from scaler.adapters.kubernetes_watch import Reflector
from scaler.starts.record import Pod
from scaler.starts.tracker import Tracker
from scaler.workload import Reference, Workload, workload_of


@dataclass(slots=True, eq=False)
class Tracked:
    """A workload whose pods are watched."""

    reference: Reference
    tracker: Tracker = field(default_factory=Tracker)
    selector: Selector | None = None  # None until its scale was read
    wanted: int | None = None
    due_at: float = 0.0  # when its scale is to be read again
    is_listed: bool = False  # its pods were all seen once
    is_gone: bool = False  # there is no such workload now


class Space:
    """What is known of one namespace. The lock is the cluster's: everything here is under it."""

    def __init__(
        self,
        name: str,
        *,
        api: KubernetesApi,
        nodes: Nodes,
        troubles: Troubles,
        lock: threading.RLock,
        now: Callable[[], float],
        sync_seconds: float,
    ) -> None:
        self.name = name
        self.followed: set[str] = set()
        self.objects: dict[str, Workload] = {}
        self.tracked: dict[Reference, Tracked] = {}
        self.pods_seen_at = float("-inf")  # when the server last told of pods
        self._api = api
        self._nodes = nodes
        self._troubles = troubles
        self._lock = lock
        self._now = now
        self._sync_seconds = sync_seconds
        self._pods: Reflector | None = None
        self._pods_for: frozenset[tuple[Reference, str]] = frozenset()
        self._pods_sink: _PodsSink | None = None
        self._objects = Reflector(
            api,
            Resource.scaled_objects(name),
            _ObjectsSink(self),
            _Reports(self, Resource.scaled_objects(name)),
        )
        self._objects.start()

    def stop(self) -> None:
        """Stop watching; returns at once."""
        self._objects.stop()
        if self._pods is not None:
            self._pods.stop()

    def join(self, seconds: float) -> None:
        """Wait for the threads to end, so long at most for each."""
        for reflector in filter(None, (self._objects, self._pods)):
            reflector.join(seconds)

    def current(self) -> list[Tracked]:
        """Return the workloads of the objects that are followed; new ones begin to be tracked."""
        return [self.tracked.setdefault(each, Tracked(each)) for each in self._in_use()]

    def take_unused(self) -> list[Tracked]:
        """Track no more what no followed object scales any more; return it."""
        unused = self.tracked.keys() - self._in_use()
        return [self.tracked.pop(each) for each in unused]

    def watch_pods(self) -> None:
        """Watch the pods of all current workloads, by selector where there is only one.

        A watch goes on until there are pods that it doesn't bring; one that the server refuses is
        the reflector's to try again.
        """
        wanted = {(t.reference, t.selector.text) for t in self.current() if t.selector is not None}
        selector = next(iter(wanted))[1] if len(wanted) == 1 else ""
        if not wanted:
            return
        if self._pods is not None:
            if wanted <= self._pods_for and self._pods.selector in {selector, ""}:
                return
            self._pods.stop()
        resource = Resource.pods(self.name)
        self._pods_for = frozenset(wanted)
        self._pods_sink = _PodsSink(self)
        self._pods = Reflector(
            self._api, resource, self._pods_sink, _Reports(self, resource), selector=selector
        )
        self._pods.start()

    def set_scale(self, tracked: Tracked, wanted: int | None, selector: Selector | None) -> None:
        """Note what a workload's scale says."""
        tracked.wanted, tracked.is_gone = wanted, False
        before = tracked.selector.text if tracked.selector else None
        if selector is not None and selector.text != before:
            tracked.selector, tracked.is_listed = selector, False
            tracked.tracker.drop_pods()

    def _in_use(self) -> dict[Reference, None]:
        pairs = self.objects.items()
        return {workload.reference: None for name, workload in pairs if name in self.followed}

    # From here on: called by the threads of the reflectors.

    def replace_objects(self, documents: Iterable[Document]) -> None:
        """Take all ScaledObjects."""
        found = dict(filter(None, map(self._object, documents)))
        with self._lock:
            self.objects = found

    def change_object(self, document: Document, *, is_deleted: bool) -> None:
        """Take one ScaledObject."""
        found = self._object(document)
        name = str((document.get("metadata") or {}).get("name", ""))
        with self._lock:
            if found is None or is_deleted:
                self.objects.pop(name, None)
            else:
                self.objects[name] = found[1]

    def replace_pods(self, documents: Iterable[Document], sink: "_PodsSink") -> None:
        """Take all pods, from the watch that is in force.

        One that was stopped may still hold an event, older than what its successor has listed.
        """
        with self._lock:
            takers = [(each, each.selector) for each in self.tracked.values() if each.selector]
        pods: dict[Reference, list[Pod]] = {each.reference: [] for each, _ in takers}
        for document in documents:
            labels = labels_of(document)
            for each, selector in takers:
                if selector.matches(labels) and (pod := pod_of(document)) is not None:
                    pods[each.reference].append(self._with_node(pod))
        with self._lock:
            for each, selector in takers:
                if each.selector is selector and sink is self._pods_sink:
                    each.tracker.replace_all(pods[each.reference], self._now())
                    each.is_listed = True

    def change_pod(self, document: Document, sink: "_PodsSink", *, is_deleted: bool) -> None:
        """Take one pod, from the watch that is in force."""
        pod = pod_of(document)
        if pod is None:
            return
        labels = labels_of(document)
        with self._lock:
            takers = [(each, each.selector) for each in self.tracked.values() if each.selector]
        if not is_deleted and any(selector.matches(labels) for _, selector in takers):
            pod = self._with_node(pod)
        with self._lock:
            for each, selector in takers:
                if sink is not self._pods_sink:
                    return
                if is_deleted or not selector.matches(labels):
                    each.tracker.gone(pod.uid, self._now())
                else:
                    each.tracker.see(pod, self._now())
                    each.due_at = min(each.due_at, self._now() + AFTER_CHANGE_SECONDS)

    def note_contact(self, resource: Resource) -> None:
        """Note that the server has answered."""
        if resource.plural == "pods":
            self.pods_seen_at = self._now()
        self._troubles.clear(
            group=resource.group, resource=resource.plural, namespace=resource.namespace
        )

    def note_trouble(self, problem: ApiProblem) -> None:
        """Note a call that failed."""
        self._troubles.note(problem)

    def _object(self, document: Document) -> tuple[str, Workload] | None:
        workload = workload_of(document, sync_seconds=self._sync_seconds)
        name = (document.get("metadata") or {}).get("name")
        return (str(name), workload) if workload is not None and name else None

    def _with_node(self, pod: Pod) -> Pod:
        """Return the pod with what its node tells; waits for the node once, in this thread."""
        node = self._nodes.get(pod.node) if pod.node else None
        if node is None:
            return pod
        created_at, product = node
        is_named = not product or product in pod.accelerator
        accelerator = pod.accelerator if is_named else f"{product} ({pod.accelerator})"
        return replace(pod, node_created_at=created_at, accelerator=accelerator)


# A change of pods often means another scale; one read for all changes of a few seconds.
AFTER_CHANGE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _ObjectsSink:
    space: Space

    def replace(self, documents: Iterable[Document]) -> None:
        self.space.replace_objects(documents)

    def change(self, document: Document, *, is_deleted: bool) -> None:
        self.space.change_object(document, is_deleted=is_deleted)


@dataclass(frozen=True, slots=True, eq=False)
class _PodsSink:
    space: Space

    def replace(self, documents: Iterable[Document]) -> None:
        self.space.replace_pods(documents, self)

    def change(self, document: Document, *, is_deleted: bool) -> None:
        self.space.change_pod(document, self, is_deleted=is_deleted)


@dataclass(frozen=True, slots=True)
class _Reports:
    space: Space
    resource: Resource

    def contact(self) -> None:
        self.space.note_contact(self.resource)

    def trouble(self, problem: ApiProblem) -> None:
        self.space.note_trouble(problem)
