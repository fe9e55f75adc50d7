"""From metrics to a proposal: `replica_calculator.go` for external metrics.

Kubernetes carries quantities in thousandths, as int64, and divides them as float64; so does this.
"""

from collections.abc import Sequence
from math import ceil, inf
from typing import NamedTuple

from simulations.autoscaling.spec import HpaSpec
from simulations.ports import Metric

MAX_INT32 = 2**31 - 1
MAX_INT64 = 2**63 - 1


class Fleet(NamedTuple):
    """A target as the HPA reads it: `spec.replicas`, `status.replicas`, and pods that are Ready."""

    wanted: int
    existing: int
    ready: int


class ValueMetric(NamedTuple):
    """One external metric of type Value, in thousandths. KEDA makes it of `metricType: Value`."""

    usage_milli: int
    target_milli: int


Reading = Metric | ValueMetric | None
"""What a query for one metric gave; None where it failed."""


def total(values_milli: Sequence[int]) -> int:
    """Return the usage of a metric with several values; what an int64 can't hold is its most."""
    return min(sum(values_milli), MAX_INT64)


def proposed(metric: Metric, existing: int, spec: HpaSpec) -> int:
    """Return the replicas that a metric of type AverageValue asks for.

    The ratio goes by `status.replicas`: pods that still start count like all others.
    """
    usage, target = float(metric.usage_milli), float(metric.target_milli)
    if is_within(_ratio(usage, target * existing), spec):
        return existing
    return _count(usage / target)


def proposed_by_value(metric: ValueMetric, fleet: Fleet, spec: HpaSpec) -> int | None:
    """Return the replicas that a metric of type Value asks for, by the pods that are Ready.

    None where there are no pods at all, which the HPA takes for a failed metric.
    """
    ratio = float(metric.usage_milli) / float(metric.target_milli)
    if fleet.wanted == 0:
        return _count(ratio)
    if is_within(ratio, spec):
        return fleet.wanted
    if fleet.existing == 0:
        return None
    return _count(ratio * fleet.ready)


def desired(readings: Sequence[Reading], fleet: Fleet, spec: HpaSpec) -> int | None:
    """Return the largest proposal, or None where the HPA leaves everything as it is.

    It does where no metric has a value, and where one has none and the others would scale down.
    """
    highest, n_failed = 0, 0
    for reading in readings:
        count = _proposal(reading, fleet, spec)
        if count is None:
            n_failed += 1
        elif count > highest:
            highest = count
    if n_failed == len(readings) or (n_failed > 0 and highest < fleet.wanted):
        return None
    return highest


def is_within(ratio: float, spec: HpaSpec) -> bool:
    """Return whether usage is close enough to its target to change nothing; both ends are."""
    return 1.0 - spec.down_tolerance <= ratio <= 1.0 + spec.up_tolerance


def reported(usage_milli: int, existing: int) -> int:
    """Return the average that `status.currentMetrics` shows, in thousandths."""
    return MAX_INT64 if usage_milli >= MAX_INT64 else ceil(usage_milli / existing)


def _proposal(reading: Reading, fleet: Fleet, spec: HpaSpec) -> int | None:
    if reading is None:
        return None
    if isinstance(reading, ValueMetric):
        return proposed_by_value(reading, fleet, spec)
    return proposed(reading, fleet.existing, spec)


def _ratio(usage: float, capacity: float) -> float:
    """Return usage over capacity; infinite at no replicas, where Go's quotient is Inf or NaN.

    Neither lies within a tolerance, so both lead to the ceiling, which is 0 for no usage.
    """
    return usage / capacity if capacity > 0.0 else inf


def _count(replicas: float) -> int:
    return MAX_INT32 if replicas > MAX_INT32 else ceil(replicas)
