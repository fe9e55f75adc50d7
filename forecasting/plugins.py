"""Experts that other distributions bring, found through the entry-point group `prewarm.experts`."""

from importlib.metadata import entry_points

from forecasting.experts import Expert

GROUP = "prewarm.experts"


def installed_experts() -> tuple[Expert, ...]:
    """Return the experts of installed distributions, in the order of their entry points' names.

    An entry point names a callable without arguments that returns an `Expert`. In a mixture it
    earns its weight or gets none.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(point.load()() for point in found)
