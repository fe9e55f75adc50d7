"""Small workloads and clusters that the plant's tests share."""

from math import inf

import numpy as np

from simulations.plant.cluster import Cluster
from simulations.plant.cold_start import ColdStart, always
from simulations.plant.model import ReplicaModel
from simulations.workload.requests import Requests

START = 1_736_121_600.0
FAST = ReplicaModel(
    step_seconds=0.01,
    step_seconds_per_sequence=0.002,
    step_seconds_per_token=1e-6,
    prefill_seconds=0.02,
    prefill_seconds_per_token=1e-4,
    kv_cache_tokens=2_000.0,
    max_sequences=8,
)


def requests_of(
    arrivals: np.ndarray, prompt: np.ndarray, completion: np.ndarray, *, seconds: float
) -> Requests:
    return Requests(
        start_at=START,
        seconds=seconds,
        arrivals=arrivals,
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def poisson(
    rate: float, seconds: float, *, seed: int = 0, prompt: float = 200.0, completion: float = 50.0
) -> Requests:
    rng = np.random.default_rng(seed)
    n = rng.poisson(rate * seconds)
    return requests_of(
        np.sort(rng.uniform(0, seconds, n)),
        np.maximum(np.rint(rng.exponential(prompt, n)), 1),
        np.maximum(np.rint(rng.exponential(completion, n)), 1),
        seconds=seconds,
    )


def cluster(
    model: ReplicaModel = FAST, *, cold_start: ColdStart | None = None, **more: object
) -> Cluster:
    return Cluster(model=model, cold_start=cold_start or always(60.0), **more)  # type: ignore[arg-type]


def server(service: float = 1.0, **more: object) -> ReplicaModel:
    """A replica without prefill, overhead or cache: what queueing theory speaks of."""
    fields: dict[str, object] = {
        "step_seconds": service,
        "step_seconds_per_sequence": 0.0,
        "step_seconds_per_token": 0.0,
        "prefill_seconds": 0.0,
        "prefill_seconds_per_token": 0.0,
        "kv_cache_tokens": inf,
        "overhead_seconds": 0.0,
    }
    return ReplicaModel(**{**fields, **more})  # type: ignore[arg-type]
