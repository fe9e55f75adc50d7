"""Rules about the object: bounds, zero, fallback, other triggers."""

import re
from collections.abc import Iterator

from scaler.lint.facts import (
    COOLDOWN_SECONDS,
    ERROR,
    FALSE_WORDS,
    NOTE,
    POLL_SECONDS,
    WARNING,
    Facts,
    Said,
    nested,
    quantity,
)
from scaler.manifest import (
    OWN_KEYS,
    TriggerEntry,
)
from scaler.params import OnStale


def warm_floor_below_minimum(facts: Facts) -> Iterator[Said]:
    """Compare the floor with minReplicaCount, which holds even when the scaler is gone."""
    node, floor_ = facts.spec.get("minReplicaCount"), facts.warm_floor
    if floor_ > facts.maximum:
        text = f"warmFloor {floor_} is above maxReplicaCount {facts.maximum}, where the HPA stops"
        yield Said(
            ERROR,
            facts.spec.get("maxReplicaCount"),
            text,
            nested("spec", f"maxReplicaCount: {floor_}"),
        )
    elif floor_ > facts.minimum:
        effect = "to 0, and from there to 1" if facts.minimum == 0 else f"to {facts.minimum}"
        text = (
            f"warmFloor {floor_} is above minReplicaCount {facts.minimum}: without an answer of "
            f"the scaler KEDA may go {effect}; let KEDA hold the floor"
        )
        yield Said(WARNING, node, text, nested("spec", f"minReplicaCount: {floor_}"))
    elif 0 < floor_ < facts.minimum:
        text = f"warmFloor {floor_} has no effect: minReplicaCount {facts.minimum} is above it"
        yield Said(NOTE, node, text)


def replica_bounds(facts: Facts) -> Iterator[Said]:
    """Compare the room that KEDA leaves with the room that the scaler knows."""
    node, low, high = facts.spec.get("maxReplicaCount"), facts.minimum, facts.maximum
    paste = nested("triggers", f'- metadata:\n    maxReplicas: "{high}"')
    if low > high:
        text = f"minReplicaCount {low} is above maxReplicaCount {high}; KEDA refuses the object"
        yield Said(ERROR, node, text, nested("spec", f"maxReplicaCount: {low}"))
    elif low == high:
        yield Said(WARNING, node, f"minReplicaCount and maxReplicaCount are both {low}: no room")
    elif (ours := facts.max_replicas) < low:
        text = f"maxReplicas {ours} is below minReplicaCount {low}: no prediction has an effect"
        yield Said(ERROR, facts.spec.get("minReplicaCount"), text, paste)
    elif ours < high and node.is_given and not _may_rise(facts):
        text = f"maxReplicas {ours} is below maxReplicaCount {high}: never more than {ours} come"
        yield Said(WARNING, node, text, paste)
    elif ours > high:
        text = (
            f"the HPA stops at maxReplicaCount {high}, which KEDA doesn't tell the scaler: its "
            f"figures say up to {ours}"
        )
        yield Said(NOTE, node, text, paste)


def _may_rise(facts: Facts) -> bool:
    return any(read.params.max_capacity_buffer is not None for read in facts.triggers)


def idle_replicas(facts: Facts) -> Iterator[Said]:
    """Find an idle count that is not below the minimum, or never reached."""
    node = facts.spec.get("idleReplicaCount")
    idle = node.whole
    if idle is None:
        return
    if idle >= facts.minimum:
        text = f"idleReplicaCount {idle} must be below minReplicaCount {facts.minimum}"
        yield Said(ERROR, node, f"{text}; KEDA refuses the object")
    elif facts.warm_floor > 0:
        text = f"never reached: with warmFloor {facts.warm_floor} the trigger is always active"
        yield Said(WARNING, node, text)
    elif idle > 0:
        yield Said(WARNING, node, f"the HPA moves {idle} idle replicas back up; only 0 works")


def scale_to_zero(facts: Facts) -> Iterator[Said]:
    """Tell what a surprise costs at zero."""
    if facts.minimum == 0 and facts.warm_floor == 0:
        text = (
            "minReplicaCount 0 lets the last replica go: after that, demand that no forecast "
            f"saw waits the whole lead time of {facts.lead_seconds:g} s"
        )
        yield Said(NOTE, facts.spec.get("minReplicaCount"), text)


def polling_interval(facts: Facts) -> Iterator[Said]:
    """Find a slow poll where KEDA's own poll matters: for waking."""
    node = facts.spec.get("pollingInterval")
    seconds = node.whole or POLL_SECONDS
    caches = any(read.entry.node.get("useCachedMetrics").value is True for read in facts.triggers)
    pushes = all(read.entry.kind == "external-push" for read in facts.triggers)
    if not facts.goes_idle:
        if node.is_given and not caches and not facts.modifiers.is_given:
            text = "no effect since KEDA 2.21: with minReplicaCount >= 1 the HPA asks every 15 s"
            yield Said(NOTE, node, text)
    elif seconds > POLL_SECONDS and not pushes:
        text = (
            f"waking takes up to {seconds} s of the lead time of {facts.lead_seconds:g} s; "
            "type: external-push wakes at once"
        )
        yield Said(WARNING, node, text, nested("spec", "pollingInterval: 15"))


def cooldown_period(facts: Facts) -> Iterator[Said]:
    """Find a way to zero that is shorter than the way back."""
    node = facts.spec.get("cooldownPeriod")
    seconds = node.whole
    if seconds is None:
        return
    if not facts.goes_idle:
        text = "no effect: it delays going to 0 or idle, and minReplicaCount is "
        yield Said(NOTE, node, f"{text}{facts.minimum}")
    elif seconds < min(COOLDOWN_SECONDS, facts.lead_seconds):
        text = f"{seconds} s after the last demand all replicas go, and it takes "
        text += f"{facts.lead_seconds:g} s until one is back"
        yield Said(WARNING, node, text, nested("spec", f"cooldownPeriod: {COOLDOWN_SECONDS}"))


