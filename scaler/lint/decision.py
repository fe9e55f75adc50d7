"""Rules about keys that only have an effect together with what the object says."""

from collections.abc import Iterator

from scaler.lint.facts import (
    DEFAULT_TOLERANCE,
    WARNING,
    Facts,
    Said,
    key_yaml,
    nested,
    quantity,
)
from scaler.manifest import ReadTrigger


def hpa_tolerance(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a tolerance that the HPA doesn't have, so that too much is asked for or kept."""
    for key, ours, direction, effect in (
        ("hpaTolerance", read.params.hpa_tolerance, "scaleUp", "asks for"),
        ("hpaScaleDownTolerance", read.params.hpa_scale_down_tolerance, "scaleDown", "keeps"),
    ):
        given = facts.behavior.get(direction, "tolerance")
        theirs = quantity(given.text) if given.is_given else DEFAULT_TOLERANCE
        if theirs is not None and theirs >= 0 and ours > float(theirs):
            text = (
                f"{key} {ours:g} {effect} up to {ours * 100:g} % more than is needed, and the "
                f"HPA's {direction}.tolerance is {float(theirs):g}"
            )
            yield Said(
                WARNING, facts.metadata(read, key), text, key_yaml(key, f"{float(theirs):g}")
            )


def max_capacity(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a ceiling that may rise, under an HPA that stops where it starts."""
    params = read.params
    if params.max_capacity_buffer is None or facts.maximum > params.max_replicas:
        return
    text = (
        f"maxCapacityBehavior: IncreaseMaxCapacity has no effect: the HPA stops at "
        f"maxReplicaCount {facts.maximum}; let that be the most you would pay for, and maxReplicas "
        f"({params.max_replicas}) the most without a forecast above it"
    )
    paste = nested("spec", f"maxReplicaCount: {2 * params.max_replicas}")
    yield Said(WARNING, facts.metadata(read, "maxCapacityBehavior"), text, paste)


def scheduled_floors(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a schedule that asks for more than the object allows."""
    schedules = () if read.trigger is None else read.trigger.schedules
    most = max((schedule.replicas for schedule in schedules), default=0)
    if most > facts.maximum:
        text = (
            f"a scheduled floor of {most} is above maxReplicaCount {facts.maximum}, where the HPA "
            "stops"
        )
        paste = nested("spec", f"maxReplicaCount: {most}")
        yield Said(WARNING, facts.metadata(read, "scheduledFloors"), text, paste)
