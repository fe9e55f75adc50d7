"""The adapter on a real API server, on good days and bad ones."""

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from bare_fixtures import AUDIT_LOG
from harness import ControlPlane, deployment, wait_for
from kubernetes_rig import Bare, compact, crash_status, kubeconfig_of, ready_status, watching
from scaler.adapters import kubernetes_watch
from scaler.adapters.kubernetes import KubernetesClient
from scaler.adapters.kubernetes_api import ApiProblem, Document, Resource
from scaler.adapters.kubernetes_cluster import KubernetesCluster
from scaler.adapters.kubernetes_watch import Reflector
from scaler.errors import NoCluster
from scaler.fleet import Fleet
from scaler.ports import ClusterView

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

DOCUMENT = Path(__file__).parents[2] / "docs/cluster-access.md"


def fleet_of(adapter: KubernetesCluster, bare: Bare, name: str = "model") -> Fleet | None:
    view = adapter.look(bare.name, name)
    return view.fleet if view is not None else None


def wait_for_fleet(
    adapter: KubernetesCluster,
    bare: Bare,
    condition: Callable[[Fleet], object],
    *,
    name: str = "model",
    within_seconds: float = 20,
) -> Fleet:
    def look() -> Fleet | None:
        fleet = fleet_of(adapter, bare, name)
        return fleet if fleet is not None and condition(fleet) else None

    found = wait_for(
        look, "the fleet is as it should be", within_seconds=within_seconds,
        last_seen=lambda: (adapter.look(bare.name, name), adapter.troubles()),
    )  # fmt: skip
    assert found is not None
    return found


def view_of(adapter: KubernetesCluster, bare: Bare, name: str = "model") -> ClusterView:
    found = wait_for(lambda: adapter.look(bare.name, name), "the object is known")
    assert found is not None
    return found


def test_a_restart_of_the_api_server_loses_no_pod_and_is_named_once_for_each_reason(
    bare_cluster: ControlPlane, bare: Bare, caplog: pytest.LogCaptureFixture
) -> None:
    bare.workload("model")
    bare.pod("model", "a", node="n")
    with watching(bare_cluster) as adapter, caplog.at_level(logging.INFO):
        adapter.follow(bare.name, "model")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
        bare_cluster.run.stop(bare_cluster.programs["kube-apiserver"])
        wait_for(adapter.troubles, "it is noticed")
        assert {trouble.reason for trouble in adapter.troubles()} == {"unreachable"}
        assert fleet_of(adapter, bare) is not None, "what was known is still told"
        time.sleep(2)
        bare_cluster.start_again("kube-apiserver")
        bare.pod("model", "b", node="n")
        bare.ready("a", after_seconds=7)
        wait_for_fleet(adapter, bare, lambda f: (f.ready, f.starting) == (1, 1), within_seconds=60)
        wait_for(lambda: not adapter.troubles(), "no trouble is left", within_seconds=60)
        view = adapter.look(bare.name, "model")
        assert view is not None
        assert view.starts is not None
        assert [start.seconds for start in view.starts.finished] == [7]
    warnings = [r.__dict__ for r in caplog.records if r.levelno == logging.WARNING]
    named = [(each["verb"], each["resource"], each["reason"]) for each in warnings]
    assert 1 <= len(named) == len(set(named))


