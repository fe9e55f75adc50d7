"""The fluid engine: averages by the second, many times faster than events.

Patience is not modelled: nobody gives up. See the package for what else it can't tell.
"""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import FloatVector
from simulations.plant import fluid_kernel, pods_kernel
from simulations.plant.cluster import Cluster, Routing
from simulations.plant.engine import Engine
from simulations.plant.fluid_kernel import STEP_SECONDS
from simulations.plant.recording import Served
from simulations.plant.share import means_of
from simulations.workload.requests import Requests

N_LOADS = 1_000  # between which the pace, a parabola of the load, is taken for a straight line


class Fluid(Engine):
    """A Plant of averages."""

    def __init__(
        self,
        requests: Requests,
        cluster: Cluster,
        *,
        seed: int,
        kernel: ModuleType = fluid_kernel,
        pods: ModuleType = pods_kernel,
    ) -> None:
        super().__init__(requests, cluster, seed=seed, arranged=pods.arrange)
        self._kernel = kernel
        n_steps = int(np.ceil(requests.seconds / STEP_SECONDS))
        edges = np.arange(n_steps + 1) * STEP_SECONDS
        come = np.searchsorted(requests.arrivals, edges)
        self._come = come.astype(np.float64)
        self._waiting, self._loads = np.zeros(n_steps), np.zeros(n_steps)
        self._flow = _flow(cluster, requests)[0]
        self.advance(0.0)

    def _serve(self, until: float) -> None:
        pods = self.pods
        self._kernel.advance(
            pods.slots, pods.n_slots, self._flow, self._come, self._waiting, self._loads,
            self._seen, self._now, until,
        )  # fmt: skip

    def served(self) -> Served:
        """Return a row for each step that requests came in, up to the present moment."""
        n_steps = min(int(self._now / STEP_SECONDS), self._waiting.size)
        counts = np.diff(self._come[: n_steps + 1])
        ends: FloatVector = (np.arange(n_steps, dtype=np.float64) + 1.0) * STEP_SECONDS
        waits = _waits(counts, self._waiting[:n_steps], ends)
        model = self.cluster.model
        prompt, completion = float(self._flow["prompt"]), float(self._flow["completion"])
        loads = np.linspace(1.0, max(float(self._flow["most"]), 1.0), N_LOADS)
        paces = [model.inter_token(load, prompt, completion) for load in loads.tolist()]
        inter_token = np.interp(self._loads[:n_steps], loads, paces)
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


def _flow(cluster: Cluster, requests: Requests) -> NDArray[np.void]:
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
    flows["window"] = cluster.scrape_window_seconds
    flows["is_even"] = cluster.routing in {Routing.LEAST_LOADED, Routing.CENTRAL}
    return flows
