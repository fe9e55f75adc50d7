"""Objects for tests, as plain dictionaries: what a user would write as YAML."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEDA_NAMESPACE = "keda"
ANNOTATION = "start.prewarm.test"
PRODUCT_LABEL = "nvidia.com/gpu.product"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """How a pod starts: two visible steps, and where asked a failure in one of them."""

    image_pull_seconds: float = 0.0
    load_seconds: float = 0.0
    load_at_most_seconds: float = 0.0  # more than load_seconds: anything in between, evenly spread
    failure: str = ""  # never-ready, crash-loop or image-error
    restart_delay_seconds: float = 10.0

    def annotations(self) -> dict[str, str]:
        """The annotations that the stages read."""
        found = {
            f"{ANNOTATION}/image-pull": f"{self.image_pull_seconds}s",
            f"{ANNOTATION}/load": f"{self.load_seconds}s",
            f"{ANNOTATION}/restart-delay": f"{self.restart_delay_seconds}s",
        }
        if self.load_at_most_seconds > self.load_seconds:
            found[f"{ANNOTATION}/load-at-most"] = f"{self.load_at_most_seconds}s"
        return {**found, f"{ANNOTATION}/failure": self.failure} if self.failure else found


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNode:
    """A node as NVIDIA's device plugin and feature discovery show it."""

    name: str
    product: str = "NVIDIA-H100-80GB-HBM3"
    gpus: int = 8
    mig: Mapping[str, int] = field(default_factory=dict)  # "1g.10gb" -> how many
    taints: Sequence[Mapping[str, str]] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> Manifest:
        """The Node object; kwok makes it Ready."""
        resources = {"cpu": "192", "memory": "2Ti", "pods": "500"}
        if self.gpus:
            resources["nvidia.com/gpu"] = str(self.gpus)
        resources |= {f"nvidia.com/mig-{name}": str(count) for name, count in self.mig.items()}
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            PRODUCT_LABEL: self.product,
            "nvidia.com/gpu.count": str(self.gpus),
            **self.labels,
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"taints": [dict(taint) for taint in self.taints]},
            "status": {"capacity": resources, "allocatable": resources},
        }


def deployment(
    name: str,
    *,
    replicas: int = 1,
    start: ColdStart = ColdStart(),
    resources: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    tolerations: Sequence[Mapping[str, str]] = (),
    node_selector: Mapping[str, str] | None = None,
) -> Manifest:
    """A Deployment whose pods ask for GPUs (one each unless told) and start as `start` says."""
    wanted = {key: str(n) for key, n in (resources or {"nvidia.com/gpu": 1}).items()}
    container = {
        "name": "model",
        "image": "registry.test/model:1",
        "resources": {"requests": wanted, "limits": wanted},
        "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
    }
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": start.annotations()},
                "spec": {
                    "containers": [container],
                    "tolerations": [dict(one) for one in tolerations],
                    "nodeSelector": dict(node_selector or {}),
                    "terminationGracePeriodSeconds": 0,
                },
            },
        },
    }


def trigger(
    scaler_address: str,
    metadata: Mapping[str, str] | None = None,
    *,
    kind: str = "external",
    name: str = "",
    authentication: str = "",
    metric_type: str = "AverageValue",
    use_cached_metrics: bool = False,
) -> Manifest:
    """One trigger that asks our scaler."""
    found: Manifest = {
        "type": kind,
        "metadata": {"scalerAddress": scaler_address, **(metadata or {})},
        "metricType": metric_type,
    }
    if name:
        found["name"] = name
    if authentication:
        found["authenticationRef"] = {"name": authentication}
    if use_cached_metrics:
        found["useCachedMetrics"] = True
    return found


def scaled_object(
    name: str,
    triggers: Sequence[Manifest],
    *,
    target: str = "",
    minimum: int = 1,
    maximum: int = 20,
    polling_seconds: int = 1,
    cooldown_seconds: int = 3,
    idle: int | None = None,
    fallback: Manifest | None = None,
    modifiers: Manifest | None = None,
    behavior: Manifest | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """A ScaledObject; its target has the same name unless told otherwise.

    Scale-up has no tolerance and no ramp unless `behavior` says so, so a test sees the answer at
    the HPA's next sync.
    """
    spec: Manifest = {
        "scaleTargetRef": {"name": target or name},
        "minReplicaCount": minimum,
        "maxReplicaCount": maximum,
        "pollingInterval": polling_seconds,
        "cooldownPeriod": cooldown_seconds,
        "triggers": list(triggers),
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": behavior or PROMPT_BEHAVIOR},
        },
    }
    if idle is not None:
        spec["idleReplicaCount"] = idle
    if fallback is not None:
        spec["fallback"] = fallback
    if modifiers is not None:
        spec["advanced"]["scalingModifiers"] = modifiers
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": spec,
    }


PROMPT_BEHAVIOR: Manifest = {
    "scaleUp": {
        "tolerance": "0",
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 10000, "periodSeconds": 1}],
    },
    "scaleDown": {
        "tolerance": "0",
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
    },
}


def secret(name: str, values: Mapping[str, str]) -> Manifest:
    """A Secret with text values."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": dict(values),
    }


def trigger_authentication(name: str, secret_name: str, keys: Sequence[str]) -> Manifest:
    """A TriggerAuthentication that reads each parameter from the key of the same name."""
    references = [{"parameter": key, "name": secret_name, "key": key} for key in keys]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": name},
        "spec": {"secretTargetRef": references},
    }


def external_metrics_api(adapter_port: int) -> str:
    """The APIService and the Service that lead the API server to KEDA's adapter, as JSON.

    An EndpointSlice may not hold a loopback address; a name may (while aggregator routing is off).
    """
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "keda-metrics-apiserver", "namespace": KEDA_NAMESPACE},
        "spec": {
            "type": "ExternalName",
            "externalName": "localhost",
            "ports": [{"port": adapter_port, "targetPort": adapter_port}],
        },
    }
    api_service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
        "spec": {
            "group": "external.metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {
                "name": "keda-metrics-apiserver",
                "namespace": KEDA_NAMESPACE,
                "port": adapter_port,
            },
        },
    }
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [service, api_service]})


def prometheus_trigger(
    address: str, query: str, threshold: float, *, name: str = "", ignore_null: bool = True
) -> Manifest:
    """KEDA's own reactive trigger."""
    metadata = {
        "serverAddress": address,
        "query": query,
        "threshold": str(threshold),
        "ignoreNullValues": str(ignore_null).lower(),
    }
    found: Manifest = {"type": "prometheus", "metadata": metadata}
    return {**found, "name": name} if name else found
