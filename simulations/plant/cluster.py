"""Where pods run, who gets the next request, and when one is given up."""

from dataclasses import dataclass, field
from enum import IntEnum
from math import inf

from simulations.plant.cold_start import ColdStart
from simulations.plant.errors import BadPlant
from simulations.plant.model import ReplicaModel


class Routing(IntEnum):
    """Who gets a request. Without a ready replica all wait at the gateway."""

    LEAST_LOADED = 0  # the replica with the fewest running and waiting
    ROUND_ROBIN = 1
    RANDOM = 2
    CENTRAL = 3  # one queue at the gateway: a replica takes the next when it has room


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """GPU nodes: those that are there, and those that the cluster may add.

    The first pods' node count as warm: they have run the model before. A node that was added goes
    after `idle_seconds` without a pod. Bills are for pods; an empty node is somebody else's.
    """

    present: int = 64
    addable: int = 0
    gpus: int = 1
    idle_seconds: float = 600.0  # scale-down-unneeded-time of the cluster autoscaler
    is_image_present: bool = False  # present nodes have image and weights from the start

    def __post_init__(self) -> None:
        if self.present < 0 or self.addable < 0 or self.present + self.addable < 1:
            raise BadPlant("nodes", (self.present, self.addable), "one node or more")
        if self.gpus < 1:
            raise BadPlant("gpus", self.gpus, "one GPU a node or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The whole plant but its workload.

    `carried_per_replica` is the demand that one replica carries, in requests a second: what
    shortage is measured against; None: half of what the replica could do of this workload at most.
    `patience_seconds`: a request that waits longer for its turn is given up. `drain_seconds`: what
    a pod has for its open requests when it must go (terminationGracePeriodSeconds).
    """

    model: ReplicaModel
    cold_start: ColdStart = field(default_factory=ColdStart)
    nodes: Nodes = field(default_factory=Nodes)
    gpus_per_replica: int = 1
    routing: Routing = Routing.LEAST_LOADED
    initial_replicas: int = 1  # ready when the run begins
    carried_per_replica: float | None = None
    patience_seconds: float = inf
    drain_seconds: float = inf
    scrape_window_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.gpus_per_replica <= self.nodes.gpus:
            raise BadPlant(
                "gpus_per_replica", self.gpus_per_replica, f"1 to {self.nodes.gpus}, a node's GPUs"
            )
        room = self.nodes.present * (self.nodes.gpus // self.gpus_per_replica)
        if not 0 <= self.initial_replicas <= room:
            raise BadPlant("initial_replicas", self.initial_replicas, f"0 to {room}, what fits")
        if self.carried_per_replica is not None and not self.carried_per_replica > 0:
            raise BadPlant("carried_per_replica", self.carried_per_replica, "a number > 0")
        if not self.patience_seconds > 0 or not self.drain_seconds >= 0:
            raise BadPlant(
                "patience_seconds, drain_seconds",
                (self.patience_seconds, self.drain_seconds),
                "> 0 and >= 0",
            )
