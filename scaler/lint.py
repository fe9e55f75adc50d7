"""What in a ScaledObject would spoil a prediction: a visible tuple of small rules over its fields.

A rule is named after what it looks at, and says a sentence with numbers and the YAML that settles
it. Where KEDA or the HPA have a default, the rule judges the default. Facts about them are those
of KEDA 2.21 and Kubernetes 1.37; where an older version differs, the sentence says so.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from math import ceil, floor, inf
from typing import NamedTuple, TypeAlias

from scaler.destinations import BadAddress, parse_address
from scaler.manifest import (
    OWN_KEYS,
    Finding,
    Node,
    ReadTrigger,
    ScaledObject,
    Severity,
    TriggerEntry,
)
from scaler.params import Mode, OnStale

API_VERSION = "keda.sh/v1alpha1"
HPA_SYNC_SECONDS = 15
POLL_SECONDS = 30  # KEDA's own default
COOLDOWN_SECONDS = 300
MAX_REPLICA_COUNT = 100
# KEDA's poll and the HPA's sync, before the first pod of an answer is even asked for.
DELAY_BEFORE_PODS_SECONDS = 30
DEFAULT_TOLERANCE = Fraction(1, 10)
SHORT_DOWN_WINDOW_SECONDS = 60
LONG_DOWN_WINDOW_SECONDS = 900
WEEK_DAYS = 7

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
TRUE_WORDS = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool
FALSE_WORDS = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Said(NamedTuple):
    """What a rule says about a node."""

    severity: Severity
    node: Node
    text: str
    paste: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """All that a rule may look at. There is at least one trigger."""

    scaled_object: ScaledObject
    triggers: tuple[ReadTrigger, ...]

    @property
    def spec(self) -> Node:
        """The object's spec."""
        return self.scaled_object.spec

    @property
    def behavior(self) -> Node:
        """What the HPA is told about its pace."""
        return self.spec.get("advanced", "horizontalPodAutoscalerConfig", "behavior")

    @property
    def minimum(self) -> int:
        """KEDA's minReplicaCount."""
        return self.spec.get("minReplicaCount").whole or 0

    @property
    def maximum(self) -> int:
        """KEDA's maxReplicaCount."""
        return self.spec.get("maxReplicaCount").whole or MAX_REPLICA_COUNT

    @property
    def warm_floor(self) -> int:
        """The highest warmFloor."""
        return max(read.params.warm_floor for read in self.triggers)

    @property
    def max_replicas(self) -> int:
        """The highest maxReplicas."""
        return max(read.params.max_replicas for read in self.triggers)

    @property
    def ceiling(self) -> int:
        """The most replicas that a prediction can bring about."""
        return min(self.max_replicas, self.maximum)

    @property
    def lead_seconds(self) -> float:
        """The longest lead time."""
        return max(read.params.lead_time_seconds for read in self.triggers)

    @property
    def goes_idle(self) -> bool:
        """Whether KEDA itself, and not the HPA, ever sets the number."""
        return self.minimum == 0 or self.spec.get("idleReplicaCount").is_given

    @property
    def modifiers(self) -> Node:
        """The scalingModifiers."""
        return self.spec.get("advanced", "scalingModifiers")

    def metadata(self, read: ReadTrigger, key: str) -> Node:
        """Return the node of a trigger's key."""
        return read.entry.node.get("metadata", key)


Rule: TypeAlias = Callable[[Facts], Iterator[Said]]
TriggerRule: TypeAlias = Callable[[Facts, ReadTrigger], Iterator[Said]]


class Check(NamedTuple):
    """What a field may hold."""

    allowed: str
    holds: Callable[[Node], bool]


# Keys by level; "*" stands for the items of a list, "**" for any key.
Tree: TypeAlias = "dict[str, Tree | Check]"


def whole(lowest: int, highest: float = inf) -> Check:
    """Return the check for a whole number within bounds."""
    allowed = f"a whole number >= {lowest}" if highest == inf else f"{lowest} to {highest:g}"
    return Check(allowed, lambda node: node.whole is not None and lowest <= node.whole <= highest)


def words(*allowed: str) -> Check:
    """Return the check for one of some words."""
    return Check(" or ".join(allowed), lambda node: node.text in allowed)