class Kept:
    """A sink that keeps names."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.troubles: list[ApiProblem] = []

    def replace(self, documents: Any) -> None:
        self.names = {document["metadata"]["name"] for document in documents}

    def change(self, document: Document, *, is_deleted: bool) -> None:
        name = document["metadata"]["name"]
        (self.names.discard if is_deleted else self.names.add)(name)

    def contact(self) -> None: ...

    def trouble(self, problem: ApiProblem) -> None:
        self.troubles.append(problem)


def test_a_version_that_etcd_has_compacted_is_answered_by_a_new_list(
    bare_cluster: ControlPlane, bare: Bare
) -> None:
    bare.workload("model")
    bare.pod("model", "before")
    client = KubernetesClient.connect(kubeconfig=str(bare_cluster.kubeconfig))
    old = client.list_page(Resource.pods(bare.name), selector="", token="")["metadata"]
    bare.delete_pod("before")
    bare.pod("model", "after")
    compact(bare_cluster)
    bare_cluster.restart("kube-apiserver")  # its own memory of versions goes too
    for resource, expected in (
        (Resource.pods(bare.name), {"after"}),
        (Resource.scaled_objects(bare.name), {"model"}),
    ):
        kept = Kept()
        reflector = Reflector(client, resource, kept, kept)
        reflector._version = old["resourceVersion"]
        reflector.start()
        wait_for(lambda k=kept, e=expected: k.names == e, f"{resource.plural}", within_seconds=60,
                 last_seen=lambda k=kept: (k.names, k.troubles))  # fmt: skip
        assert reflector.n_lists == 1
        bare.pod("model", f"later-{resource.plural}")
        if resource.plural == "pods":
            wait_for(lambda k=kept: "later-pods" in k.names, "and it goes on")
        reflector.stop()
        reflector.join(10)
    client.close()


def rules() -> list[dict[str, Any]]:
    text = DOCUMENT.read_text()
    block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    documents = [each for each in yaml.safe_load_all(block) if each["kind"] == "ClusterRole"]
    return list(documents[0]["rules"])


def grant(cluster: ControlPlane, user: str, given: list[dict[str, Any]]) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": user},
        "rules": given,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    for each in (role, binding):
        cluster.kubectl("apply", "-f", "-", given=json.dumps(each))


def documented() -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def recorded(user: str) -> set[tuple[str, str, str]]:
    """What the API server's audit log says that a user asked for."""
    found = set()
    for line in AUDIT_LOG.read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] != user:
            continue
        about = event.get("objectRef")
        if about is None:
            found.add(("", event["requestURI"], event["verb"]))
            continue
        sub = f"/{about['subresource']}" if "subresource" in about else ""
        found.add((about.get("apiGroup", ""), about["resource"] + sub, event["verb"]))
    return found


def test_what_it_calls_is_what_the_document_asks_rights_for(
    bare_cluster: ControlPlane, bare: Bare
) -> None:
    user = f"least-{bare.name}"
    grant(bare_cluster, user, rules())
    bare.workload("model", replicas=2)
    bare.node(f"node-of-{bare.name}", product="NVIDIA-L4")
    bare.pod("model", "a", node=f"node-of-{bare.name}")
    stateful = deployment("set") | {"kind": "StatefulSet"}
    del stateful["spec"]["replicas"]
    bare.apps.create_namespaced_stateful_set(bare.name, {
        **stateful, "spec": {**stateful["spec"], "serviceName": "set", "replicas": 2},
    })  # fmt: skip
    bare.scaled_object("set")
    bare.patch_scaled_object(
        "set", {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "set"}}
    )
    with watching(bare_cluster, user) as adapter:
        adapter.follow(bare.name, "model")
        adapter.follow(bare.name, "set")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
        fleet = wait_for_fleet(adapter, bare, lambda fleet: fleet.wanted == 2, name="set")
        assert fleet.starting == 0
        bare.ready("a", after_seconds=5)
        wait_for_fleet(adapter, bare, lambda fleet: fleet.ready == 1)
        assert adapter.troubles() == ()
        view = adapter.look(bare.name, "model")
        assert view is not None
        assert view.starts is not None
        assert view.starts.accelerator == "NVIDIA-L4 (nvidia.com/gpu: 1)"
    assert recorded(user) == documented()


