"""What a scenario is in Kubernetes: a kind that can be scaled, its objects, pods and HPAs."""

from typing import Any

from simulations.autoscaling import Behavior, ScalingRules, ValueMetric

from .scenarios import Scenario

GROUP, VERSION, PLURAL = "prewarm.test", "v1", "fleets"
SYNC_PREFIX = "m"

Manifest = dict[str, Any]


def definition() -> Manifest:
    """A kind with a scale subresource, all that an HPA needs of its target."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Fleet", "plural": PLURAL, "singular": "fleet"},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"spec": anything, "status": anything},
                        }
                    },
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                }
            ],
        },
    }


def fleet(scenario: Scenario) -> Manifest:
    """The target of a scenario."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Fleet",
        "metadata": {"name": scenario.name},
        "spec": {"replicas": scenario.start},
    }


def pod(scenario: Scenario, index: int) -> Manifest:
    """A pod that the scenario's selector finds; nobody runs it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{scenario.name}-{index}",
            "labels": {"fleet": scenario.name},
        },
        "spec": {
            "schedulerName": "nobody",
            "containers": [{"name": "model", "image": "model"}],
        },
    }


def metric_name(scenario: Scenario, index: int) -> str:
    """The name by which the metrics API knows one metric of a scenario."""
    return f"{scenario.name}.{SYNC_PREFIX}{index}"


def autoscaler(scenario: Scenario) -> Manifest:
    """The HPA of a scenario."""
    spec: Manifest = {
        "scaleTargetRef": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Fleet",
            "name": scenario.name,
        },
        "minReplicas": scenario.spec.min_replicas,
        "maxReplicas": scenario.spec.max_replicas,
        "metrics": [_metric(scenario, i) for i in range(len(scenario.timeline[0]))],
    }
    if scenario.spec.behavior is not None:
        spec["behavior"] = _behavior(scenario.spec.behavior)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": scenario.name},
        "spec": spec,
    }


def _metric(scenario: Scenario, index: int) -> Manifest:
    found = [readings[index] for readings in scenario.timeline]
    known = next(one for one in found if one is not None)
    quantity = f"{known.target_milli}m"
    target = (
        {"type": "Value", "value": quantity}
        if isinstance(known, ValueMetric)
        else {"type": "AverageValue", "averageValue": quantity}
    )
    return {
        "type": "External",
        "external": {"metric": {"name": metric_name(scenario, index)}, "target": target},
    }


def _behavior(behavior: Behavior) -> Manifest:
    """Only what differs from the defaults: the API server fills in the rest itself."""
    found: Manifest = {}
    default = Behavior()
    if behavior.up != default.up:
        found["scaleUp"] = _rules(behavior.up)
    if behavior.down != default.down:
        found["scaleDown"] = _rules(behavior.down)
    return found


def _rules(rules: ScalingRules) -> Manifest:
    found: Manifest = {
        "selectPolicy": rules.select.value,
        "policies": [
            {"type": one.kind.value, "value": one.value, "periodSeconds": int(one.period_seconds)}
            for one in rules.policies
        ],
    }
    if rules.stabilization_seconds is not None:
        found["stabilizationWindowSeconds"] = int(rules.stabilization_seconds)
    if rules.tolerance is not None:
        found["tolerance"] = f"{rules.tolerance:g}"
    return found