def quantity(text: str) -> Fraction | None:
    """Return a Kubernetes quantity such as 0.05, 50m or 5e-2, None when it is none."""
    found = re.fullmatch(r"([-+]?(?:\.\d+|\d+(?:\.\d*)?))(?:[eE]([-+]?\d{1,2})|([num]))?", text)
    if found is None:
        return None
    number = found[1] + ("0" if found[1].endswith(".") else "")
    power = int(found[2] or 0) - {"n": 9, "u": 6, "m": 3}.get(found[3], 0)
    return Fraction(number) * Fraction(10) ** power


def _is_tolerance(node: Node) -> bool:
    tolerance = quantity(node.text)
    return tolerance is not None and tolerance >= 0


TEXT = Check("text", lambda node: isinstance(node.value, str))
BOOLEAN = Check("true or false", lambda node: isinstance(node.value, bool))
ANYTHING = Check("anything", lambda _: True)
QUOTED = Check("text", lambda node: isinstance(node.value, str))
SCALING: Tree = {
    "stabilizationWindowSeconds": whole(0, 3600),
    "selectPolicy": words("Max", "Min", "Disabled"),
    "policies": {
        "*": {
            "type": words("Pods", "Percent"),
            "value": whole(1),
            "periodSeconds": whole(1, 1800),
        }
    },
    "tolerance": Check('a number >= 0, such as "0"', _is_tolerance),
}
SPEC: Tree = {
    "scaleTargetRef": {
        "name": TEXT,
        "apiVersion": TEXT,
        "kind": TEXT,
        "envSourceContainerName": TEXT,
    },
    "pollingInterval": whole(1),
    "initialCooldownPeriod": whole(0),
    "cooldownPeriod": whole(0),
    "idleReplicaCount": whole(0),
    "minReplicaCount": whole(0),
    "maxReplicaCount": whole(1),
    "advanced": {
        "restoreToOriginalReplicaCount": BOOLEAN,
        "horizontalPodAutoscalerConfig": {
            "name": TEXT,
            "behavior": {"scaleUp": SCALING, "scaleDown": SCALING},
        },
        "scalingModifiers": {
            "formula": TEXT,
            "target": TEXT,
            "activationTarget": TEXT,
            "metricType": words("AverageValue", "Value"),
        },
    },
    "triggers": {
        "*": {
            "type": TEXT,
            "name": TEXT,
            "metadata": {"**": QUOTED},
            "useCachedMetrics": BOOLEAN,
            "metricType": TEXT,
            "authenticationRef": {
                "name": TEXT,
                "kind": words("TriggerAuthentication", "ClusterTriggerAuthentication"),
            },
        }
    },
    "fallback": {
        "failureThreshold": whole(0),
        "replicas": whole(0),
        "behavior": words(
            "static",
            "currentReplicas",
            "currentReplicasIfHigher",
            "currentReplicasIfLower",
            "scalingModifiers",
        ),
    },
}
OBJECT: Tree = {
    "apiVersion": words(API_VERSION),
    "kind": TEXT,
    "metadata": {"**": ANYTHING},
    "spec": SPEC,
    "status": ANYTHING,
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "": ("apiVersion", "spec"),
    "spec": ("scaleTargetRef", "triggers"),
    "spec.scaleTargetRef": ("name",),
    "spec.triggers.*": ("type", "metadata"),
    "spec.fallback": ("failureThreshold", "replicas"),
}


def _fields(node: Node, tree: "Tree | Check", path: tuple[str, ...] = ()) -> Iterator[Said]:
    """Yield what the API server would refuse, or drop without a word."""
    where = ".".join(path)
    if isinstance(tree, Check):
        if tree is QUOTED and not tree.holds(node):
            yield _unquoted(node, path)
        elif node.is_given and not tree.holds(node):
            shown = node.text[:60] if node.text else node.kind
            yield Said(ERROR, node, f"{where}: {shown} is not allowed; allowed is {tree.allowed}")
    elif "*" in tree:
        if node.is_given and not node.items:
            yield Said(ERROR, node, f"{where}: {node.kind}, where a list of at least one is needed")
        for index, item in enumerate(node.items):
            yield from _fields(item, tree["*"], (*path[:-1], f"{path[-1]}[{index}]"))
    elif node.is_given and not isinstance(node.value, dict):
        yield Said(ERROR, node, f"{where}: {node.kind}, where a mapping is needed")
    else:
        yield from _entries(node, tree, path)