@pytest.mark.parametrize(
    ("missing", "is_known", "is_seen", "accelerator"),
    [
        ("scaledobjects", False, False, ""),
        ("pods", True, False, ""),
        ("deployments/scale", True, False, ""),
        ("nodes", True, True, "nvidia.com/gpu: 1"),
    ],
)
def test_a_right_that_is_missing_is_named_with_its_rule_and_the_rest_goes_on(  # noqa: PLR0917 - fixtures
    bare_cluster: ControlPlane,
    bare: Bare,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    is_known: bool,  # noqa: FBT001 - a column of the table
    is_seen: bool,  # noqa: FBT001 - a column of the table
    accelerator: str,
) -> None:
    monkeypatch.setattr(kubernetes_watch, "FORBIDDEN_PAUSE_SECONDS", 1.0)
    monkeypatch.setattr("scaler.adapters.kubernetes_cluster.SCALE_PAUSE_SECONDS", 1.0)
    user = f"lacks-{bare.name}"
    given = [
        {**rule, "resources": [each for each in rule["resources"] if each != missing]}
        for rule in rules()
    ]
    grant(bare_cluster, user, [rule for rule in given if rule["resources"]])
    bare.workload("model")
    bare.node(f"node-of-{bare.name}")
    bare.pod("model", "a", node=f"node-of-{bare.name}")
    with watching(bare_cluster, user) as adapter, caplog.at_level(logging.WARNING):
        adapter.follow(bare.name, "model")
        [trouble] = wait_for(adapter.troubles, "the missing right is named")
        assert (trouble.resource, trouble.reason) == (missing, "forbidden")
        assert user in trouble.message
        if is_known:
            assert view_of(adapter, bare).workload.max_replicas == 20
        if is_seen:
            wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
            view = adapter.look(bare.name, "model")
            assert view is not None
            assert view.starts is not None
            assert view.starts.accelerator == accelerator
        time.sleep(3)  # it is tried again meanwhile
        assert is_known or adapter.look(bare.name, "model") is None
        assert is_seen or fleet_of(adapter, bare) is None
        [line] = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert f'resources: ["{missing}"]' in line.__dict__["missing_rule"]
        if missing != "nodes":  # which is asked again only after minutes
            grant(bare_cluster, user, rules())
            wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
            assert adapter.troubles() == ()


def test_two_thousand_pods_are_listed_in_pages_and_followed(
    bare_cluster: ControlPlane, bare: Bare
) -> None:
    bare.workload("model", replicas=2_000)
    create_many(bare, 2_000)
    with watching(bare_cluster) as adapter:
        adapter.follow(bare.name, "model")
        fleet = wait_for_fleet(
            adapter, bare, lambda fleet: fleet.starting == 2_000, within_seconds=60
        )
        assert (fleet.wanted, fleet.ready) == (2_000, 0)
        for number in range(20):
            bare.status(f"p-{number}", ready_status(time.time() - 30, 20))
        bare.delete_pod("p-100")
        wait_for_fleet(adapter, bare, lambda f: (f.ready, f.starting) == (20, 1_979))
        assert sum(len(s.tracked) for s in adapter._spaces.values()) == 1


def create_many(bare: Bare, count: int) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": "model", "image": "registry.test/model:1"}]},
    }

    def create(part: int) -> None:
        items = [
            {**pod, "metadata": {"name": f"p-{number}", "labels": {"app": "model"}}}
            for number in range(part, count, 4)
        ]
        bare.cluster.kubectl(
            "create", f"--namespace={bare.name}", "--validate=false", "-f", "-",
            given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
        )  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, range(4)))


def test_a_workload_that_is_deleted_and_made_again_is_followed_again(
    bare_cluster: ControlPlane, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaler.adapters.kubernetes_cluster.SCALE_PAUSE_SECONDS", 1.0)
    bare.workload("model", replicas=2)
    bare.pod("model", "a", node="n")
    with watching(bare_cluster) as adapter:
        adapter.follow(bare.name, "model")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
        bare.ready("a", after_seconds=9)
        wait_for_fleet(adapter, bare, lambda fleet: fleet.ready == 1)
        bare.delete_deployment("model")
        bare.delete_pod("a")
        wait_for(lambda: fleet_of(adapter, bare) is None, "the fleet is unknown")
        assert view_of(adapter, bare).workload.max_replicas == 20
        manifest = deployment("model", replicas=3)
        labels = {"app": "other-labels"}
        manifest["spec"]["selector"] = {"matchLabels": labels}
        manifest["spec"]["template"]["metadata"]["labels"] = labels
        bare.apps.create_namespaced_deployment(bare.name, manifest)
        bare.pod("other-labels", "b", node="n")
        bare.pod("model", "a-stranger", node="n")
        fleet = wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
        assert (fleet.wanted, fleet.ready) == (3, 0)
        view = adapter.look(bare.name, "model")
        assert view is not None
        assert view.starts is not None
        assert [start.seconds for start in view.starts.finished] == [9], "what was learned stays"


def test_two_workloads_of_a_namespace_share_a_watch_and_no_pods(
    bare_cluster: ControlPlane, bare: Bare
) -> None:
    for name, count in (("one", 1), ("two", 2)):
        bare.workload(name)
        for number in range(count):
            bare.pod(name, f"{name}-{number}", node="n")
    bare.pod("nobody", "x", node="n")
    with watching(bare_cluster) as adapter:
        adapter.follow(bare.name, "one")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1, name="one")
        adapter.follow(bare.name, "two")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 2, name="two")
        bare.unschedulable("one-0")  # has a node, so it isn't
        bare.status("two-0", crash_status(3))
        wait_for(
            lambda: view_starts(adapter, bare, "two").failed == (("CrashLoopBackOff", 1),), "crash"
        )
        assert view_starts(adapter, bare, "one").failed == ()
        fleet = wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1, name="one")
        assert fleet.unschedulable == 0


