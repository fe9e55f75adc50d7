"""What is dropped and what is kept: dominated settings after the screen, half after each round."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr

from simulations.results.doubt import paired

FLUID_MARGIN = 0.06  # by which the fluid engine's GPU-hours differ from the event engine's


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a setting came to: GPU-hours, the ratio beyond the limits, and the ratio short."""

    hours: float
    missed: float
    short: float


def undominated(points: Sequence[Point], *, margin: float = FLUID_MARGIN) -> tuple[int, ...]:
    """Return the places of those that no other one beats.

    One is beaten by another that is cheaper by more than the margin, and no worse in either ratio:
    a difference that the fluid engine could be wrong about drops nobody.
    """
    return tuple(
        place
        for place, one in enumerate(points)
        if not any(
            other.hours * (1.0 + margin) < one.hours
            and other.missed <= one.missed
            and other.short <= one.short
            for other in points
        )
    )


def ranked(points: Sequence[Point], *, limit: float, by_shortage: bool) -> tuple[int, ...]:
    """Return all places, the best first: those within the limit by cost, then by what they miss."""

    def order(place: int) -> tuple[float, float, int]:
        point = points[place]
        ratio = point.short if by_shortage else point.missed
        return max(ratio - limit, 0.0), point.hours, place

    return tuple(sorted(range(len(points)), key=order))


def better_probability(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how probable it is that the first costs less in truth; NaN with one seed.

    Student's law on the differences seed by seed.
    """
    apart = paired(first, second)
    n = apart.n_seeds
    if n == 1:
        return float("nan")
    differences = [a - b for a, b in zip(first, second, strict=True)]
    spread = (sum((each - apart.mean) ** 2 for each in differences) / (n - 1) / n) ** 0.5
    if spread == 0.0:
        return 0.5 if apart.mean == 0.0 else float(apart.mean < 0.0)
    return float(stdtr(n - 1, -apart.mean / spread))
