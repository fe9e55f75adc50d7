"""From the API's JSON to values: pods, nodes, and label selectors. Nothing here raises."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scaler.adapters.kubernetes_api import Document
from scaler.starts.record import Pod

# Why a container doesn't start, as the kubelet says it. `ContainerCreating` and `PodInitializing`
# are no trouble; each of these is repeated with a growing pause, or for ever.
TROUBLES = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "ErrImageNeverPull",
    }
    | {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
FINISHED = frozenset({"Succeeded", "Failed"})

# Who puts replicas to sleep and wakes them says so on the pod.
ASLEEP_ANNOTATION = "keda-prewarm/asleep"

PRODUCT_LABELS = (
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
)
_ACCELERATOR = re.compile(r"(gpu|mig-|tpu|neuron|gaudi|xpu|npu)", re.IGNORECASE)


def seconds_of(text: object) -> float | None:
    """Return Unix seconds of a time as the API writes it; None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def pod_of(document: Document, *, is_deleted: bool = False) -> Pod | None:
    """Read a pod; None where it has no id or time of creation."""
    metadata, spec, status = (_dict(document.get(key)) for key in ("metadata", "spec", "status"))
    uid, created_at = metadata.get("uid"), seconds_of(metadata.get("creationTimestamp"))
    if not isinstance(uid, str) or created_at is None:
        return None
    conditions = {str(each.get("type")): each for each in _dicts(status.get("conditions"))}
    container, accelerator = _main_container(spec)
    name = str(container.get("name", ""))
    states = _dicts(status.get("containerStatuses")) + _dicts(status.get("initContainerStatuses"))
    main = next((each for each in states if each.get("name") == name), {})
    scheduled = conditions.get("PodScheduled", {})
    phase = str(status.get("phase", ""))
    return Pod(
        uid=uid,
        node=str(spec.get("nodeName") or ""),
        image=str(container.get("image", "")),
        accelerator=accelerator,
        created_at=created_at,
        scheduled_at=_true_since(scheduled),
        prepared_at=_true_since(
            conditions.get("PodReadyToStartContainers") or conditions.get("Initialized", {})
        ),
        started_at=seconds_of(_dict(_dict(main.get("state")).get("running")).get("startedAt")),
        ready_at=_true_since(conditions.get("Ready", {})),
        restarts=sum(_whole(each.get("restartCount")) for each in states),
        trouble=_trouble(states, phase, status),
        is_unschedulable=scheduled.get("reason") == "Unschedulable" and not spec.get("nodeName"),
        is_ending=is_deleted or metadata.get("deletionTimestamp") is not None or phase in FINISHED,
        is_asleep=_dict(metadata.get("annotations")).get(ASLEEP_ANNOTATION) == "true",
    )


def node_of(document: Document) -> tuple[float | None, str]:
    """Return when a node was created, and which accelerator it says it has."""
    metadata = _dict(document.get("metadata"))
    labels = _dict(metadata.get("labels"))
    product = next((str(labels[each]) for each in PRODUCT_LABELS if each in labels), "")
    return seconds_of(metadata.get("creationTimestamp")), product


def scale_of(document: Document) -> tuple[int | None, str]:
    """Return the replicas that a scale asks for, and the selector of its pods."""
    spec, status = _dict(document.get("spec")), _dict(document.get("status"))
    replicas = spec.get("replicas", 0)  # zero is left out
    is_number = isinstance(replicas, int) and not isinstance(replicas, bool)
    return replicas if is_number else None, str(status.get("selector") or "")


def labels_of(document: Document) -> Mapping[str, str]:
    """Return an object's labels."""
    labels: Mapping[str, str] = _dict(_dict(document.get("metadata")).get("labels"))
    return labels


def _main_container(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the container that the accelerator is for, and the accelerator as the pod names it.

    Without any it is the first container: sidecars come after it by custom.
    """
    containers = _dicts(spec.get("containers")) or [{}]
    wanted = _dict(spec.get("nodeSelector"))
    product = next((str(wanted[each]) for each in PRODUCT_LABELS if each in wanted), "")
    for container in containers:
        resources = _dict(container.get("resources"))
        asked = {**_dict(resources.get("requests")), **_dict(resources.get("limits"))}
        names = sorted(name for name in asked if _ACCELERATOR.search(str(name)))
        if names:
            amount = f"{names[0]}: {asked[names[0]]}"
            return container, f"{product} ({amount})" if product else amount
    return containers[0], product


def _true_since(condition: Mapping[str, Any]) -> float | None:
    if condition.get("status") != "True":
        return None
    return seconds_of(condition.get("lastTransitionTime"))


def _trouble(states: list[Mapping[str, Any]], phase: str, status: Mapping[str, Any]) -> str:
    for each in states:
        reason = _dict(_dict(each.get("state")).get("waiting")).get("reason")
        if reason in TROUBLES:
            return str(reason)
    return str(status.get("reason") or "Failed") if phase == "Failed" else ""


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [_dict(each) for each in value] if isinstance(value, list) else []


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector in the API's text form, `app=model,tier in (a, b),!canary`."""

    text: str
    _terms: tuple[tuple[str, str, frozenset[str]], ...]

    @classmethod
    def parse(cls, text: str) -> "Selector | None":
        """Return the selector; None where the text is none, or is empty: that selects all pods."""
        terms: list[tuple[str, str, frozenset[str]]] = []
        rest = text.strip()
        while rest:
            found = _TERM.match(rest)
            if found is None:
                return None
            terms.append(_term(found))
            rest = rest[found.end() :]
        return cls(text, tuple(terms)) if terms else None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels is selected."""
        return all(_holds(term, labels) for term in self._terms)


_KEY = r"[A-Za-z0-9./_-]+"
_TERM = re.compile(
    rf"\s*(?:(?P<not>!)\s*(?P<absent>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:(?P<op>==|=|!=)\s*(?P<value>[A-Za-z0-9._-]*)"
    rf"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)


def _term(found: re.Match[str]) -> tuple[str, str, frozenset[str]]:
    if found["not"]:
        return found["absent"], "absent", frozenset()
    if found["set"]:
        values = frozenset(part.strip() for part in found["values"].split(","))
        return found["key"], found["set"], values
    if found["op"]:
        operator = "notin" if found["op"] == "!=" else "in"
        return found["key"], operator, frozenset({found["value"]})
    return found["key"], "present", frozenset()


def _holds(term: tuple[str, str, frozenset[str]], labels: Mapping[str, str]) -> bool:
    key, operator, values = term
    if operator == "present":
        return key in labels
    if operator == "absent":
        return key not in labels
    is_in = labels.get(key) in values
    return is_in if operator == "in" else not is_in
