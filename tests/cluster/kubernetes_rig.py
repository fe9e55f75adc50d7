"""A bare API server, and objects on it as controllers and kubelets make them."""

import itertools
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from kubernetes.client import AppsV1Api, CoreV1Api, CustomObjectsApi

from harness import ControlPlane, deployment, scaled_object, trigger
from harness.kubeconfig import write_kubeconfig
from scaler.adapters.kubernetes import KubernetesClient
from scaler.adapters.kubernetes_cluster import KubernetesCluster

KEDA = ("keda.sh", "v1alpha1")
IMAGE = "registry.test/model:1"
_numbers = itertools.count(1)


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Bare:
    """One namespace of a bare control plane."""

    def __init__(self, cluster: ControlPlane) -> None:
        self.cluster = cluster
        self.name = f"bare-{next(_numbers)}"
        self.core: Any = CoreV1Api(cluster.api_client)
        self.apps: Any = AppsV1Api(cluster.api_client)
        self.custom: Any = CustomObjectsApi(cluster.api_client)
        self.core.create_namespace({"metadata": {"name": self.name}})

    def workload(self, name: str, *, replicas: int = 1, **facts: Any) -> None:
        """A Deployment and its ScaledObject. There is no controller: no pod comes of it."""
        self.deployment(name, replicas=replicas)
        self.scaled_object(name, **facts)

    def deployment(self, name: str, *, replicas: int = 1) -> None:
        self.apps.create_namespaced_deployment(self.name, deployment(name, replicas=replicas))

    def scaled_object(self, name: str, **facts: Any) -> None:
        manifest = scaled_object(name, [trigger("prewarm:6000")], **facts)
        self.custom.create_namespaced_custom_object(*KEDA, self.name, "scaledobjects", manifest)

    def patch_scaled_object(self, name: str, change: Mapping[str, Any]) -> None:
        self.custom.patch_namespaced_custom_object(
            *KEDA, self.name, "scaledobjects", name, {"spec": dict(change)}
        )

    def delete_scaled_object(self, name: str) -> None:
        self.custom.delete_namespaced_custom_object(*KEDA, self.name, "scaledobjects", name)

    def scale(self, name: str, replicas: int) -> None:
        self.apps.patch_namespaced_deployment_scale(
            name, self.name, {"spec": {"replicas": replicas}}
        )

    def delete_deployment(self, name: str) -> None:
        self.apps.delete_namespaced_deployment(name, self.name)

    def node(self, name: str, product: str = "NVIDIA-H100-80GB-HBM3") -> None:
        labels = {"nvidia.com/gpu.product": product}
        self.core.create_node({"metadata": {"name": name, "labels": labels}})

    def pod(self, app: str, name: str, *, image: str = IMAGE, node: str = "") -> None:
        """A pod as a ReplicaSet makes it: no node, no status."""
        container = {
            "name": "model",
            "image": image,
            "resources": {
                "requests": {"nvidia.com/gpu": "1"},
                "limits": {"nvidia.com/gpu": "1"},
            },
        }
        spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0}
        if node:
            spec["nodeName"] = node
        self.core.create_namespaced_pod(
            self.name, {"metadata": {"name": name, "labels": {"app": app}}, "spec": spec}
        )

    def status(self, name: str, status: Mapping[str, Any]) -> None:
        """What the kubelet says of a pod."""
        self.core.patch_namespaced_pod_status(name, self.name, {"status": dict(status)})

    def ready(self, name: str, *, after_seconds: float) -> None:
        """Let the pod be ready so long after its creation."""
        created = self.core.read_namespaced_pod(name, self.name).metadata.creation_timestamp
        self.status(name, ready_status(created.timestamp(), after_seconds))

    def unschedulable(self, name: str) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        self.status(name, {"phase": "Pending", "conditions": [condition]})

    def delete_pod(self, name: str) -> None:
        self.core.delete_namespaced_pod(name, self.name, grace_period_seconds=0)

    def delete(self) -> None:
        self.core.delete_namespace(self.name)


def ready_status(created_at: float, after_seconds: float) -> dict[str, Any]:
    def condition(kind: str, after: float) -> dict[str, str]:
        return {"type": kind, "status": "True", "lastTransitionTime": stamp(created_at + after)}

    running = {"startedAt": stamp(created_at + after_seconds / 2)}
    return {
        "phase": "Running",
        "conditions": [
            condition("PodScheduled", 0),
            condition("PodReadyToStartContainers", 1),
            condition("Ready", after_seconds),
        ],
        "containerStatuses": [
            {
                "name": "model", "image": IMAGE, "imageID": IMAGE, "ready": True,
                "started": True, "restartCount": 0, "state": {"running": running},
            }
        ],
    }  # fmt: skip


def crash_status(restarts: int) -> dict[str, Any]:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
    return {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "model", "image": IMAGE, "imageID": IMAGE, "ready": False,
                "started": False, "restartCount": restarts, "state": {"waiting": waiting},
            }
        ],
    }  # fmt: skip


def kubeconfig_of(cluster: ControlPlane, user: str) -> str:
    """A kubeconfig for a user that has no rights but those given to that name."""
    folder = cluster.run.folder
    path = folder / f"{user}.kubeconfig"
    if not path.exists():
        pair = cluster.keys.authority.sign(user, common_name=user)
        write_kubeconfig(path, server=cluster.server, authority=cluster.keys.authority, client=pair)
    return str(path)


@contextmanager
def watching(
    cluster: ControlPlane, user: str = "", now: Callable[[], float] = time.time
) -> Iterator[KubernetesCluster]:
    """The adapter under test, as admin or as a user of the given name."""
    path = kubeconfig_of(cluster, user) if user else str(cluster.kubeconfig)
    client = KubernetesClient.connect(kubeconfig=path)
    adapter = KubernetesCluster(client, now)
    try:
        yield adapter
    finally:
        adapter.close()
        adapter.join(10)
        client.close()


def compact(cluster: ControlPlane) -> None:
    """Let etcd forget all versions but the newest."""
    base = f"http://127.0.0.1:{cluster.ports.etcd}/v3/kv"

    def post(path: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(f"{base}/{path}", json.dumps(body).encode())  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    revision = post("range", {"key": "AA=="})["header"]["revision"]
    post("compaction", {"revision": revision, "physical": True})
