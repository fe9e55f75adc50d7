"""The fluid engine: averages by the second, many times faster than the events they stand for.

Patience is not modelled: nobody gives up. See the package for what else it can't tell.
"""

from types import ModuleType

import numpy as np

from forecasting.arrays import FloatVector
from simulations.plant import fluid_kernel, pods_kernel
from simulations.plant.cluster import Cluster, Routing
from simulations.plant.fluid_kernel import STEP_SECONDS
from simulations.plant.pods import Pods
from simulations.plant.recording import Row, Served, outcome_of, row_of
from simulations.plant.scrapes import Scrapes
from simulations.plant.share import carried_of, means_of
from simulations.ports import Observation, Outcome
from simulations.workload.requests import Requests


class Fluid:
    """A Plant of averages. Equal for equal arguments and calls."""

    def __init__(
        self,
        requests: Requests,
        cluster: Cluster,
        *,
        seed: int,
        kernel: ModuleType = fluid_kernel,
        pods: ModuleType = pods_kernel,
    ) -> None:
        self._cluster, self._trace = cluster, requests
        self._kernel = kernel
        n_steps = int(np.ceil(requests.seconds / STEP_SECONDS))
        edges = np.arange(n_steps + 1) * STEP_SECONDS
        self._arrivals = np.histogram(requests.arrivals, edges)[0].astype(np.float64)
        self._waiting, self._loads = np.zeros(n_steps), np.zeros(n_steps)
        self._flows = _flow(cluster, requests)
        self._flow = self._flows[0]
        self._seen = np.zeros(fluid_kernel.SEEN)
        self._looked: list[float] = self._seen.tolist()
        self._pods = Pods(cluster, seed, arranged=pods.arrange)
        self._scrapes = Scrapes(requests, cluster.scrape_window_seconds)
        self._now = 0.0
        self._rows: list[Row] = []
        self.carried = carried_of(cluster, requests)
        self.advance(0.0)

    def advance(self, until: float) -> None:
        """Serve what arrives before `until`. Raises ValueError when that lies in the past."""
        if until < self._now:
            raise ValueError(f"until: {until!r} is before the present moment, {self._now!r}")
        self._kernel.advance(
            self._pods.slots, int(self._pods.fleet["n_slots"]), self._flow, self._arrivals,
            self._waiting, self._loads, self._seen, self._now, until,
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
        self.advance(self._now)
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
        """Return a row for each step that requests came in, up to the present moment."""
        n_steps = min(int(self._now / STEP_SECONDS), self._arrivals.size)
        counts = self._arrivals[:n_steps]
        ends: FloatVector = (np.arange(n_steps, dtype=np.float64) + 1.0) * STEP_SECONDS
        waits = _waits(counts, self._waiting[:n_steps], ends)
        model = self._cluster.model
        prompt, completion = float(self._flow["prompt"]), float(self._flow["completion"])
        running = np.maximum(self._loads[:n_steps], 1.0)
        inter_token = np.array([model.inter_token(each, prompt, completion) for each in running])
        came = counts > 0
        first = waits + float(self._flow["prefill"]) + model.overhead_seconds
        last = ends + first + inter_token * (completion - 1.0)
        return Served(
            arrivals=(ends - 0.5 * STEP_SECONDS)[came],
            weights=counts[came],
            waits=waits[came],
            time_to_first=first[came],
            inter_token=inter_token[came] if completion > 1 else np.full(int(came.sum()), np.nan),
            ends=last[came],
            is_lost=np.zeros(int(came.sum()), dtype=np.bool_),
        )

    @property
    def exposed(self) -> int:
        """Requests that came while others waited and a pod was on its way; not known here."""
        return 0


def _waits(counts: FloatVector, waiting: FloatVector, ends: FloatVector) -> FloatVector:
    """Return how long those that came in each step waited, first come first served, (n,).

    What has begun by a time is what has come less what waits; a step's requests begin when the
    first that came with or after them does. NaN: by the end they had not.
    """
    come = np.cumsum(counts)
    begun = np.maximum.accumulate(come - waiting)
    places = np.searchsorted(begun, come - 1e-9)
    begins = np.where(places < ends.size, ends[np.minimum(places, max(ends.size - 1, 0))], np.nan)
    waits: FloatVector = begins - ends
    return waits


def _flow(cluster: Cluster, requests: Requests) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    model = cluster.model
    prompt, completion = means_of(requests)
    flows = np.zeros(1, fluid_kernel.FLOW)
    flows["step"] = model.step_seconds
    flows["step_per_sequence"] = model.step_seconds_per_sequence
    flows["step_per_token"] = model.step_seconds_per_token
    flows["prefill"] = model.prefill(prompt)
    flows["prompt"], flows["completion"] = prompt, completion
    flows["most"] = model.most_sequences(prompt, completion)
    flows["tokens"] = model.kv_cache_tokens
    flows["is_even"] = cluster.routing in {Routing.LEAST_LOADED, Routing.CENTRAL}
    return flows
