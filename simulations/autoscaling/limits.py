"""How far one sync may go: the step rules, and the bounds of the object."""

from collections.abc import Sequence
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from simulations.autoscaling.behavior import PolicyKind, ScalingPolicy, ScalingRules, Select
from simulations.autoscaling.events import Event, change_within
from simulations.autoscaling.spec import HpaSpec

# Without `behavior`: at most twice as many, but four at once are always allowed.
UP_FACTOR, UP_LEAST = 2, 4


class Reason(StrEnum):
    """Why a count is what it is, in the words of the condition ScalingLimited."""

    WITHIN_RANGE = "DesiredWithinRange"
    TOO_MANY = "TooManyReplicas"
    TOO_FEW = "TooFewReplicas"
    UP_LIMIT = "ScaleUpLimit"
    DOWN_LIMIT = "ScaleDownLimit"


class Limited(NamedTuple):
    """The replicas that a sync sets, and what held them there."""

    replicas: int
    reason: Reason


class Rescales(NamedTuple):
    """The rescales that are remembered, by direction."""

    up: Sequence[Event] = ()
    down: Sequence[Event] = ()


NONE_YET = Rescales()


def limited_without_behavior(wanted: int, stable: int, spec: HpaSpec) -> Limited:
    """Return the replicas where the object has no `behavior`."""
    limit = max(UP_FACTOR * wanted, UP_LEAST)
    if stable < spec.min_replicas:
        return Limited(spec.min_replicas, Reason.TOO_FEW)
    if spec.max_replicas > limit and stable > limit:
        return Limited(limit, Reason.UP_LIMIT)
    if stable > spec.max_replicas:
        return Limited(spec.max_replicas, Reason.TOO_MANY)
    return Limited(stable, Reason.WITHIN_RANGE)


def limited_up(
    wanted: int, stable: int, spec: HpaSpec, *, rules: ScalingRules, past: Rescales, at: float
) -> Limited:
    """Return the replicas that the rules for scaling up allow. Needs stable > wanted."""
    limit = max(up_limit(wanted, rules, past, at=at), wanted)
    most, reason = spec.max_replicas, Reason.TOO_MANY
    if limit < most:
        most, reason = limit, Reason.UP_LIMIT
    return Limited(most, reason) if stable > most else Limited(stable, Reason.WITHIN_RANGE)


def limited_down(
    wanted: int, stable: int, spec: HpaSpec, *, rules: ScalingRules, past: Rescales, at: float
) -> Limited:
    """Return the replicas that the rules for scaling down allow. Needs stable < wanted."""
    limit = min(down_limit(wanted, rules, past, at=at), wanted)
    least, reason = spec.min_replicas, Reason.TOO_FEW
    if limit > least:
        least, reason = limit, Reason.DOWN_LIMIT
    return Limited(least, reason) if stable < least else Limited(stable, Reason.WITHIN_RANGE)


def up_limit(wanted: int, rules: ScalingRules, past: Rescales, *, at: float) -> int:
    """Return the most replicas that the policies for scaling up allow."""
    if rules.select is Select.DISABLED:
        return wanted
    choose = min if rules.select is Select.MIN else max
    return choose(_raised(policy, wanted, past, at=at) for policy in rules.policies)


def down_limit(wanted: int, rules: ScalingRules, past: Rescales, *, at: float) -> int:
    """Return the least replicas that the policies for scaling down allow."""
    if rules.select is Select.DISABLED:
        return wanted
    # The smallest change downwards is the largest count.
    choose = max if rules.select is Select.MIN else min
    return choose(_lowered(policy, wanted, past, at=at) for policy in rules.policies)


def _raised(policy: ScalingPolicy, wanted: int, past: Rescales, *, at: float) -> int:
    base = _at_start_of_period(policy, wanted, past, at=at)
    if policy.kind is PolicyKind.PODS:
        return base + policy.value
    # Rounded up, or a small fleet would never grow.
    return ceil(base * (1.0 + policy.value / 100.0))


def _lowered(policy: ScalingPolicy, wanted: int, past: Rescales, *, at: float) -> int:
    base = _at_start_of_period(policy, wanted, past, at=at)
    if policy.kind is PolicyKind.PODS:
        return base - policy.value
    return int(base * (1.0 - policy.value / 100.0))


def _at_start_of_period(policy: ScalingPolicy, wanted: int, past: Rescales, *, at: float) -> int:
    added = change_within(past.up, policy.period_seconds, at=at)
    removed = change_within(past.down, policy.period_seconds, at=at)
    return wanted - added + removed
