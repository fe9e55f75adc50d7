"""The pods of a fleet: the kernel's arrays, made large enough and handed to it."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulations.plant.cluster import Cluster
from simulations.plant.cold_start import Draws
from simulations.plant.errors import BadPlant
from simulations.plant.pods_kernel import FLEET, FREE, NODE, READY, SLOT, arrange

Arrange: TypeAlias = Callable[[Any, Any, Any, Any, Any, Any, float], None]

MOST_REPLICAS = 4_096
SPARE_SLOTS = 16


class Pods:
    """Slots for pods and their nodes. An engine reads and writes the slots as it serves."""

    def __init__(self, cluster: Cluster, seed: int, *, arranged: Arrange = arrange) -> None:
        self._arrange = arranged
        self._draws = Draws(cluster.cold_start, seed)
        self.slots: NDArray[np.void] = _empty(SPARE_SLOTS)
        self.nodes = _nodes(cluster)
        self._fleets = np.zeros(1, FLEET)
        self.fleet = self._fleets[0]
        self.fleet["gpus_per_replica"] = cluster.gpus_per_replica
        self.fleet["gpus_per_node"] = cluster.nodes.gpus
        self.fleet["idle_seconds"] = cluster.nodes.idle_seconds
        self.fleet["drain_seconds"] = cluster.drain_seconds
        self.fleet["bandwidth_exponent"] = cluster.cold_start.bandwidth_exponent
        self.wanted = 0
        self._n_pods = 0
        self.n_slots = 0  # no slot from here on is in use
        self._open_initial(cluster.initial_replicas)

    @property
    def capacity(self) -> int:
        """How many slots there are."""
        return int(self.slots.size)

    def scale(self, replicas: int, at: float) -> None:
        """Set what is wanted, and let the scheduler place what waits for room."""
        if not 0 <= replicas <= MOST_REPLICAS:
            raise BadPlant("replicas", replicas, f"a whole number from 0 to {MOST_REPLICAS}")
        if replicas > self.wanted:
            self._n_pods += replicas - self.wanted
            self._draws.reach(self._n_pods)
            self._make_room(replicas - self.wanted)
        self.wanted = replicas
        self.fleet["wanted"] = replicas
        draws = self._draws
        self._arrange(self.slots, self.nodes, self.fleet, draws.warm, draws.cold, draws.node, at)
        self.n_slots = int(self.fleet["n_slots"])

    def _open_initial(self, replicas: int) -> None:
        """Put the first pods on nodes, ready from the beginning."""
        self.scale(replicas, 0.0)
        for slot in self.slots[: self.n_slots]:
            slot["state"], slot["ready_at"], slot["next_at"] = READY, 0.0, np.inf
            self.nodes[slot["node"]]["is_warm"] = 1

    def _make_room(self, n_more: int) -> None:
        """Double the slots until so many more pods find a free one."""
        n_free = int(np.count_nonzero(self.slots["state"] == FREE))
        while n_free < n_more:
            n_free += self.capacity
            self.slots = np.concatenate([self.slots, _empty(self.capacity)])


def _empty(n: int) -> NDArray[np.void]:
    slots: NDArray[Any] = np.zeros(n, SLOT)
    slots["next_at"] = np.inf
    slots["gone_by"] = np.inf
    slots["prefilling"] = slots["head"] = slots["tail"] = -1
    return slots


def _nodes(cluster: Cluster) -> NDArray[np.void]:
    given = cluster.nodes
    nodes: NDArray[Any] = np.zeros(given.present + given.addable, NODE)
    nodes["free_gpus"] = given.gpus
    nodes["is_present"][: given.present] = 1
    nodes["is_added"][given.present :] = 1
    nodes["is_warm"][: given.present] = given.is_image_present
    return nodes
