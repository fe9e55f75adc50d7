"""The rescales that a policy's period looks back on, as the controller stores them.

An event that is older than the longest period *of its own direction* leaves its place to the next
one. Until then it stays, and counts for a policy of the other direction with a longer period. So
the place of an event is part of the arithmetic, and pruning by age would not be the same.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Event(NamedTuple):
    """One rescale; `change` is the number of pods, always > 0."""

    at: float
    change: int


def change_within(events: Sequence[Event], period_seconds: float, *, at: float) -> int:
    """Return how many pods were added, or removed, in the period that ends at `at`."""
    return sum(event.change for event in events if at - event.at < period_seconds)


def stored(
    events: Sequence[Event], change: int, *, at: float, longest_seconds: float
) -> tuple[Event, ...]:
    """Return the events with a new one, in the last place that an outdated one leaves."""
    new = Event(at, change)
    for place in reversed(range(len(events))):
        if at - events[place].at > longest_seconds:
            return (*events[:place], new, *events[place + 1 :])
    return (*events, new)
