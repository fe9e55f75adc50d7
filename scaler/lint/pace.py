"""Rules about the way up: tolerance, windows, pace. They decide whether a prediction is in time."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor

from scaler.lint.facts import (
    DEFAULT_TOLERANCE,
    ERROR,
    HPA_SYNC_SECONDS,
    LONG_DOWN_WINDOW_SECONDS,
    NOTE,
    SHORT_DOWN_WINDOW_SECONDS,
    WARNING,
    Facts,
    Said,
    behavior_yaml,
    quantity,
)
from scaler.manifest import (
    Node,
)


def scale_up_tolerance(facts: Facts) -> Iterator[Said]:
    """Find small steps up that are swallowed."""
    node = facts.behavior.get("scaleUp", "tolerance")
    tolerance = quantity(node.text) if node.is_given else DEFAULT_TOLERANCE
    if tolerance is None or tolerance <= 0 or ceil(1 / tolerance) >= facts.ceiling:
        return  # every step up to the ceiling is larger than the tolerance
    if all(read.params.hpa_tolerance >= float(tolerance) for read in facts.triggers):
        return  # answers already pass it
    replicas = min(max(20, ceil(1 / tolerance)), facts.ceiling - 1)
    passes = first_passing(replicas, tolerance)
    which = "this" if node.is_given else "the HPA's default"
    text = (
        f"{which} tolerance of {float(tolerance):g} swallows steps up to "
        f"{float(tolerance * 100):g} %: from {replicas} replicas the first answer that passes is "
        f"{passes}. A tolerance of 0 needs Kubernetes 1.35 and KEDA 2.18"
    )
    yield Said(WARNING, node, text, behavior_yaml("scaleUp", 'tolerance: "0"'))


def first_passing(replicas: int, tolerance: Fraction) -> int:
    """Return the least count above `replicas` that lies outside the HPA's tolerance."""
    return floor(replicas * (1 + tolerance)) + 1


def scale_up_stabilization(facts: Facts) -> Iterator[Said]:
    """Find a wait before each step up: the opposite of a prediction."""
    node = facts.behavior.get("scaleUp", "stabilizationWindowSeconds")
    seconds = node.whole or 0
    if seconds <= 0:
        return
    is_whole_lead = seconds >= facts.lead_seconds
    effect = (
        f"no less than the lead time of {facts.lead_seconds:g} s, so its replicas come too late"
        if is_whole_lead
        else f"of the {facts.lead_seconds:g} s that it has"
    )
    text = f"every prediction waits {seconds} s, {effect}; a forecast needs no such window"
    paste = behavior_yaml("scaleUp", "stabilizationWindowSeconds: 0")
    yield Said(ERROR if is_whole_lead else WARNING, node, text, paste)


def scaling_disabled(facts: Facts) -> Iterator[Said]:
    """Find an HPA that may not go up at all, or gives nothing back."""
    for direction, severity, text in (
        ("scaleUp", ERROR, "the HPA never scales up, so no prediction has an effect"),
        ("scaleDown", WARNING, "the HPA never scales down: what one high forecast asked for stays"),
    ):
        node = facts.behavior.get(direction, "selectPolicy")
        if node.text == "Disabled":
            yield Said(severity, node, text, behavior_yaml(direction, "selectPolicy: Max"))


def scale_up_rate(facts: Facts) -> Iterator[Said]:
    """Find a pace that doesn't fit the largest rise into the lead time."""
    node = facts.behavior.get("scaleUp", "policies")
    start = max(facts.minimum, facts.warm_floor, 1)
    reached = reachable_replicas(facts, start=start, goal=facts.ceiling)
    is_whole = bool(node.items) and all(map(_policy, node.items))
    if reached >= facts.ceiling or not is_whole:
        return
    text = (
        f"from a count of {start} these policies reach {reached} within the lead time of "
        f"{facts.lead_seconds:g} s, not {facts.ceiling}: the rest of a predicted rise comes late"
    )
    value = facts.ceiling - start
    policy = f"policies:\n- type: Pods\n  value: {value}\n  periodSeconds: {HPA_SYNC_SECONDS}"
    yield Said(WARNING, node, text, behavior_yaml("scaleUp", policy))


def reachable_replicas(facts: Facts, *, start: int, goal: int) -> int:
    """Return what the HPA's scale-up policies make of `start` within the lead time.

    Its own arithmetic (`calculateScaleUpLimitWithScalingRules`): at each sync a policy allows its
    value on top of what there was before the changes of its last period.
    """
    scale_up = facts.behavior.get("scaleUp")
    policies = [_policy(node) for node in scale_up.get("policies").items]
    choose = min if scale_up.get("selectPolicy").text == "Min" else max
    if scale_up.get("selectPolicy").text == "Disabled" or not all(policies):
        return start
    policies = policies or [("Pods", 4, 15), ("Percent", 100, 15)]  # the HPA's defaults
    replicas = start
    changes: list[tuple[int, int]] = []
    for at in range(0, int(facts.lead_seconds) + 1, HPA_SYNC_SECONDS):
        limits = []
        for kind, value, period in filter(None, policies):
            before = replicas - sum(added for since, added in changes if since > at - period)
            limits.append(before + value if kind == "Pods" else ceil(before * (1 + value / 100)))
        after = min(goal, max(replicas, choose(limits)))
        changes.append((at, after - replicas))
        replicas = after
    return replicas


def _policy(node: Node) -> tuple[str, int, int] | None:
    value, period = node.get("value").whole, node.get("periodSeconds").whole
    return (node.get("type").text, value, period) if value and period else None


def scale_down_window(facts: Facts) -> Iterator[Said]:
    """Find replicas that go on a dip, or that stay for hours."""
    node = facts.behavior.get("scaleDown", "stabilizationWindowSeconds")
    seconds = node.whole
    if seconds is None:
        return
    paste = behavior_yaml("scaleDown", "stabilizationWindowSeconds: 300")
    if seconds < SHORT_DOWN_WINDOW_SECONDS:
        text = (
            f"{seconds} s after a lower answer a replica is gone, and it takes "
            f"{facts.lead_seconds:g} s to come back; KEDA's default is 300"
        )
        yield Said(WARNING, node, text, paste)
    elif seconds > LONG_DOWN_WINDOW_SECONDS:
        text = f"one high answer keeps its replicas for {seconds} s; the forecast covers rises"
        yield Said(NOTE, node, text, paste)
