"""What a ScaledObject says of its workload: which one, between which bounds, at which pace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaler.starts.ramp import (
    DEFAULT_POLICIES,
    HPA_SYNC_SECONDS,
    POLL_SECONDS,
    Pace,
    Policy,
    ScaleUp,
    Select,
)

# KEDA's own defaults.
MAX_REPLICAS = 100
API_VERSION, KIND = "apps/v1", "Deployment"

# KEDA notes the resource in the object's status once it has seen it; before that these are known.
PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}
APPROVAL_ANNOTATION, APPROVAL = "keda-prewarm/mode", "predict"
PAUSED = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas")

# A DNS subdomain, as all of these names are: nothing that could lead elsewhere in a path.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource with a scale subresource."""

    namespace: str
    group: str
    version: str
    plural: str
    name: str

    def __str__(self) -> str:
        kind = f"{self.plural}.{self.group}" if self.group else self.plural
        return f"{kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one ScaledObject scales. `other_triggers` are the types of those beside ours."""

    reference: Reference
    min_replicas: int
    max_replicas: int
    pace: Pace = field(default_factory=Pace)
    idle_replicas: int | None = None
    other_triggers: tuple[str, ...] = ()
    is_paused: bool = False
    is_approved: bool = False  # a person lets `mode: advise` predict


def workload_of(
    scaled_object: Mapping[str, Any], *, sync_seconds: float = HPA_SYNC_SECONDS
) -> Workload | None:
    """Read a ScaledObject as the API gives it; None where it names no target.

    `sync_seconds` is the HPA's, which no object shows.
    """
    metadata = _dict(scaled_object.get("metadata"))
    spec = _dict(scaled_object.get("spec"))
    reference = _reference(metadata, spec, _dict(scaled_object.get("status")))
    if reference is None:
        return None
    annotations = _dict(metadata.get("annotations"))
    triggers = [_dict(each) for each in spec.get("triggers") or ()]
    minimum = _whole(spec.get("minReplicaCount"), 0)
    ours = [each for each in triggers if str(each.get("type", "")).startswith("external")]
    types = [str(each.get("type", "")) for each in triggers]
    if ours:
        types.remove(str(ours[0]["type"]))
    horizontal = _dict(_dict(spec.get("advanced")).get("horizontalPodAutoscalerConfig"))
    return Workload(
        reference=reference,
        min_replicas=minimum,
        max_replicas=_whole(spec.get("maxReplicaCount"), MAX_REPLICAS),
        pace=Pace(
            scale_up=_scale_up(_dict(horizontal.get("behavior"))),
            sync_seconds=sync_seconds,
            poll_seconds=float(_whole(spec.get("pollingInterval"), round(POLL_SECONDS))),
            is_cached=any(each.get("useCachedMetrics") is True for each in ours),
            min_replicas=minimum,
        ),
        idle_replicas=None if spec.get("idleReplicaCount") is None else _whole(
            spec.get("idleReplicaCount"), 0
        ),
        other_triggers=tuple(types),
        is_paused=any(key in annotations for key in PAUSED),
        is_approved=annotations.get(APPROVAL_ANNOTATION) == APPROVAL,
    )  # fmt: skip


def _reference(
    metadata: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]
) -> Reference | None:
    target = _dict(spec.get("scaleTargetRef"))
    name, namespace = target.get("name"), metadata.get("namespace")
    if not (isinstance(name, str) and isinstance(namespace, str) and name):
        return None
    kind = str(target.get("kind") or KIND)
    group, _, version = str(target.get("apiVersion") or API_VERSION).rpartition("/")
    seen = _dict(status.get("scaleTargetGVKR"))
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    if seen.get("kind") == kind and seen.get("resource"):
        plural = str(seen["resource"])
    if not all(map(_NAME.fullmatch, (name, version, plural, *filter(None, [group])))):
        return None
    return Reference(namespace, group, version, plural, name)


def _scale_up(behavior: Mapping[str, Any]) -> ScaleUp:
    """Return the rules; what an object leaves out is as the API server fills it in."""
    if not behavior:
        return ScaleUp()
    rules = _dict(behavior.get("scaleUp"))
    policies = tuple(
        Policy(
            is_percent=each.get("type") == "Percent",
            value=_whole(each.get("value"), 0),
            period_seconds=float(_whole(each.get("periodSeconds"), 15)),
        )
        for each in map(_dict, rules.get("policies") or ())
    )
    chosen = rules.get("selectPolicy")
    return ScaleUp(
        is_set=True,
        policies=policies or DEFAULT_POLICIES,
        select=Select(chosen) if chosen in set(Select) else Select.MAX,
        stabilization_seconds=float(_whole(rules.get("stabilizationWindowSeconds"), 0)),
    )


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
