"""Sliding extrema of counts, in linear time; beyond the ends there is nothing needed."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

Counts = NDArray[np.int64]


def highest_ahead(counts: Counts, ticks: int) -> Counts:
    """Return the largest count of each tick and the `ticks` after it."""
    size = ticks + 1
    padded = np.concatenate((counts, np.zeros(size, dtype=np.int64)))
    # The filter's window begins size // 2 before the place that it writes.
    found = maximum_filter1d(padded, size=size, mode="constant")
    return np.asarray(found[size // 2 : size // 2 + len(counts)], dtype=np.int64)


def highest_behind(counts: Counts, ticks: int) -> Counts:
    """Return the largest count of each tick and the `ticks` before it."""
    return highest_ahead(counts[::-1], ticks)[::-1]


def gaps_filled(counts: Counts, longest_ticks: int) -> Counts:
    """Return the counts with the gaps of every level filled that are no longer.

    The grey closing: the largest of a window, then the smallest of the window that looks back.
    """
    size = longest_ticks + 1
    around = np.zeros(size, dtype=np.int64)
    wide = highest_ahead(np.concatenate((around, counts)), longest_ticks)
    # The smallest of wide[t - longest .. t], by the filter's centred window.
    found = minimum_filter1d(np.concatenate((wide, around)), size=size, mode="constant")
    first = size - longest_ticks + size // 2
    return np.asarray(found[first : first + len(counts)], dtype=np.int64)
