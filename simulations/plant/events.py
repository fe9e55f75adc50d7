"""The event engine: every request by itself, in the arithmetic of continuous batching."""

from types import ModuleType

import numpy as np

from simulations.plant import events_kernel, pods_kernel
from simulations.plant.cluster import Cluster, Routing
from simulations.plant.model import ReplicaModel
from simulations.plant.pods import Pods
from simulations.plant.recording import Row, Served, outcome_of, row_of
from simulations.plant.scrapes import Scrapes
from simulations.plant.share import carried_of
from simulations.ports import Observation, Outcome
from simulations.workload.requests import Requests
from simulations.workload.streams import stream


class Events:
    """A Plant that serves request by request. Equal for equal arguments and calls.

    `kernel` and `pods_kernel`: the modules whose functions do the work; tests hand in the same
    files, not compiled.
    """

    def __init__(
        self,
        requests: Requests,
        cluster: Cluster,
        *,
        seed: int,
        kernel: ModuleType = events_kernel,
        pods: ModuleType = pods_kernel,
    ) -> None:
        self._cluster, self._trace = cluster, requests
        self._kernel = kernel
        self._requests = _records(requests)
        self._models = _model(cluster)
        self._meters = np.zeros(1, events_kernel.METER)
        self._gates = np.zeros(1, events_kernel.GATE)
        self._gates["head"] = self._gates["tail"] = -1
        self._model, self._meter, self._gate = self._models[0], self._meters[0], self._gates[0]
        is_random = cluster.routing == Routing.RANDOM
        self._luck = stream(seed, "routing").random(len(requests) if is_random else 1)
        self._seen = np.zeros(events_kernel.SEEN)
        self._looked: list[float] = self._seen.tolist()
        self._pods = Pods(cluster, seed, arranged=pods.arrange)
        self._keys = np.zeros((0, cluster.model.max_sequences))
        self._ids = np.zeros((0, cluster.model.max_sequences), dtype=np.int64)
        self._scrapes = Scrapes(requests, cluster.scrape_window_seconds)
        self._now = 0.0
        self._rows: list[Row] = []
        self.carried = carried_of(cluster, requests)
        self.advance(0.0)

    def advance(self, until: float) -> None:
        """Serve what arrives before `until`. Raises ValueError when that lies in the past."""
        if until < self._now:
            raise ValueError(f"until: {until!r} is before the present moment, {self._now!r}")
        pods = self._pods
        self._make_room()
        self._kernel.advance(
            pods.slots, int(pods.fleet["n_slots"]), self._model, self._meter, self._keys, self._ids,
            self._requests, self._gate, self._luck, self._seen, until,
        )  # fmt: skip
        self._now = until
        self._looked = self._seen.tolist()

    def observe(self) -> Observation:
        """Return what a scrape shows at the present moment."""
        running, waiting, kv_cache_use, ready, starting = self._looked[:5]
        return Observation(
            at=self._now,
            demand=self._scrapes.demand(self._now),
            running=running,
            waiting=waiting,
            kv_cache_use=kv_cache_use,
            wanted=self._pods.wanted,
            ready=int(ready),
            starting=int(starting),
        )

    def scale(self, replicas: int) -> None:
        """Set `spec.replicas`, place what waits for room, and write the tick's row."""
        self._pods.scale(replicas, self._now)
        self.advance(self._now)  # what is there after it
        self._rows.append(self._row())

    def outcome(self) -> Outcome:
        """Return the run so far, up to the present moment."""
        return outcome_of(
            self._rows, end=self._row(), carried=self.carried, gpus=self._cluster.gpus_per_replica
        )

    def _row(self) -> Row:
        since = self._rows[-1].at if self._rows else 0.0
        demand = self._scrapes.rate(since, self._now)
        return row_of(self._looked, at=self._now, demand=demand, wanted=self._pods.wanted)

    def served(self) -> Served:
        """Return what became of each request that has arrived so far."""
        found = self._requests[: int(self._meter["next"])]
        with np.errstate(invalid="ignore"):
            after_first = found["completion"] - 1.0
            inter_token = np.where(
                after_first > 0, (found["ends_at"] - found["first_at"]) / after_first, np.nan
            )
        overhead = self._cluster.model.overhead_seconds
        return Served(
            arrivals=found["arrives_at"].copy(),
            weights=np.ones(found.size),
            waits=found["begins_at"] - found["arrives_at"],
            time_to_first=found["first_at"] - found["arrives_at"] + overhead,
            inter_token=inter_token,
            ends=found["ends_at"] + overhead,
            is_lost=found["fate"] == events_kernel.LOST,
        )

    @property
    def exposed(self) -> int:
        """How many requests came while others waited and a pod was on its way."""
        return int(self._meter["exposed"])

    @property
    def pods(self) -> Pods:
        """The pods, for tests that look at one."""
        return self._pods

    def _make_room(self) -> None:
        """Have a heap for each slot."""
        n_more = self._pods.capacity - self._keys.shape[0]
        if n_more > 0:
            most = self._keys.shape[1]
            self._keys = np.concatenate([self._keys, np.zeros((n_more, most))])
            self._ids = np.concatenate([self._ids, np.zeros((n_more, most), dtype=np.int64)])


def _records(requests: Requests) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    records = np.zeros(len(requests), events_kernel.REQUEST)
    records["arrives_at"] = requests.arrivals
    records["prompt"] = requests.prompt_tokens
    records["completion"] = requests.completion_tokens
    records["follower"] = -1
    for name in ("begins_at", "first_at", "ends_at"):
        records[name] = np.nan
    return records


def _model(cluster: Cluster) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    models = np.zeros(1, events_kernel.MODEL)
    model: ReplicaModel = cluster.model
    models["step"] = model.step_seconds
    models["step_per_sequence"] = model.step_seconds_per_sequence
    models["step_per_token"] = model.step_seconds_per_token
    models["prefill"] = model.prefill_seconds
    models["prefill_per_token"] = model.prefill_seconds_per_token
    models["share"] = model.prefill_share
    models["most"] = model.max_sequences
    models["tokens"] = model.kv_cache_tokens
    models["patience"] = cluster.patience_seconds
    models["routing"] = cluster.routing
    return models