def fallback_missing(facts: Facts) -> Iterator[Said]:
    """Find that nobody acts on an error of the scaler."""
    node = facts.spec.get("fallback")
    if node.is_given:
        return
    replicas = max(facts.minimum, facts.warm_floor, 1)
    lines = "failureThreshold: 3\nbehavior: currentReplicasIfHigher"
    paste = nested("spec", "fallback", f"{lines}\nreplicas: {replicas}")
    if any(read.params.on_stale is OnStale.ERROR for read in facts.triggers):
        text = "onStale: error asks KEDA to act on stale data, and there is no fallback to act with"
        yield Said(WARNING, node, text, paste)
    else:
        text = (
            "no fallback: when the scaler answers with an error the HPA keeps its count, or goes "
            "by the other triggers alone (a scaler that can't be reached never starts a fallback)"
        )
        yield Said(NOTE, node, text, paste)


def fallback_shrinks(facts: Facts) -> Iterator[Said]:
    """Find a failure that takes replicas away."""
    node = facts.spec.get("fallback")
    replicas = node.get("replicas").whole
    behavior = node.get("behavior").text or "static"
    if replicas is None or replicas >= facts.ceiling:
        return
    if behavior in {"static", "currentReplicasIfLower"}:
        asked = "exactly" if behavior == "static" else "at most"
        text = (
            f"after {node.get('failureThreshold').whole or 0} failures KEDA asks for {asked} "
            f"{replicas}, also when {facts.ceiling} replicas are at work"
        )
        paste = nested("spec", "fallback", "behavior: currentReplicasIfHigher  # KEDA 2.17")
        yield Said(WARNING, node, text, paste)


def other_triggers(facts: Facts) -> Iterator[Said]:
    """Name the triggers beside ours, which raise the number or block it."""
    queries = {read.entry.node.get("metadata", "query").text.strip() for read in facts.triggers}
    for entry in facts.scaled_object.triggers:
        if not entry.why_skipped:
            continue
        metadata = entry.node.get("metadata")
        own = [key for key in metadata.entries if key in OWN_KEYS]
        if entry.kind == "prometheus" and own:
            text = f"{entry.where} has {own[0]}, but its type is prometheus: KEDA answers it alone"
            yield Said(WARNING, entry.node, text)
        elif metadata.get("query").text.strip() in queries - {""}:
            text = (
                f"{entry.where} ({entry.kind}) repeats the query: Prewarm covers the observed "
                "demand anyway, and while this trigger errs nothing scales down"
            )
            yield Said(WARNING, entry.node, text)
        else:
            text = (
                f"{entry.where} ({entry.kind}): the HPA takes the highest of all triggers; while "
                "this one errs nothing scales down, and without its metric spec no trigger counts"
            )
            yield Said(NOTE, entry.node, text)


def repeated_triggers(facts: Facts) -> Iterator[Said]:
    """Find triggers that are one target to the scaler."""
    seen: list[tuple[TriggerEntry, object]] = []
    for read in facts.triggers:
        twin = next((entry for entry, sent in seen if sent == read.sent), None)
        if twin is not None:
            text = f"{read.entry.where} repeats {twin.where}: the same answer, asked for twice"
            yield Said(WARNING, read.entry.node, text)
        seen.append((read.entry, read.sent))


def scaling_modifiers(facts: Facts) -> Iterator[Said]:
    """Find a formula that leaves the prediction out, or divides it."""
    node = facts.modifiers
    if not node.entries:
        return
    formula, target = node.get("formula").text, quantity(node.get("target").text)
    if node.get("metricType").text == "Value":
        text = "metricType: Value multiplies the result by the pods that are ready"
        yield Said(ERROR, node.get("metricType"), text, _modifiers("metricType: AverageValue"))
    for read in facts.triggers:
        name = read.entry.node.get("name").text
        if not name or not re.search(rf"\b{re.escape(name)}\b", formula):
            text = f"the formula doesn't use {read.entry.where}, so its prediction has no effect"
            paste = _modifiers('formula: "max(predicted, reactive)"\ntarget: "1"')
            yield Said(ERROR, node, text, f"{paste}\ntriggers:\n- name: predicted")
        elif target is not None and target != 1:
            text = f"target {float(target):g} divides the prediction, which is in replicas"
            yield Said(WARNING, node.get("target"), text, _modifiers('target: "1"'))


def _modifiers(lines: str) -> str:
    return nested("spec", "advanced", "scalingModifiers", lines)


def paused(facts: Facts) -> Iterator[Said]:
    """Find annotations that pause scaling."""
    annotations = facts.scaled_object.node.get("metadata", "annotations")
    effects = {
        "paused-replicas": (WARNING, "scaling is paused: KEDA never asks the scaler"),
        "paused": (WARNING, "scaling is paused: KEDA never asks the scaler"),
        "paused-scale-out": (WARNING, "scaling up is paused: no prediction has an effect"),
        "paused-scale-in": (NOTE, "scaling down is paused: what a forecast warmed stays"),
    }
    for name, (severity, text) in effects.items():
        node = annotations.get(f"autoscaling.keda.sh/{name}")
        if node.is_given and (name == "paused-replicas" or node.text not in FALSE_WORDS):
            yield Said(severity, node, f"autoscaling.keda.sh/{name}: {text}")
