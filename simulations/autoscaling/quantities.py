"""Numbers as KEDA hands them to Kubernetes: thousandths, by way of three decimals."""

from math import isfinite


def milli(value: float) -> int:
    """Return `value` in thousandths. What is not known, infinite or negative becomes 0.

    KEDA writes "%.3f", so that 0.0004 is nothing and 3.0006 is 3.001 (`scalers/scaler.go`).
    """
    if not isfinite(value) or value <= 0.0:
        return 0
    whole, _, decimals = f"{value:.3f}".partition(".")
    return int(whole + decimals)
