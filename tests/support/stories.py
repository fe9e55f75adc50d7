"""A day of traffic with a step in it, and the policies that face it."""

from dataclasses import dataclass, field

import numpy as np

from forecasting.series import Series
from plants import START
from scaler.metadata import Trigger, parse
from simulations.plant.cluster import Cluster, Nodes
from simulations.plant.cold_start import always
from simulations.plant.model import ReplicaModel
from simulations.policies.prewarm import Prewarm
from simulations.policies.rolled import foreseen
from simulations.ports import Metric, Observation
from simulations.workload.bins import Bins
from simulations.workload.known import demand_of
from simulations.workload.lengths import Length, Lengths
from simulations.workload.requests import Requests

SHORT = Lengths(prompt=Length(mean=200.0), completion=Length(mean=50.0))
MODEL = ReplicaModel(
    step_seconds=0.01,
    step_seconds_per_sequence=0.002,
    step_seconds_per_token=1e-7,
    prefill_seconds=0.01,
    prefill_seconds_per_token=1e-5,
    max_sequences=32,
)
CARRIED = 2.0


def trigger(**more: str) -> Trigger:
    given = {
        "query": "requests",
        "threshold": f"{CARRIED:g}",
        "leadTimeSeconds": "330",
        "maxReplicas": "20",
        "warmFloor": "1",
    }
    return parse({**given, **more})


def stepped(*levels: tuple[float, float], step_seconds: float = 60.0) -> Bins:
    """Return counts of a demand that is `rate` for so many seconds, one after the other."""
    counts = np.concatenate(
        [np.full(round(seconds / step_seconds), rate * step_seconds) for seconds, rate in levels]
    )
    return Bins(start_at=START, step_seconds=step_seconds, counts=counts)


def fleet(*, seconds: float = 300.0, initial: int = 1) -> Cluster:
    return Cluster(
        model=MODEL,
        cold_start=always(seconds),
        nodes=Nodes(present=40),
        initial_replicas=initial,
        carried_per_replica=CARRIED,
    )


def prewarm_with_foresight(requests: Requests, **metadata: str) -> Prewarm:
    asked = trigger(**metadata)
    demand: Series = demand_of(requests, before=None, step_seconds=60.0)
    rolled = foreseen(demand, asked, begin_at=requests.start_at)
    return Prewarm(asked, rolled, start_at=requests.start_at, name="perfect")


@dataclass
class Spy:
    """Asks for what demand it is shown, and writes down all that it is shown."""

    name: str = "spy"
    seen: list[Observation] = field(default_factory=list)

    def metrics(self, seen: Observation) -> tuple[Metric, ...]:
        self.seen.append(seen)
        demand = 0.0 if np.isnan(seen.demand) else seen.demand
        return (Metric(round(demand * 1_000), round(CARRIED * 1_000)),)

    def is_active(self, seen: Observation) -> bool:
        self.seen.append(seen)
        return True


@dataclass(frozen=True)
class Static:
    """So many replicas, whatever comes."""

    n: int
    name: str = "static"

    def replicas(self, seen: Observation) -> int:
        assert seen.at >= 0
        return self.n
