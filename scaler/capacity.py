"""From demand to replicas, in the HPA's own arithmetic."""

from math import ceil

# Above this a count is a mistake in the query or the threshold, and milli-units of it still fit
# an int64 a billion times over.
MAX_REPLICAS = 100_000
NEAR = 1e-8


def replicas_for(demand: float, threshold: float) -> int:
    """Return the fewest replicas that carry `demand`, as the HPA would: ceil(demand / threshold).

    Rounded to nine digits first, so that 3.0000000001 is 3 and not 4. Needs demand >= 0 (not NaN)
    and threshold > 0; never more than `MAX_REPLICAS`.
    """
    ratio = demand / threshold if threshold > 0 else MAX_REPLICAS
    if ratio >= MAX_REPLICAS:
        return MAX_REPLICAS
    whole = int(ratio)
    if ratio - whole > NEAR:  # far from a whole number rounding changes nothing, and it is slow
        return whole + 1
    return ceil(round(ratio, 9))
