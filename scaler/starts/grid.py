"""A horizon that moves in steps: a model is made for one, and need not be for each second."""

from math import ceil, log

RATIO = 1.1  # a step of 10 % is less than one more GPU pod's start differs from the next one's
STEPS_BACK = 2  # how far it must fall before the horizon follows


def stepped(seconds: float, before: float | None = None, *, ratio: float = RATIO) -> float:
    """Return the least step of the grid that holds `seconds`, or `before` while it still fits.

    Up at once: a horizon too short is late. Down only by two steps or more, so that noise around
    an edge doesn't move it. Idempotent. Needs `seconds` > 0.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be > 0, got {seconds!r}")
    if before is not None and before / ratio**STEPS_BACK <= seconds <= before:
        return before
    power = ceil(log(seconds) / log(ratio) - 1e-9)
    return float(ratio**power)
