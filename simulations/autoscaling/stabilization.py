"""Stabilisation: which of the proposals of the last minutes holds.

Both paths keep raw proposals, never what was made of them. A window is open at its far end: the
controller takes a proposal of exactly that age in one path and not in the other, but a real sync
comes some milliseconds later than a period after the last, so that the proposal of `n` periods ago
is always older than `n` periods.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Recommendation(NamedTuple):
    """What the metrics asked for at a sync."""

    at: float
    replicas: int


def highest(desired: int, earlier: Iterable[Recommendation], *, since: float) -> int:
    """Return the largest proposal later than `since`, the new one included."""
    return max([desired, *(one.replicas for one in earlier if one.at > since)])


def lowest(desired: int, earlier: Iterable[Recommendation], *, since: float) -> int:
    """Return the smallest proposal later than `since`, the new one included."""
    return min([desired, *(one.replicas for one in earlier if one.at > since)])


def between(wanted: int, *, low: int, high: int) -> int:
    """Return where stabilisation in both directions leaves `wanted` replicas.

    `low` is the lowest proposal of the window for scaling up, `high` the highest of that for
    scaling down. Both count the new proposal, so low <= high and their order is no matter.
    """
    return min(max(wanted, low), high)