def _entries(node: Node, tree: Tree, path: tuple[str, ...]) -> Iterator[Said]:
    for key, child in node.entries.items():
        known = tree.get(key) or tree.get("**")
        if known is not None:
            yield from _fields(child, known, (*path, key))
            continue
        near = get_close_matches(key, tree, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(tree)}"
        where = ".".join((*path, key[:80]))
        yield Said(WARNING, child, f"{where}: no such field, so the cluster drops it; {hint}")
    for key in REQUIRED.get(re.sub(r"\[\d+\]", ".*", ".".join(path)), ()):
        if not node.get(key).is_given:
            yield Said(ERROR, node.get(key), f"{'.'.join((*path, key))}: missing")


def _unquoted(node: Node, path: tuple[str, ...]) -> Said:
    where = ".".join(path)
    if not node.is_given:
        return Said(ERROR, node, f"{where}: empty; give it a value or take the key out")
    if not node.text:
        return Said(ERROR, node, f"{where}: {node.kind}, and KEDA takes only text")
    text = f"{where}: {node.text[:60]} is {node.kind}, and KEDA takes only text: quote it"
    return Said(ERROR, node, text, f'{path[-1]}: "{node.text[:60]}"')


def nested(*parts: str) -> str:
    """Return YAML in which each part but the last is a key that holds the next."""
    *keys, last = parts
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(keys)]
    lines += [f"{'  ' * len(keys)}{line}" for line in last.split("\n")]
    return "\n".join(lines)


def _behavior(direction: str, lines: str) -> str:
    return nested("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", direction, lines)


def _key(key: str, value: object) -> str:
    """Return a key of the metadata; a text with quotes of its own is put into others."""
    quote = "'" if '"' in str(value) else '"'
    return nested("metadata", f"{key}: {quote}{value}{quote}")


def scale_up_tolerance(facts: Facts) -> Iterator[Said]:
    """Find small steps up that are swallowed."""
    node = facts.behavior.get("scaleUp", "tolerance")
    tolerance = quantity(node.text) if node.is_given else DEFAULT_TOLERANCE
    if not tolerance or ceil(1 / tolerance) >= facts.ceiling:
        return  # every step up to the ceiling is larger than the tolerance
    replicas = min(max(20, ceil(1 / tolerance)), facts.ceiling - 1)
    passes = floor(replicas * (1 + tolerance)) + 1
    which = "this" if node.is_given else "the HPA's default"
    text = (
        f"{which} tolerance of {float(tolerance):g} swallows steps up to "
        f"{float(tolerance * 100):g} %: from {replicas} replicas the first answer that passes is "
        f"{passes}. A tolerance of 0 needs Kubernetes 1.35 and KEDA 2.18"
    )
    yield Said(WARNING, node, text, _behavior("scaleUp", 'tolerance: "0"'))


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
    paste = _behavior("scaleUp", "stabilizationWindowSeconds: 0")
    yield Said(ERROR if is_whole_lead else WARNING, node, text, paste)


def scaling_disabled(facts: Facts) -> Iterator[Said]:
    """Find an HPA that may not go up at all, or gives nothing back."""
    for direction, severity, text in (
        ("scaleUp", ERROR, "the HPA never scales up, so no prediction has an effect"),
        ("scaleDown", WARNING, "the HPA never scales down: what one high forecast asked for stays"),
    ):
        node = facts.behavior.get(direction, "selectPolicy")
        if node.text == "Disabled":
            yield Said(severity, node, text, _behavior(direction, "selectPolicy: Max"))


