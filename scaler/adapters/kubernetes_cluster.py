"""`Cluster` by the Kubernetes API: a watch or two for each namespace, and a thread that keeps them.

Theory of operation
- ScaledObjects are watched in each namespace that a followed object lives in; they say which
  workload is meant. Its scale subresource says how many replicas are asked for, and which pods are
  its own; it is read every minute, and after its pods have changed.
- Pods are watched once for each namespace, by the workload's selector while there is only one.
- `look` answers from memory. Fleet and starts are None while pods were not heard of lately.
Only reads are made; nothing is ever written, so there are no conflicts to lose.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scaler.adapters.kubernetes_api import NOT_FOUND, ApiProblem, KubernetesApi
from scaler.adapters.kubernetes_nodes import Nodes
from scaler.adapters.kubernetes_objects import Selector, scale_of
from scaler.adapters.kubernetes_space import Space, Tracked
from scaler.adapters.kubernetes_troubles import Troubles
from scaler.ports import ClusterTrouble, ClusterView
from scaler.starts.ramp import HPA_SYNC_SECONDS
from scaler.starts.tracker import Tracker
from scaler.workload import Reference

logger = logging.getLogger(__name__)

MAX_NAMESPACES = 200  # two threads and two connections each
MAX_REMEMBERED = 2_000  # workloads
ROUND_SECONDS = 0.25
SCALE_SECONDS = 60.0
SCALE_PAUSE_SECONDS = 10.0
# Bookmarks come each minute, so five minutes without a word are an outage.
STALE_SECONDS = 300.0


class KubernetesCluster:
    """Follows ScaledObjects from their first `follow` on. Fit for several threads."""

    def __init__(
        self,
        api: KubernetesApi,
        now: Callable[[], float],
        *,
        sync_seconds: float = HPA_SYNC_SECONDS,
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        self._api = api
        self._now = now
        self._sync_seconds = sync_seconds
        self._stale_seconds = stale_seconds
        self._lock = threading.RLock()
        self._troubles = Troubles()
        self._nodes = Nodes(api, self._troubles, now)
        self._spaces: dict[str, Space] = {}
        self._remembered: dict[Reference, Tracker] = {}
        self._is_full = False
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="cluster", daemon=True)
        self._keeper.start()

    def follow(self, namespace: str, name: str) -> None:
        """Begin to look after a ScaledObject; a second time does nothing."""
        with self._lock:
            space = self._spaces.get(namespace)
            if space is None:
                if len(self._spaces) >= MAX_NAMESPACES:
                    self._note_full(namespace)
                    return
                space = self._spaces[namespace] = Space(
                    namespace,
                    api=self._api,
                    nodes=self._nodes,
                    troubles=self._troubles,
                    lock=self._lock,
                    now=self._now,
                    sync_seconds=self._sync_seconds,
                )
            space.followed.add(name)

    def forget(self, namespace: str, name: str) -> None:
        """Stop to look after it; what is known of its starts is kept."""
        with self._lock:
            space = self._spaces.get(namespace)
            if space is None:
                return
            space.followed.discard(name)
            self._remember_unused(space)
            if not space.followed:
                space.stop()
                del self._spaces[namespace]

    def look(self, namespace: str, name: str) -> ClusterView | None:
        """Return what is known now."""
        with self._lock:
            space = self._spaces.get(namespace)
            workload = space.objects.get(name) if space is not None else None
            if space is None or workload is None or name not in space.followed:
                return None
            view = ClusterView(workload=workload)
            tracked = space.tracked.get(workload.reference)
            at = self._now()
            is_heard = at - space.pods_seen_at <= self._stale_seconds
            if tracked is None or tracked.is_gone or not (tracked.is_listed and is_heard):
                return view
            fleet = replace(
                tracked.tracker.fleet(tracked.wanted),
                min_replicas=workload.min_replicas,
                max_replicas=workload.max_replicas,
            )
            return replace(view, fleet=fleet, starts=tracked.tracker.starts(at))

    def troubles(self) -> tuple[ClusterTrouble, ...]:
        """Return what keeps the cluster from telling more, now."""
        return self._troubles.all()

    def to_state(self) -> dict[str, Any]:
        """Return what is remembered of starts, by workload."""
        with self._lock:
            trackers = dict(self._remembered)
            for space in self._spaces.values():
                trackers |= {each.reference: each.tracker for each in space.tracked.values()}
            return {
                "workloads": [
                    {"reference": [*_parts(reference)], "starts": tracker.to_state()}
                    for reference, tracker in trackers.items()
                ]
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Remember an earlier run's starts; before `follow`. Raises ValueError."""
        try:
            read = {
                Reference(*map(str, each["reference"])): Tracker.from_state(each["starts"])
                for each in state["workloads"]
            }
        except (KeyError, TypeError) as exc:
            raise ValueError(f"not a state of workloads: {exc!r}") from exc
        with self._lock:
            for reference, tracker in read.items():
                self._remember(reference, tracker)

    def close(self) -> None:
        """Stop watching; returns at once."""
        self._stopping.set()
        with self._lock:
            for space in self._spaces.values():
                space.stop()

    def join(self, seconds: float) -> None:
        """Wait for the threads to end after `close`, so long at most for each."""
        self._keeper.join(seconds)
        with self._lock:
            spaces = list(self._spaces.values())
        for space in spaces:
            space.join(seconds)

    def _note_full(self, namespace: str) -> None:
        if not self._is_full:
            self._is_full = True
            logger.warning(
                "too many namespaces to watch; the others are scaled from metadata alone",
                extra={"in_namespace": namespace, "limit": MAX_NAMESPACES},
            )

    def _remember_unused(self, space: Space) -> None:
        for tracked in space.take_unused():
            ref = tracked.reference
            self._remember(ref, tracked.tracker)
            self._troubles.clear(
                group=ref.group, resource=f"{ref.plural}/scale", namespace=ref.namespace
            )

    def _remember(self, reference: Reference, tracker: Tracker) -> None:
        self._remembered.pop(reference, None)
        self._remembered[reference] = tracker
        while len(self._remembered) > MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def _keep(self) -> None:
        """Read scales that are due, and let each namespace watch the pods that it should."""
        while not self._stopping.wait(ROUND_SECONDS):
            for space, tracked in self._due():
                if self._stopping.is_set():
                    return
                self._read_scale(space, tracked)
            with self._lock:
                if self._stopping.is_set():
                    return
                for space in self._spaces.values():
                    space.watch_pods()

    def _due(self) -> list[tuple[Space, Tracked]]:
        at = self._now()
        with self._lock:
            found: list[tuple[Space, Tracked]] = []
            for space in self._spaces.values():
                self._remember_unused(space)
                for tracked in space.current():
                    remembered = self._remembered.pop(tracked.reference, None)
                    if remembered is not None:
                        tracked.tracker = remembered
                    if at >= tracked.due_at:
                        found.append((space, tracked))
            return found

    def _read_scale(self, space: Space, tracked: Tracked) -> None:
        reference = tracked.reference
        resource = f"{reference.plural}/scale"
        try:
            wanted, text = scale_of(self._api.read_scale(reference))
        except ApiProblem as problem:
            with self._lock:
                tracked.due_at = self._now() + SCALE_PAUSE_SECONDS * random.uniform(0.5, 1)  # noqa: S311 - jitter
                if problem.status == NOT_FOUND:
                    tracked.is_gone = True
            if problem.status != NOT_FOUND:
                self._troubles.note(problem)
            return
        self._troubles.clear(
            group=reference.group, resource=resource, namespace=reference.namespace
        )
        with self._lock:
            space.set_scale(tracked, wanted, Selector.parse(text))
            tracked.due_at = self._now() + SCALE_SECONDS * random.uniform(0.8, 1)  # noqa: S311 - jitter


def _parts(reference: Reference) -> tuple[str, ...]:
    ref = reference
    return ref.namespace, ref.group, ref.version, ref.plural, ref.name
