"""Which replica counts the HPA will really act on, in its own arithmetic.

The HPA leaves its count alone while `1 - tolerance <= wanted / current <= 1 + tolerance`, both ends
included (`replica_calculator.go`). With the default of 0.1 and 20 replicas, an answer of 21 or 22
changes nothing; 23 is the first that does.
"""

# With no tolerance every whole number passes.
NO_TOLERANCE = 0.0


def reachable(
    wanted: int, *, current: int, up: float, down: float, limit: int, floor: int = 0
) -> int:
    """Return the least count that covers `wanted` and that the HPA goes to from `current`.

    `up` and `down` are the tolerances. Where no such count is left up to `limit`, the HPA would
    stay where it is, and that is the answer. Needs floor <= wanted <= limit.
    """
    current = min(max(current, floor), limit)  # beyond its bounds the HPA first goes back to them
    if current in {0, wanted} or (wanted > current and up == NO_TOLERANCE):
        return wanted
    if passes(wanted, current=current, up=up, down=down):
        return wanted
    if wanted < current:
        return current  # the HPA keeps what it has, and says so here
    first = first_above(current, up)
    return first if first <= limit else current


def passes(wanted: int, *, current: int, up: float, down: float) -> bool:
    """Return whether the HPA acts on `wanted`; needs current > 0."""
    ratio = wanted / current
    return not 1.0 - down <= ratio <= 1.0 + up


def first_above(current: int, up: float) -> int:
    """Return the least count above `current` that lies outside the tolerance."""
    first = max(current + 1, int(current * (1.0 + up)))
    while first / current <= 1.0 + up:  # at most twice: the product may have been rounded
        first += 1
    return first
