"""The laws of `Cluster`, for the twin in memory and for the adapter on a real API server."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from harness import ControlPlane, wait_for
from kubernetes_rig import Bare, watching
from scaler.adapters.memory_cluster import MemoryCluster
from scaler.ports import Cluster, ClusterView
from scaler.starts.record import Pod
from scaler.workload import Reference, Workload

AT = 1_800_000_000.0


class World(Protocol):
    """A cluster, and what can happen in it."""

    cluster: Cluster
    namespace: str

    def restarted(self) -> Cluster: ...
    def put_object(self, *, minimum: int, maximum: int) -> None: ...
    def edit_object(self, *, minimum: int, maximum: int) -> None: ...
    def remove_object(self) -> None: ...
    def put_workload(self, replicas: int) -> None: ...
    def scale(self, replicas: int) -> None: ...
    def pod(self, name: str) -> None: ...
    def ready(self, name: str, after_seconds: float) -> None: ...
    def unschedulable(self, name: str) -> None: ...
    def remove_pod(self, name: str) -> None: ...


@dataclass
class InMemory:
    cluster: MemoryCluster
    namespace: str = "llm"

    def __post_init__(self) -> None:
        self.reference = Reference(self.namespace, "apps", "v1", "deployments", "model")

    def restarted(self) -> Cluster:
        return MemoryCluster(AT)

    def put_object(self, *, minimum: int, maximum: int) -> None:
        workload = Workload(reference=self.reference, min_replicas=minimum, max_replicas=maximum)
        self.cluster.put(self.namespace, "model", workload)

    edit_object = put_object

    def remove_object(self) -> None:
        self.cluster.remove(self.namespace, "model")

    def put_workload(self, replicas: int) -> None:
        self.cluster.set_wanted(self.reference, replicas)

    scale = put_workload

    def _see(self, name: str, **facts: Any) -> None:
        placed = {"node": "gpu-1", "scheduled_at": AT} | facts
        self.cluster.see(
            self.reference, Pod(uid=name, image="m", accelerator="", created_at=AT, **placed)
        )

    def pod(self, name: str) -> None:
        self._see(name)

    def ready(self, name: str, after_seconds: float) -> None:
        self._see(name, ready_at=AT + after_seconds)

    def unschedulable(self, name: str) -> None:
        self._see(name, node="", scheduled_at=None, is_unschedulable=True)

    def remove_pod(self, name: str) -> None:
        self.cluster.gone(self.reference, name)


@dataclass
class OnAnApiServer:
    cluster: Cluster
    bare: Bare
    again: Callable[[], Cluster]

    @property
    def namespace(self) -> str:
        return self.bare.name

    def restarted(self) -> Cluster:
        return self.again()

    def put_object(self, *, minimum: int, maximum: int) -> None:
        self.bare.scaled_object("model", minimum=minimum, maximum=maximum)

    def edit_object(self, *, minimum: int, maximum: int) -> None:
        change = {"minReplicaCount": minimum, "maxReplicaCount": maximum}
        self.bare.patch_scaled_object("model", change)

    def remove_object(self) -> None:
        self.bare.delete_scaled_object("model")

    def put_workload(self, replicas: int) -> None:
        self.bare.deployment("model", replicas=replicas)

    def scale(self, replicas: int) -> None:
        self.bare.scale("model", replicas)
        self.bare.pod("model", f"scaled-{next(_numbers)}")  # a change of pods is what tells of it

    def pod(self, name: str) -> None:
        self.bare.pod("model", name, node="gpu-1")

    def ready(self, name: str, after_seconds: float) -> None:
        self.bare.ready(name, after_seconds=after_seconds)

    def unschedulable(self, name: str) -> None:
        self.bare.delete_pod(name)
        self.bare.pod("model", name)
        self.bare.unschedulable(name)

    def remove_pod(self, name: str) -> None:
        self.bare.delete_pod(name)


_numbers = itertools.count()


@pytest.fixture(params=["memory", pytest.param("kubernetes", marks=pytest.mark.cluster)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield InMemory(MemoryCluster(AT))
        return
    bare: Bare = request.getfixturevalue("bare")
    server: ControlPlane = bare.cluster
    with watching(server) as adapter, watching(server) as second:
        yield OnAnApiServer(adapter, bare, lambda: second)


def seen(world: World, condition: Callable[[ClusterView], object], what: str) -> ClusterView:
    """The first view of which the condition holds."""

    def look() -> ClusterView | None:
        view = world.cluster.look(world.namespace, "model")
        return view if view is not None and condition(view) else None

    found = wait_for(
        look, what, within_seconds=20,
        last_seen=lambda: world.cluster.look(world.namespace, "model"),
    )  # fmt: skip
    assert found is not None
    return found


def counts(view: ClusterView) -> tuple[int, int, int] | None:
    fleet = view.fleet
    return None if fleet is None else (fleet.ready, fleet.starting, fleet.unschedulable)


def test_an_object_that_nobody_follows_is_unknown(world: World) -> None:
    world.put_object(minimum=1, maximum=5)
    assert world.cluster.look(world.namespace, "model") is None


def test_an_object_that_is_not_there_is_unknown_until_it_is(world: World) -> None:
    world.cluster.follow(world.namespace, "model")
    assert world.cluster.look(world.namespace, "model") is None
    world.put_object(minimum=2, maximum=7)
    found = seen(world, lambda view: view.workload.min_replicas == 2, "bounds").workload
    assert (found.min_replicas, found.max_replicas) == (2, 7)
    assert found.reference == Reference(world.namespace, "apps", "v1", "deployments", "model")
    world.edit_object(minimum=3, maximum=9)
    seen(world, lambda view: view.workload.max_replicas == 9, "the edit")
    world.remove_object()
    wait_for(lambda: world.cluster.look(world.namespace, "model") is None, "it is gone")


def test_without_the_workload_the_bounds_are_known_and_the_fleet_is_not(world: World) -> None:
    world.cluster.follow(world.namespace, "model")
    world.put_object(minimum=1, maximum=5)
    found = seen(world, lambda _: True, "the object")
    assert (found.fleet, found.starts) == (None, None)
    world.put_workload(0)
    fleet = seen(world, lambda view: view.fleet is not None, "the fleet").fleet
    assert fleet is not None
    assert (fleet.wanted, fleet.ready, fleet.min_replicas, fleet.max_replicas) == (0, 0, 1, 5)


def test_each_pod_counts_once_and_as_what_it_is(world: World) -> None:
    world.cluster.follow(world.namespace, "model")
    world.put_workload(3)
    world.put_object(minimum=1, maximum=5)
    for name in ("a", "b", "c"):
        world.pod(name)
    seen(world, lambda view: counts(view) == (0, 3, 0), "three that start")
    world.ready("a", 40)
    world.unschedulable("b")
    view = seen(world, lambda view: counts(view) == (1, 1, 1), "one of each")
    assert view.starts is not None
    assert view.starts.n_unschedulable == 1
    [start] = [each for each in view.starts.finished if each.is_ready]
    assert start.seconds == pytest.approx(40)
    world.remove_pod("a")
    seen(world, lambda view: counts(view) == (0, 1, 1), "the ready one is gone")


def test_the_fleet_says_what_the_scale_asks_for(world: World) -> None:
    world.cluster.follow(world.namespace, "model")
    world.put_workload(1)
    world.put_object(minimum=1, maximum=5)
    seen(world, lambda view: view.fleet and view.fleet.wanted == 1, "one wanted")
    world.scale(4)
    seen(world, lambda view: view.fleet and view.fleet.wanted == 4, "four wanted")


def test_starts_survive_a_restart_and_are_counted_once(world: World) -> None:
    world.cluster.follow(world.namespace, "model")
    world.put_workload(1)
    world.put_object(minimum=1, maximum=5)
    world.pod("a")
    world.ready("a", 30)
    seen(world, lambda view: view.starts and view.starts.finished, "a start")
    again = world.restarted()
    again.restore(world.cluster.to_state())
    assert [len(each["starts"]["finished"]) for each in again.to_state()["workloads"]] == [1]
    world.remove_pod("a")
    if isinstance(world, OnAnApiServer):  # the twin's objects are its own
        world.cluster = again
        again.follow(world.namespace, "model")
        view = seen(world, lambda view: view.starts is not None, "the starts of before")
        assert view.starts is not None
        assert [start.seconds for start in view.starts.finished] == [30]


def test_a_state_that_is_none_is_refused(world: World) -> None:
    for state in ({}, {"workloads": [{"reference": ["a"]}]}, {"workloads": [7]}):
        with pytest.raises(ValueError, match="not a state"):
            world.cluster.restore(state)


def test_what_is_forgotten_is_unknown_again(world: World) -> None:
    world.put_object(minimum=1, maximum=5)
    world.cluster.follow(world.namespace, "model")
    world.cluster.follow(world.namespace, "model")
    seen(world, lambda _: True, "the object")
    world.cluster.forget(world.namespace, "model")
    world.cluster.forget(world.namespace, "model")
    assert world.cluster.look(world.namespace, "model") is None
    world.cluster.follow(world.namespace, "model")
    seen(world, lambda _: True, "the object again")