def scale_up_rate(facts: Facts) -> Iterator[Said]:
    """Find a pace that doesn't fit the largest rise into the lead time."""
    node = facts.behavior.get("scaleUp", "policies")
    start = max(facts.minimum, facts.warm_floor, 1)
    reached = reachable_replicas(facts, start=start, goal=facts.ceiling)
    if reached >= facts.ceiling or not node.items:
        return
    text = (
        f"from a count of {start} these policies reach {reached} within the lead time of "
        f"{facts.lead_seconds:g} s, not {facts.ceiling}: the rest of a predicted rise comes late"
    )
    value = facts.ceiling - start
    policy = f"policies:\n- type: Pods\n  value: {value}\n  periodSeconds: {HPA_SYNC_SECONDS}"
    yield Said(WARNING, node, text, _behavior("scaleUp", policy))


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
    paste = _behavior("scaleDown", "stabilizationWindowSeconds: 300")
    if seconds < SHORT_DOWN_WINDOW_SECONDS:
        text = (
            f"{seconds} s after a lower answer a replica is gone, and it takes "
            f"{facts.lead_seconds:g} s to come back; KEDA's default is 300"
        )
        yield Said(WARNING, node, text, paste)
    elif seconds > LONG_DOWN_WINDOW_SECONDS:
        text = f"one high answer keeps its replicas for {seconds} s; the forecast covers rises"
        yield Said(NOTE, node, text, paste)


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
    node, low, high, ours = (
        facts.spec.get("maxReplicaCount"),
        facts.minimum,
        facts.maximum,
        facts.max_replicas,
    )
    paste = nested("triggers", f'- metadata:\n    maxReplicas: "{high}"')
    if low > high:
        text = f"minReplicaCount {low} is above maxReplicaCount {high}; KEDA refuses the object"
        yield Said(ERROR, node, text, nested("spec", f"maxReplicaCount: {low}"))
    elif low == high:
        yield Said(WARNING, node, f"minReplicaCount and maxReplicaCount are both {low}: no room")
    elif ours < low:
        text = f"maxReplicas {ours} is below minReplicaCount {low}: no prediction has an effect"
        yield Said(ERROR, facts.spec.get("minReplicaCount"), text, paste)
    elif ours < high and node.is_given:
        text = f"maxReplicas {ours} is below maxReplicaCount {high}: never more than {ours} come"
        yield Said(WARNING, node, text, paste)
    elif ours > high:
        text = (
            f"the HPA stops at maxReplicaCount {high}, which KEDA doesn't tell the scaler: its "
            f"figures say up to {ours}"
        )
        yield Said(NOTE, node, text, paste)


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


