"""Two methods that need almost nothing, calibrated like the rest: what any other has to beat."""

from forecasting.experts import RecentMaximum, SameWindow
from forecasting.mixture import Mixture


def last_value() -> Mixture:
    """Return the newest observation, corrected by how far peaks went beyond it of late."""
    return Mixture(experts=(RecentMaximum(name="last-value", seconds=1.0, is_additive=False),))


def seasonal_naive() -> Mixture:
    """Return the peak of the same window yesterday, else a week ago, corrected likewise."""
    return Mixture(experts=(SameWindow(),))
