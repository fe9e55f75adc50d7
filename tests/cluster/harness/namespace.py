"""One namespace of the control plane: make objects in it and see what becomes of them."""

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes.client import AppsV1Api, AutoscalingV2Api, CoreV1Api, CustomObjectsApi
from kubernetes.client.exceptions import ApiException

from .control_plane import ControlPlane
from .manifests import Manifest
from .waiting import wait_for

NOT_FOUND = 404
_numbers = itertools.count(1)


class Namespace:
    """A namespace that a test has for itself."""

    def __init__(self, cluster: ControlPlane, prefix: str = "test") -> None:
        self.cluster = cluster
        self.name = f"{prefix}-{next(_numbers)}"
        # The client takes dictionaries, and its types say otherwise.
        self.core: Any = CoreV1Api(cluster.api_client)
        self.apps: Any = AppsV1Api(cluster.api_client)
        self.autoscaling: Any = AutoscalingV2Api(cluster.api_client)
        self.custom: Any = CustomObjectsApi(cluster.api_client)
        manifest: Any = {"metadata": {"name": self.name}}
        self.core.create_namespace(manifest)

    def delete(self) -> None:
        """Delete the namespace with all that is in it, without waiting for the end of it."""
        # Objects of KEDA first: their finalizers need KEDA to see them while it still can.
        for plural in ("scaledobjects", "triggerauthentications"):
            self.custom.delete_collection_namespaced_custom_object(
                *_KEDA, self.name, plural, grace_period_seconds=0
            )
        self.core.delete_namespace(self.name, grace_period_seconds=0)

    def create(self, manifest: Manifest) -> None:
        """Create an object; its kind decides which API takes it."""
        kind = manifest["kind"]
        if kind in _KEDA_PLURALS:
            self.custom.create_namespaced_custom_object(
                *_KEDA, self.name, _KEDA_PLURALS[kind], manifest
            )
            return
        creators: dict[str, Callable[[str, Manifest], object]] = {
            "Deployment": self.apps.create_namespaced_deployment,
            "Secret": self.core.create_namespaced_secret,
            "ConfigMap": self.core.create_namespaced_config_map,
        }
        creators[kind](self.name, manifest)

    def patch_scaled_object(self, name: str, change: Mapping[str, Any]) -> None:
        """Merge `change` into a ScaledObject, as `kubectl patch --type merge` does."""
        self.cluster.kubectl(
            "patch", "scaledobject", name, f"--namespace={self.name}", "--type=merge",
            f"--patch={json.dumps(change)}",
        )  # fmt: skip

    def delete_scaled_object(self, name: str) -> None:
        """Delete a ScaledObject; KEDA's finalizer then takes its HPA away."""
        self.custom.delete_namespaced_custom_object(*_KEDA, self.name, "scaledobjects", name)

    def scaled_object(self, name: str) -> Manifest:
        """The ScaledObject as it is now."""
        found: Manifest = self.custom.get_namespaced_custom_object(
            *_KEDA, self.name, "scaledobjects", name
        )
        return found

    def condition(self, name: str, kind: str) -> tuple[str, str]:
        """Status and message of a ScaledObject's condition: Ready, Active, Fallback, Paused."""
        for found in self.scaled_object(name).get("status", {}).get("conditions", []):
            if found["type"] == kind:
                return found["status"], found.get("message", "")
        return "", ""

    def replicas(self, name: str) -> int:
        """The replicas that the Deployment is asked to have."""
        return int(self.apps.read_namespaced_deployment_scale(name, self.name).spec.replicas or 0)

    def ready_replicas(self, name: str) -> int:
        """The replicas that are Ready."""
        status = self.apps.read_namespaced_deployment(name, self.name).status
        return int(status.ready_replicas or 0)

    def pods(self, name: str) -> list[Any]:
        """The Deployment's pods, oldest first, those being deleted included."""
        found = self.core.list_namespaced_pod(self.name, label_selector=f"app={name}").items
        return sorted(found, key=lambda pod: pod.metadata.creation_timestamp)

    def autoscaler(self, name: str) -> Any | None:
        """The HPA that KEDA made for the ScaledObject; None while there is none."""
        try:
            return self.autoscaling.read_namespaced_horizontal_pod_autoscaler(
                f"keda-hpa-{name}", self.name
            )
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def events(self, name: str) -> list[str]:
        """Reason and message of each event about the object with that name."""
        found = self.core.list_namespaced_event(
            self.name, field_selector=f"involvedObject.name={name}"
        ).items
        return [f"{event.reason}: {event.message}" for event in found]

    def wait_for_replicas(self, name: str, count: int, *, within_seconds: float = 30.0) -> None:
        """Wait until the Deployment is asked to have exactly `count` replicas."""
        wait_for(
            lambda: self.replicas(name) == count,
            f"{self.name}/{name} has {count} replicas",
            within_seconds=within_seconds,
            last_seen=lambda: self._story(name),
        )

    def wait_for_ready(self, name: str, count: int, *, within_seconds: float = 30.0) -> None:
        """Wait until exactly `count` replicas are Ready."""
        wait_for(
            lambda: self.ready_replicas(name) == count,
            f"{self.name}/{name} has {count} ready replicas",
            within_seconds=within_seconds,
            last_seen=lambda: self._story(name),
        )

    def wait_for_event(self, name: str, text: str, *, within_seconds: float = 30.0) -> str:
        """Return the first event about `name` that holds `text`."""

        def found() -> str:
            return next((event for event in self.events(name) if text in event), "")

        return wait_for(
            found,
            f"an event of {self.name}/{name} says {text!r}",
            within_seconds=within_seconds,
            last_seen=lambda: self.events(name),
        )

    def _story(self, name: str) -> str:
        """What one wants to know when a Deployment doesn't have the replicas it should."""
        lines = [f"{self.replicas(name)} replicas, {self.ready_replicas(name)} ready"]
        autoscaler = self.autoscaler(name)
        if autoscaler is None:
            lines.append("no HPA")
        else:
            conditions = autoscaler.status.conditions or []
            lines += [f"HPA {one.type}={one.status}: {one.message}" for one in conditions]
        return "\n  ".join([*lines, *self.events(name)[-6:]])


_KEDA = ("keda.sh", "v1alpha1")
_KEDA_PLURALS = {
    "ScaledObject": "scaledobjects",
    "TriggerAuthentication": "triggerauthentications",
}