def metric_type(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a metric type that makes something else of a number of replicas."""
    del facts
    node = read.entry.node.get("metricType")
    if not node.is_given or node.text == "AverageValue":
        return
    if node.text == "Value":
        text = (
            "metricType: Value multiplies the answer by the pods that are ready: 3 wanted with 3 "
            "ready asks for 9, and pods that still load change it at each sync"
        )
    else:
        text = f"metricType: {node.text[:40]} is refused for external triggers"
    yield Said(ERROR, node, text, "metricType: AverageValue")


def cached_metrics(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a cache that makes answers older."""
    node = read.entry.node.get("useCachedMetrics")
    if node.value is True:
        seconds = facts.spec.get("pollingInterval").whole or POLL_SECONDS
        text = (
            f"the HPA sees answers up to {seconds} s old, and in KEDA 2.20 one failing trigger "
            "empties the cache of all; the scaler answers from memory anyway"
        )
        yield Said(WARNING, node, text, "useCachedMetrics: false")


def scaler_address(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find an address at which KEDA finds no scaler."""
    node = facts.metadata(read, "scalerAddress")
    text = node.text.strip()
    paste = _key("scalerAddress", "prewarm.keda.svc:6000")
    host, colon, port = text.rpartition(":")
    if not text:
        yield Said(ERROR, node, "scalerAddress: missing; KEDA needs host:port", paste)
    elif "://" in text and not text.startswith(("dns:///", "passthrough:///")):
        yield Said(ERROR, node, "scalerAddress is gRPC's host:port, without a scheme", paste)
    elif not colon or not port.isdigit():
        yield Said(WARNING, node, "scalerAddress has no port, so gRPC takes 443", paste)
    elif host.rpartition("/")[2] in {"localhost", "127.0.0.1", "[::1]"}:
        yield Said(WARNING, node, "KEDA runs in another pod, where this address is itself", paste)


def tls_keys(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find TLS keys that KEDA reads elsewhere, or not as written."""
    for key in ("caCert", "tlsClientCert", "tlsClientKey", "tlsCertFile"):
        node = facts.metadata(read, key)
        if node.is_given:
            text = (
                f"{key}: no effect in metadata; it belongs into a TriggerAuthentication"
                f"{', and a private key here is public' if key == 'tlsClientKey' else ''}"
            )
            yield Said(WARNING, node, text, nested("authenticationRef", "name: prewarm-tls"))
    for key in ("enableTLS", "unsafeSsl"):
        node = facts.metadata(read, key)
        if node.is_given and node.text not in TRUE_WORDS | FALSE_WORDS:
            yield Said(ERROR, node, f'{key}: KEDA reads "true" or "false"', _key(key, "true"))


def keys_without_effect(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find keys of the prometheus trigger that mean nothing here, or another thing."""
    node = facts.metadata(read, "timeout")
    if node.is_given:
        text = "timeout: no effect; the scaler's own deadlines hold"
        yield Said(NOTE, node, text)
    node = facts.metadata(read, "unsafeSsl")
    if node.text not in TRUE_WORDS:
        return
    if facts.metadata(read, "enableTLS").text in TRUE_WORDS:
        text = "unsafeSsl: KEDA takes any certificate for the scaler's"
        yield Said(WARNING, node, text)
    else:
        text = (
            "unsafeSsl: no effect; it is about KEDA's connection to the scaler, which has no TLS; "
            "for Prometheus the operator decides (--prometheus-config)"
        )
        yield Said(NOTE, node, text)


def lead_time(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Compare the lead time with the way from an answer to a pod that serves."""
    node, seconds = facts.metadata(read, "leadTimeSeconds"), read.params.lead_time_seconds
    earliest, allowed = startup_seconds(facts.scaled_object.workload)
    needed = DELAY_BEFORE_PODS_SECONDS + earliest
    paste = _key("leadTimeSeconds", ceil(max(needed, read.params.step_seconds)))
    if seconds < read.params.step_seconds:
        text = f"a lead time of {seconds:g} s is less than one step of {read.params.step_seconds:g}"
        yield Said(WARNING, node, f"{text} s: there is nothing to forecast", paste)
    elif seconds < needed:
        pod = f", and no pod is ready before {earliest:g} s (its probes)" if earliest else ""
        text = (
            f"a lead time of {seconds:g} s is too short: KEDA's poll and the HPA's sync take up to "
            f"{DELAY_BEFORE_PODS_SECONDS} s{pod}"
        )
        yield Said(WARNING, node, text, paste)
    elif seconds < allowed:
        text = f"the startup probe allows {allowed:g} s, the lead time is {seconds:g}: measure it"
        yield Said(NOTE, node, text)


def startup_seconds(workload: Node) -> tuple[float, float]:
    """Return the earliest moment at which a pod can be ready, and how long it may take to start."""
    earliest = allowed = 0
    for container in workload.get("spec", "template", "spec", "containers").items:
        startup = container.get("startupProbe")
        delay = startup.get("initialDelaySeconds").whole or 0
        earliest = max(
            earliest, delay, container.get("readinessProbe", "initialDelaySeconds").whole or 0
        )
        if startup.is_given:  # 3 and 10 are Kubernetes' defaults
            tries = startup.get("failureThreshold").whole or 3
            allowed = max(allowed, delay + tries * (startup.get("periodSeconds").whole or 10))
    return float(earliest), float(allowed)


def observe_mode(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Tell a dry run."""
    if read.params.mode is Mode.OBSERVE:
        text = "mode: observe is a dry run: the answer is the reactive one, forecasts are exported"
        yield Said(NOTE, facts.metadata(read, "mode"), text, _key("mode", "predict"))


def history_days(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a history that holds no full week."""
    if read.params.history_days < WEEK_DAYS:
        text = (
            f"{read.params.history_days:g} days of history hold no full week: weekdays look alike"
        )
        yield Said(NOTE, facts.metadata(read, "historyDays"), text, _key("historyDays", 28))


def server_address(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Tell what the operator must permit."""
    node = facts.metadata(read, "serverAddress")
    if not node.text:
        return
    try:
        address = parse_address(node.text.strip())
    except BadAddress as bad:
        yield Said(ERROR, node, f"serverAddress {bad}")
        return
    text = f"serverAddress: the scaler connects there only with --allow-address {address}"
    yield Said(NOTE, node, f"{text}, or as its default")


def credentials(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find credentials that are public, or expected to come through KEDA."""
    node = facts.metadata(read, "customHeaders")
    if re.search(r"auth|token|key|secret|cookie", node.text.partition("=")[0], re.IGNORECASE):
        text = "customHeaders: a credential in metadata is public; let the operator configure it"
        yield Said(WARNING, node, text)
    node = facts.metadata(read, "authModes")
    if node.is_given:
        text = (
            "authModes: KEDA doesn't pass credentials on; the scaler sends those that its operator "
            "configured for this Prometheus (--prometheus-config)"
        )
        yield Said(NOTE, node, text)


def query_of_counter(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a counter that is read without a rate."""
    node = facts.metadata(read, "query")
    counter = re.search(r"[A-Za-z_:][\w:]*_total\b", node.text)
    if counter and not re.search(r"\b(i?rate|x?rate|increase|i?delta|deriv)\s*\(", node.text):
        text = f"{counter[0]} is a counter, which only grows; demand is its rate"
        yield Said(WARNING, node, text, _key("query", f"sum(rate({counter[0]}[2m]))"))


def query_per_pod(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find demand that depends on how many replicas share it."""
    node = facts.metadata(read, "query")
    metric = re.search(r"\bvllm:\w+", node.text)
    if re.search(r"\bavg(_over_time)?\b", node.text) and "avg_over_time" not in node.text:
        text = (
            "an average per pod falls when a replica is added, so the forecast would follow its "
            "own decisions; sum over the pods, with the threshold for one"
        )
        yield Said(WARNING, node, text)
    elif metric and not re.search(r"\b(sum|max|min|count|quantile|scalar)\b", node.text):
        text = f"{metric[0]} has one series for each pod, and several are refused: sum them"
        is_simple = re.fullmatch(r"[^'\n\\]{1,200}", node.text)
        yield Said(
            WARNING, node, text, _key("query", f"sum({node.text.strip()})") if is_simple else ""
        )


def query_of_served(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a query for what was served, which demand outgrows."""
    node = facts.metadata(read, "query")
    found = re.search(r"vllm:(request_success|generation_tokens|e2e_request_latency)\w*", node.text)
    if found and "num_requests" not in node.text:  # with what queues, that is what arrived
        text = (
            f"{found[0]} counts what was served, which levels off when replicas are full; "
            "arrivals at the gateway don't (docs/trigger.md)"
        )
        yield Said(NOTE, node, text)


def empty_answers(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find an empty answer at zero that KEDA would read as 0."""
    node = facts.metadata(read, "ignoreNullValues")
    if facts.minimum == 0 and not node.is_given:
        text = (
            "ignoreNullValues: when the query returns nothing at zero replicas that is no "
            "observation, and the last answer is held; KEDA's own trigger would read 0"
        )
        yield Said(NOTE, node, text, _key("ignoreNullValues", "true"))


RULES: tuple[Rule, ...] = (
    scale_up_tolerance,
    scale_up_stabilization,
    scaling_disabled,
    scale_up_rate,
    scale_down_window,
    warm_floor_below_minimum,
    replica_bounds,
    idle_replicas,
    scale_to_zero,
    polling_interval,
    cooldown_period,
    fallback_missing,
    fallback_shrinks,
    other_triggers,
    repeated_triggers,
    scaling_modifiers,
    paused,
)
TRIGGER_RULES: tuple[TriggerRule, ...] = (
    metric_type,
    cached_metrics,
    scaler_address,
    tls_keys,
    keys_without_effect,
    lead_time,
    observe_mode,
    history_days,
    server_address,
    credentials,
    query_of_counter,
    query_per_pod,
    query_of_served,
    empty_answers,
)


def lint(scaled_object: ScaledObject, triggers: Sequence[ReadTrigger]) -> tuple[Finding, ...]:
    """Return everything there is to say about an object and its prewarm triggers."""
    findings = [_finding("field", said) for said in _fields(scaled_object.node, OBJECT)]
    if triggers:
        facts = Facts(scaled_object=scaled_object, triggers=tuple(triggers))
        findings += [_finding(_name(rule), said) for rule in RULES for said in rule(facts)]
        findings += [
            _finding(_name(rule), said)
            for read in triggers
            for rule in TRIGGER_RULES
            for said in rule(facts, read)
        ]
    return tuple(findings)


def _name(rule: Rule | TriggerRule) -> str:
    return rule.__name__.replace("_", "-")


def _finding(rule: str, said: Said) -> Finding:
    return Finding(
        rule=rule, severity=said.severity, line=said.node.line, text=said.text, paste=said.paste
    )
