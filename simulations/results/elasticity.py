"""How supply followed demand: the measures of the SPEC cloud group.

With demand d and supply s in replicas (Herbst, Kounev, Reussner: "Elasticity in cloud computing",
ICAC 2013, and its later normalised form): theta_U and theta_O are how much was missing and how much
too much, relative to demand; tau_U and tau_O for which share of the time. All are ratios here, and
demand is at least one replica, so that an empty night is no division by zero.
"""

from dataclasses import dataclass

import numpy as np

from simulations.ports import Outcome
from simulations.results.scaling import n_changes, tick_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticity:
    """Zero is best in all of them; `jitter` is changes of supply less those of demand, an hour."""

    under_ratio: float  # theta_U
    over_ratio: float  # theta_O
    under_time_ratio: float  # tau_U
    over_time_ratio: float  # tau_O
    jitter_per_hour: float


def elasticity_of(outcome: Outcome, *, carried: float, end: float) -> Elasticity:
    """Return the measures over the ticks whose demand is known; `carried` is one replica's."""
    seconds = tick_seconds(outcome, end)
    known = ~np.isnan(outcome.demand)
    if not known.any():
        nan = float("nan")
        return Elasticity(
            under_ratio=nan,
            over_ratio=nan,
            under_time_ratio=nan,
            over_time_ratio=nan,
            jitter_per_hour=nan,
        )
    # Nine digits, as the scaler counts: 3.0000000001 replicas are 3.
    needed = np.maximum(np.ceil(np.round(outcome.demand[known] / carried, 9)), 1.0)
    supply, seconds = outcome.ready[known].astype(np.float64), seconds[known]
    under, over = np.maximum(needed - supply, 0.0), np.maximum(supply - needed, 0.0)
    total = float(seconds.sum())
    return Elasticity(
        under_ratio=float((under / needed * seconds).sum()) / total,
        over_ratio=float((over / needed * seconds).sum()) / total,
        under_time_ratio=float(seconds[under > 0].sum()) / total,
        over_time_ratio=float(seconds[over > 0].sum()) / total,
        jitter_per_hour=(n_changes(supply) - n_changes(needed)) / total * 3_600.0,
    )
