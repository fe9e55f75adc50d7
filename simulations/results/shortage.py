"""Shortage by whole minutes: what a fleet could have been asked to carry."""

import numpy as np

from forecasting.arrays import FloatVector
from simulations.run import Run
from simulations.workload.requests import Requests

MINUTE = 60.0


def minutes(requests: Requests) -> FloatVector:
    """Return arrivals a second in each minute of the run, NaN where unknown, (n,)."""
    edges: FloatVector = np.arange(int(requests.seconds / MINUTE) + 1, dtype=np.float64) * MINUTE
    counts = np.diff(np.searchsorted(requests.arrivals, edges)) / MINUTE
    return np.where(requests.is_unknown(edges[:-1], edges[1:]), np.nan, counts)


def minute_shortage(run: Run) -> float:
    """Return what ready replicas didn't carry of each minute's demand, in requests.

    By the tick of 15 s or less, chance arrivals count as shortage that no scaler can follow: a
    fleet that covers each minute, the oracle's, would have some.
    """
    demand = minutes(run.requests)
    edges = np.arange(demand.size + 1) * MINUTE
    at = np.append(run.outcome.at, run.seconds)
    area = np.concatenate([[0.0], np.cumsum(run.outcome.ready * np.diff(at))])
    ready = np.diff(np.interp(edges, at, area)) / MINUTE
    return float(np.nansum(np.maximum(demand - ready * run.carried, 0.0)) * MINUTE)
