"""How often replicas were changed, and changed back."""

import numpy as np

from forecasting.arrays import FloatVector
from simulations.ports import Outcome

FLAP_SECONDS = 600.0


def tick_seconds(outcome: Outcome, end: float) -> FloatVector:
    """Return how long each tick lasted, the last one until `end`, (n,)."""
    seconds: FloatVector = np.diff(outcome.at, append=end)
    return seconds


def n_changes(counts: FloatVector) -> int:
    """Return how often a count was not the one before it."""
    return int(np.count_nonzero(np.diff(counts)))


def n_flaps(outcome: Outcome) -> int:
    """Return how often replicas went up and within ten minutes down again."""
    steps = np.diff(outcome.wanted)
    at = outcome.at[1:]
    ups, downs = at[steps > 0], at[steps < 0]
    if not ups.size or not downs.size:
        return 0
    # A rise flaps once, whatever comes later: what counts is the first fall after it.
    places = np.searchsorted(downs, ups)
    has_fall = places < downs.size
    falls = downs[places[has_fall]]
    rises = ups[has_fall]
    is_last = np.append(falls[1:] != falls[:-1], True)  # a rise in steps is one rise
    return int(np.count_nonzero((falls - rises <= FLAP_SECONDS) & is_last))