def view_starts(adapter: KubernetesCluster, bare: Bare, name: str) -> Any:
    view = view_of(adapter, bare, name)
    assert view.starts is not None
    return view.starts


def test_anything_with_a_scale_can_be_scaled(bare_cluster: ControlPlane, bare: Bare) -> None:
    bare_cluster.kubectl("apply", "-f", "-", given=json.dumps(ROLLOUTS))
    served = f"/apis/example.test/v1/namespaces/{bare.name}/rollouts"
    wait_for(lambda: is_served(bare_cluster, served), "the resource is served")
    rollout = {
        "apiVersion": "example.test/v1",
        "kind": "Rollout",
        "metadata": {"name": "model"},
        "spec": {"replicas": 4},
    }
    made = bare.custom.create_namespaced_custom_object(
        "example.test", "v1", bare.name, "rollouts", rollout
    )
    made["status"] = {"selector": "app in (model)"}
    bare.custom.replace_namespaced_custom_object_status(
        "example.test", "v1", bare.name, "rollouts", "model", made
    )
    bare.scaled_object("model")
    target = {"apiVersion": "example.test/v1", "kind": "Rollout", "name": "model"}
    bare.patch_scaled_object("model", {"scaleTargetRef": target})
    bare.pod("model", "a", node="n")
    with watching(bare_cluster) as adapter:
        adapter.follow(bare.name, "model")
        fleet = wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
        assert fleet.wanted == 4


def is_served(cluster: ControlPlane, path: str) -> bool:
    try:
        cluster.ask(path)
    except RuntimeError:
        return False
    return True


ROLLOUTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "rollouts.example.test"},
    "spec": {
        "group": "example.test",
        "scope": "Namespaced",
        "names": {"plural": "rollouts", "singular": "rollout", "kind": "Rollout"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
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


def test_what_was_not_heard_of_for_long_is_unknown_and_not_the_same_as_before(
    bare_cluster: ControlPlane, bare: Bare
) -> None:
    bare.workload("model")
    bare.pod("model", "a", node="n")
    passed = [0.0]
    with watching(bare_cluster, now=lambda: time.time() + passed[0]) as adapter:
        adapter.follow(bare.name, "model")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 1)
        passed[0] = 301.0
        assert fleet_of(adapter, bare) is None
        assert view_of(adapter, bare).workload.max_replicas == 20
        bare.pod("model", "b", node="n")
        wait_for_fleet(adapter, bare, lambda fleet: fleet.starting == 2)


def test_an_address_that_nobody_answers_is_no_cluster(
    bare_cluster: ControlPlane, tmp_path: Path
) -> None:
    with pytest.raises(NoCluster, match="no-such-file"):
        KubernetesClient.connect(kubeconfig=str(tmp_path / "no-such-file"))
    path = Path(kubeconfig_of(bare_cluster, "stranger"))
    client = KubernetesClient.connect(kubeconfig=str(path))
    client.check()
    client.close()
    other = tmp_path / "kubeconfig"
    other.write_text(path.read_text().replace(bare_cluster.server, "https://127.0.0.1:9"))
    with pytest.raises(NoCluster, match=r"127\.0\.0\.1"):
        KubernetesClient.connect(kubeconfig=str(other)).check()
