"""The twin of `KubernetesCluster`: a cluster that is what a test says it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scaler.ports import ClusterTrouble, ClusterView
from scaler.starts.record import Pod
from scaler.starts.tracker import Tracker
from scaler.workload import Reference, Workload


class MemoryCluster:
    """A `Cluster` in the test's hands; `at` (Unix seconds) is its clock."""

    def __init__(self, at: float = 0.0) -> None:
        self.at = at
        self.is_closed = False
        self.is_silent = False  # told: nothing was heard lately
        self.followed: set[tuple[str, str]] = set()
        self._objects: dict[tuple[str, str], Workload] = {}
        self._trackers: dict[Reference, Tracker] = {}
        self._wanted: dict[Reference, int] = {}
        self._troubles: tuple[ClusterTrouble, ...] = ()

    def put(self, namespace: str, name: str, workload: Workload) -> None:
        """Let there be a ScaledObject, in place of one of that name."""
        self._objects[namespace, name] = workload

    def remove(self, namespace: str, name: str) -> None:
        """Let there be none."""
        self._objects.pop((namespace, name), None)

    def set_wanted(self, reference: Reference, wanted: int) -> None:
        """Let a workload's scale ask for so many replicas."""
        self._wanted[reference] = wanted

    def see(self, reference: Reference, pod: Pod) -> None:
        """Let a workload's pod be so."""
        self._tracker(reference).see(pod, self.at)

    def gone(self, reference: Reference, uid: str) -> None:
        """Let a pod be no more."""
        self._tracker(reference).gone(uid, self.at)

    def have_troubles(self, *troubles: ClusterTrouble) -> None:
        """Let these calls fail, until told otherwise."""
        self._troubles = troubles

    def follow(self, namespace: str, name: str) -> None:
        """Begin to look after a ScaledObject."""
        self.followed.add((namespace, name))

    def forget(self, namespace: str, name: str) -> None:
        """Stop to look after it."""
        self.followed.discard((namespace, name))

    def look(self, namespace: str, name: str) -> ClusterView | None:
        """Return what is known now."""
        key = (namespace, name)
        workload = self._objects.get(key)
        if workload is None or key not in self.followed:
            return None
        wanted = self._wanted.get(workload.reference)
        if wanted is None or self.is_silent:
            return ClusterView(workload=workload)
        tracker = self._tracker(workload.reference)
        fleet = replace(
            tracker.fleet(wanted),
            min_replicas=workload.min_replicas,
            max_replicas=workload.max_replicas,
        )
        return ClusterView(workload=workload, fleet=fleet, starts=tracker.starts(self.at))

    def troubles(self) -> tuple[ClusterTrouble, ...]:
        """Return what was told to fail."""
        return self._troubles

    def to_state(self) -> dict[str, Any]:
        """Return what is remembered of starts, by workload."""
        return {
            "workloads": [
                {
                    "reference": [ref.namespace, ref.group, ref.version, ref.plural, ref.name],
                    "starts": tracker.to_state(),
                }
                for ref, tracker in self._trackers.items()
            ]
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Remember an earlier run's starts. Raises ValueError."""
        try:
            for each in state["workloads"]:
                reference = Reference(*map(str, each["reference"]))
                self._trackers[reference] = Tracker.from_state(each["starts"])
        except (KeyError, TypeError) as exc:
            raise ValueError(f"not a state of workloads: {exc!r}") from exc

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True

    def _tracker(self, reference: Reference) -> Tracker:
        return self._trackers.setdefault(reference, Tracker())
