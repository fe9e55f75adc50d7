"""Which part of the requests was served in time, and how long they took."""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolVector, FloatVector
from simulations.plant.recording import Served

LEVELS = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Limits for a request: to its first token, and between tokens on the mean. In seconds."""

    time_to_first_seconds: float = 2.0
    inter_token_seconds: float = 0.1

    def __post_init__(self) -> None:
        for name in ("time_to_first_seconds", "inter_token_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)!r} is not allowed; needed is > 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attainment:
    """Ratios of the requests that could be judged; quantiles (p50, p95, p99) of those served.

    A lost request has missed both limits. One still open at the end of the run has missed a limit
    that it has gone beyond, and is not judged by the other; NaN where nothing could be judged.
    """

    requests: float
    lost: float
    open_at_end: float
    time_to_first: float
    inter_token: float
    both: float
    time_to_first_seconds: tuple[float, float, float]
    inter_token_seconds: tuple[float, float, float]
    waiting_request_seconds: float


def attainment_of(served: Served, slo: Slo, *, end: float) -> Attainment:
    """Return how a run that ended at `end` seconds served its requests."""
    is_open = np.isnan(served.ends) & ~served.is_lost
    first, pace = served.time_to_first, served.inter_token
    has_first = ~np.isnan(first) & ~served.is_lost
    in_time = has_first & (first <= slo.time_to_first_seconds)
    is_overdue = end - served.arrivals > slo.time_to_first_seconds
    first_known = has_first | served.is_lost | is_overdue
    in_pace = ~served.is_lost & ~is_open & (np.isnan(pace) | (pace <= slo.inter_token_seconds))
    weights = served.weights
    both_known = first_known & (~is_open | ~in_time)
    waited = np.where(np.isnan(served.waits), end - served.arrivals, served.waits)
    return Attainment(
        requests=float(weights.sum()),
        lost=float(weights[served.is_lost].sum()),
        open_at_end=float(weights[is_open].sum()),
        time_to_first=_share(in_time, first_known, weights),
        inter_token=_share(in_pace, ~is_open, weights),
        both=_share(in_time & in_pace, both_known, weights),
        time_to_first_seconds=_levels(first, has_first, weights),
        inter_token_seconds=_levels(pace, ~np.isnan(pace) & ~served.is_lost, weights),
        waiting_request_seconds=float((np.maximum(waited, 0.0) * weights)[~served.is_lost].sum()),
    )


def _share(good: BoolVector, known: BoolVector, weights: FloatVector) -> float:
    total = float(weights[known].sum())
    return float(weights[good & known].sum()) / total if total > 0 else float("nan")


def _levels(
    values: FloatVector, known: BoolVector, weights: FloatVector
) -> tuple[float, float, float]:
    """Return the weighted quantiles: the smallest value that so much of the weight is not above."""
    if not known.any():
        return (float("nan"),) * 3
    order = np.argsort(values[known], kind="stable")
    ordered = values[known][order]
    reached = np.cumsum(weights[known][order])
    places = np.searchsorted(reached, np.array(LEVELS) * reached[-1] * (1.0 - 1e-12))
    p50, p95, p99 = ordered[np.minimum(places, ordered.size - 1)].tolist()
    return p50, p95, p99
