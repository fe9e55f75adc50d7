"""What a scrape shows of arrivals: the rate over the window before it."""

import numpy as np

from simulations.workload.requests import Requests


class Scrapes:
    """Rates of a trace by time; NaN where what arrived is unknown, and before anything could."""

    def __init__(self, requests: Requests, window_seconds: float) -> None:
        self._arrivals = requests.arrivals
        self._unknown = requests.unknown
        self._window_seconds = window_seconds

    def rate(self, begin: float, end: float) -> float:
        """Return arrivals a second in [begin, end)."""
        if end <= begin:
            return float("nan")
        if any(begin < until and end > since for since, until in self._unknown):
            return float("nan")
        first, last = np.searchsorted(self._arrivals, (begin, end)).tolist()
        return float(last - first) / (end - begin)

    def demand(self, at: float) -> float:
        """Return what a scrape at `at` shows; at the beginning the window is a shorter one."""
        return self.rate(max(0.0, at - self._window_seconds), at)
