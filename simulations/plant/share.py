"""What of a workload one replica carries."""

from simulations.plant.cluster import Cluster
from simulations.workload.requests import Requests

USUAL_SHARE = 0.5  # of the most that a replica could do: see `Cluster.carried_per_replica`


def carried_of(cluster: Cluster, requests: Requests) -> float:
    """Return the demand that one replica carries, as stated or else a part of its most."""
    if cluster.carried_per_replica is not None:
        return cluster.carried_per_replica
    return USUAL_SHARE * cluster.model.carried(*means_of(requests))


def means_of(requests: Requests) -> tuple[float, float]:
    """Return the mean lengths of prompt and answer, in tokens; one each where nothing arrives."""
    if not len(requests):
        return 1.0, 1.0
    return float(requests.prompt_tokens.mean()), float(requests.completion_tokens.mean())
