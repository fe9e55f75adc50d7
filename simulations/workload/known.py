"""Demand as Prometheus would have it: what came before a run, and the requests of the run."""

from dataclasses import replace

import numpy as np

from forecasting.series import Series
from simulations.workload.bins import Bins
from simulations.workload.requests import Requests


def demand_of(requests: Requests, *, before: Bins | None, step_seconds: float) -> Series:
    """Return demand on one grid: `before` the run from its counts, then from its requests.

    Raises ValueError when `before` does not end where the run begins, within a step.
    """
    during = requests.demand(step_seconds)
    if before is None:
        return during
    past = before.demand(step_seconds)
    gap = round((during.start_at - past.end_at) / step_seconds) - 1
    if gap < 0 or gap > 1:
        raise ValueError(
            f"before: ends at {past.end_at:.0f}, where the run begins at {requests.start_at:.0f}; "
            "needed is one after the other"
        )
    between = np.full(gap, np.nan)  # a bin that is cut in two tells neither part
    return replace(past, values=np.concatenate([past.values, between, during.values]))
