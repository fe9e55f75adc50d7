"""Plays scenarios to the HPA controller of a control plane."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kubernetes.client import CoreV1Api, CustomObjectsApi

from harness import ControlPlane, wait_for
from harness.manifests import KEDA_NAMESPACE, external_metrics_api

from .manifests import GROUP, PLURAL, VERSION, autoscaler, definition, fleet, pod
from .metrics_api import MetricsApi, Play
from .scenarios import Scenario

NAMESPACE = "default"
N_PODS = 3  # of a scenario with a metric of type Value
FOLLOW_SECONDS = 0.2


def played(
    cluster: ControlPlane, scenarios: Sequence[Scenario], *, within_seconds: float
) -> dict[str, Play]:
    """Return what each HPA met at its syncs, one more than its timeline has.

    The control plane must be bare: this starts its controllers when all is in place.
    """
    plays = {one.name: Play(one) for one in scenarios}
    targets = Targets(cluster, plays)
    with MetricsApi(plays, targets.look, cluster.keys.serving) as api:
        _install(cluster, api.port)
        for one in scenarios:
            targets.create(one)
        with targets.following():
            cluster.start_again("kube-controller-manager")
            wait_for(lambda: _is_available(cluster), "the metrics API is available")
            _apply(cluster, [autoscaler(one) for one in scenarios])
            wait_for(
                lambda: all(play.is_over for play in plays.values()),
                "all timelines are played",
                within_seconds=within_seconds,
                every_seconds=1.0,
                last_seen=lambda: {name: len(play.met) for name, play in plays.items()},
            )
    return plays


class Targets:
    """The objects that are scaled, and what stands for the controller behind them."""

    def __init__(self, cluster: ControlPlane, plays: Mapping[str, Play]) -> None:
        self._plays = plays
        self._objects: Any = CustomObjectsApi(cluster.api_client)
        self._core: Any = CoreV1Api(cluster.api_client)

    def create(self, scenario: Scenario) -> None:
        """Make the target, settled, and its pods."""
        self._objects.create_namespaced_custom_object(
            GROUP, VERSION, NAMESPACE, PLURAL, fleet(scenario)
        )
        self._report(scenario.name, scenario.start)
        for index in range(N_PODS if scenario.is_by_value else 0):
            made = self._core.create_namespaced_pod(NAMESPACE, pod(scenario, index))
            is_ready = "True" if index < scenario.ready else "False"
            condition = {"type": "Ready", "status": is_ready}
            self._core.patch_namespaced_pod_status(
                made.metadata.name,
                NAMESPACE,
                {"status": {"phase": "Running", "conditions": [condition]}},
            )

    def look(self, name: str) -> tuple[int, int]:
        """Return a target's `spec.replicas` and `status.replicas`."""
        found = self._objects.get_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, name)
        return int(found["spec"]["replicas"]), int(found["status"]["replicas"])

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let `status.replicas` follow what is wanted, at once or a sync late."""
        end = threading.Event()
        thread = threading.Thread(target=self._follow, args=(end,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def _follow(self, end: threading.Event) -> None:
        while not end.wait(FOLLOW_SECONDS):
            found = self._objects.list_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL)
            for one in found["items"]:
                play = self._plays[one["metadata"]["name"]]
                wanted = int(one["spec"]["replicas"])
                if play.scenario.lags:
                    wanted = play.met[-1].wanted if play.met else play.scenario.start
                if int(one["status"]["replicas"]) != wanted:
                    self._report(play.scenario.name, wanted)

    def _report(self, name: str, replicas: int) -> None:
        status = {"replicas": replicas, "selector": f"fleet={name}"}
        self._objects.patch_namespaced_custom_object_status(
            GROUP, VERSION, NAMESPACE, PLURAL, name, {"status": status}
        )


def _install(cluster: ControlPlane, port: int) -> None:
    cluster.kubectl("create", "namespace", KEDA_NAMESPACE)
    cluster.kubectl("apply", "-f", "-", given=external_metrics_api(port))
    _apply(cluster, [definition()])
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{PLURAL}.{GROUP}")


def _apply(cluster: ControlPlane, objects: Sequence[dict[str, Any]]) -> None:
    whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl("create", f"--namespace={NAMESPACE}", "-f", "-", given=json.dumps(whole))


def _is_available(cluster: ControlPlane) -> bool:
    try:
        return bool(cluster.ask("/apis/external.metrics.k8s.io/v1beta1"))
    except RuntimeError:
        return False
