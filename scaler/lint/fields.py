"""What the API server would refuse, or drop without a word: fields, their types and bounds."""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from math import inf
from typing import NamedTuple, TypeAlias

from scaler.lint.facts import (
    API_VERSION,
    ERROR,
    WARNING,
    Said,
    quantity,
)
from scaler.manifest import Node, as_text


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


def _is_tolerance(node: Node) -> bool:
    """Return whether it is a quantity; unquoted it must be whole, as its schema says."""
    tolerance = quantity(node.text)
    is_typed = isinstance(node.value, str) or node.whole is not None
    return is_typed and tolerance is not None and tolerance >= 0


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
    "tolerance": Check('a number >= 0 in quotes, such as "0"', _is_tolerance),
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
BEHAVIOR = "spec.advanced.horizontalPodAutoscalerConfig.behavior"
POLICY = ("type", "value", "periodSeconds")
REQUIRED: dict[str, tuple[str, ...]] = {
    f"{BEHAVIOR}.scaleUp.policies.*": POLICY,
    f"{BEHAVIOR}.scaleDown.policies.*": POLICY,
    "": ("apiVersion", "spec"),
    "spec": ("scaleTargetRef", "triggers"),
    "spec.scaleTargetRef": ("name",),
    "spec.triggers.*": ("type", "metadata"),
    "spec.triggers.*.authenticationRef": ("name",),
    "spec.fallback": ("failureThreshold", "replicas"),
}


def field_problems(node: Node, tree: "Tree | Check", path: tuple[str, ...] = ()) -> Iterator[Said]:
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
            yield from field_problems(item, tree["*"], (*path[:-1], f"{path[-1]}[{index}]"))
    elif node.is_given and not isinstance(node.value, dict):
        yield Said(ERROR, node, f"{where}: {node.kind}, where a mapping is needed")
    else:
        yield from _entries(node, tree, path)


def _entries(node: Node, tree: Tree, path: tuple[str, ...]) -> Iterator[Said]:
    for key, child in node.entries.items():
        known = tree.get(key) or tree.get("**")
        if known is not None:
            yield from field_problems(child, known, (*path, key))
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
    return Said(ERROR, node, text, f'{path[-1]}: "{as_text(node)[:60]}"')
