"""The event engine: every request by itself, in the arithmetic of continuous batching."""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from simulations.plant import events_kernel, pods_kernel
from simulations.plant.cluster import Cluster, Routing
from simulations.plant.engine import Engine
from simulations.plant.recording import Served
from simulations.workload.requests import Requests
from simulations.workload.streams import stream


class Events(Engine):
    """A Plant that serves request by request.

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
        super().__init__(requests, cluster, seed=seed, arranged=pods.arrange)
        self._kernel = kernel
        self._requests = _records(requests)
        self._model = _model(cluster)[0]
        self._meter = np.zeros(1, events_kernel.METER)[0]
        gates = np.zeros(1, events_kernel.GATE)
        gates["head"] = gates["tail"] = -1
        self._gate = gates[0]
        is_random = cluster.routing == Routing.RANDOM
        self._luck = stream(seed, "routing").random(len(requests) if is_random else 1)
        self._keys = np.zeros((0, cluster.model.max_sequences))
        self._ids = np.zeros((0, cluster.model.max_sequences), dtype=np.int64)
        self.advance(0.0)

    def _serve(self, until: float) -> None:
        pods = self.pods
        if pods.capacity > self._keys.shape[0]:
            self._make_room()
        self._kernel.advance(
            pods.slots, pods.n_slots, self._model, self._meter, self._keys, self._ids,
            self._requests, self._gate, self._luck, self._seen, until,
        )  # fmt: skip

    def served(self) -> Served:
        """Return what became of each request that has arrived so far."""
        found = self._requests[: int(self._meter["next"])]
        with np.errstate(invalid="ignore"):
            after_first = found["completion"] - 1.0
            inter_token = np.where(
                after_first > 0, (found["ends_at"] - found["first_at"]) / after_first, np.nan
            )
        overhead = self.cluster.model.overhead_seconds
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

    def _make_room(self) -> None:
        """Have a heap for each slot."""
        n_more = self.pods.capacity - self._keys.shape[0]
        if n_more > 0:
            most = self._keys.shape[1]
            self._keys = np.concatenate([self._keys, np.zeros((n_more, most))])
            self._ids = np.concatenate([self._ids, np.zeros((n_more, most), dtype=np.int64)])


def _records(requests: Requests) -> NDArray[np.void]:
    records = np.zeros(len(requests), events_kernel.REQUEST)
    records["arrives_at"] = requests.arrivals
    records["prompt"] = requests.prompt_tokens
    records["completion"] = requests.completion_tokens
    records["follower"] = -1
    for name in ("begins_at", "first_at", "ends_at"):
        records[name] = np.nan
    return records


def _model(cluster: Cluster) -> NDArray[np.void]:
    models = np.zeros(1, events_kernel.MODEL)
    model = cluster.model
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
    models["window"] = cluster.scrape_window_seconds
    return models
