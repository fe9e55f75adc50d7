"""From the API's JSON to values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.adapters.kubernetes_objects import (
    ASLEEP_ANNOTATION,
    Selector,
    node_of,
    pod_of,
    scale_of,
    seconds_of,
)
from scaler.starts.ramp import DEFAULT_POLICIES, Policy, Select
from scaler.workload import Reference, workload_of

AT = 1_767_614_400.0  # 2026-01-05T12:00:00Z


def document(**changes: Any) -> dict[str, Any]:
    """A pod of vLLM with a sidecar, half way through its start."""
    gpu = {"limits": {"nvidia.com/gpu": "2", "memory": "64Gi"}}
    pod: dict[str, Any] = {
        "metadata": {
            "uid": "u-1", "name": "llm-0", "creationTimestamp": "2026-01-05T12:00:00Z",
            "labels": {"app": "llm"},
        },
        "spec": {
            "nodeName": "gpu-1",
            "containers": [
                {"name": "proxy", "image": "proxy:3"},
                {"name": "vllm", "image": "vllm:0.11", "resources": gpu},
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True",
                 "lastTransitionTime": "2026-01-05T12:00:02Z"},
                {"type": "Initialized", "status": "True",
                 "lastTransitionTime": "2026-01-05T12:00:03Z"},
                {"type": "PodReadyToStartContainers", "status": "True",
                 "lastTransitionTime": "2026-01-05T12:00:05Z"},
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady",
                 "lastTransitionTime": "2026-01-05T12:00:02Z"},
            ],
            "containerStatuses": [
                {"name": "proxy", "restartCount": 1,
                 "state": {"running": {"startedAt": "2026-01-05T12:00:06Z"}}},
                {"name": "vllm", "restartCount": 2,
                 "state": {"running": {"startedAt": "2026-01-05T12:01:00Z"}}},
            ],
        },
    }  # fmt: skip
    for path, value in changes.items():
        *way, last = path.split("__")
        place = pod
        for key in way:
            place = place[key]
        place[last] = value
    return pod


def test_a_pod_is_read_with_the_times_that_it_shows() -> None:
    pod = pod_of(document())
    assert pod is not None
    assert (pod.uid, pod.node, pod.image) == ("u-1", "gpu-1", "vllm:0.11")
    assert pod.accelerator == "nvidia.com/gpu: 2"
    times = (pod.created_at, pod.scheduled_at, pod.prepared_at, pod.started_at, pod.ready_at)
    assert times == (AT, AT + 2, AT + 5, AT + 60, None)
    assert pod.restarts == 3
    assert [pod.is_unschedulable, pod.is_ending, pod.is_asleep, pod.trouble] == [False] * 3 + [""]


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ImagePullBackOff", "RunContainerError"])
def test_a_container_that_does_not_start_is_trouble(reason: str) -> None:
    waiting = [{"name": "vllm", "restartCount": 0, "state": {"waiting": {"reason": reason}}}]
    pod = pod_of(document(status__containerStatuses=waiting))
    assert pod is not None
    assert pod.trouble == reason


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_made_is_none(reason: str) -> None:
    waiting = [{"name": "vllm", "restartCount": 0, "state": {"waiting": {"reason": reason}}}]
    pod = pod_of(document(status__containerStatuses=waiting))
    assert pod is not None
    assert pod.trouble == ""


def test_other_states_of_a_pod() -> None:
    no_room = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    cases = [
        ({"status__conditions": no_room, "spec__nodeName": ""}, "is_unschedulable", True),
        ({"status__conditions": no_room}, "is_unschedulable", False),
        ({"metadata__deletionTimestamp": "2026-01-05T12:05:00Z"}, "is_ending", True),
        ({"status__phase": "Succeeded"}, "is_ending", True),
        ({"status__phase": "Failed", "status__reason": "Evicted"}, "trouble", "Evicted"),
        ({"metadata__annotations": {ASLEEP_ANNOTATION: "true"}}, "is_asleep", True),
        ({"spec__nodeSelector": {"nvidia.com/gpu.product": "L4"}}, "accelerator",
         "L4 (nvidia.com/gpu: 2)"),
        ({"metadata__creationTimestamp": "2026-01-05T13:00:00+01:00"}, "created_at", AT),
    ]  # fmt: skip
    for changes, name, expected in cases:
        pod = pod_of(document(**changes))
        assert pod is not None
        assert getattr(pod, name) == expected, changes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PATHS = st.sampled_from(
    ["metadata", "spec", "status", "spec__containers", "status__conditions", "metadata__uid",
     "status__containerStatuses", "metadata__annotations", "metadata__creationTimestamp"]
)  # fmt: skip


@given(PATHS, JSON)
def test_nothing_that_a_document_may_hold_raises(path: str, value: Any) -> None:
    spoilt = document(**{path: value})
    for read in (pod_of, node_of, scale_of, workload_of):
        read(spoilt)
    seconds_of(value)


def test_a_node_tells_its_age_and_accelerator() -> None:
    labels = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    node = {"metadata": {"creationTimestamp": "2026-01-05T12:00:00Z", "labels": labels}}
    assert node_of(node) == (AT, "nvidia-l4")
    assert node_of({}) == (None, "")


def test_a_scale_without_replicas_asks_for_none() -> None:
    assert scale_of({"spec": {}, "status": {"selector": "app=x"}}) == (0, "app=x")
    assert scale_of({"spec": {"replicas": 4}}) == (4, "")
    assert scale_of({"spec": {"replicas": "many"}})[0] is None


LABELS = {"app": "llm", "tier": "gold", "x.io/y": ""}


@pytest.mark.parametrize(
    ("text", "is_selected"),
    [
        ("app=llm", True),
        ("app==llm", True),
        ("app=other", False),
        ("app!=other", True),
        ("app != llm", False),
        ("absent!=x", True),
        ("tier in (gold, silver)", True),
        ("tier in (silver)", False),
        ("tier notin (silver,bronze)", True),
        ("tier notin (gold)", False),
        ("x.io/y", True),
        ("x.io/y=", True),
        ("!x.io/y", False),
        ("!absent", True),
        ("app=llm,tier in (gold),!absent", True),
        ("app=llm, tier in (silver)", False),
    ],
)
def test_a_selector_selects_as_the_api_server_does(
    text: str,
    is_selected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    selector = Selector.parse(text)
    assert selector is not None
    assert selector.matches(LABELS) is is_selected


@pytest.mark.parametrize("text", ["", "  ", "app=(", "app in gold", "=x", "a=b,,c=d"])
def test_what_selects_all_or_is_none_is_not_used(text: str) -> None:
    assert Selector.parse(text) is None


def test_a_scaled_object_is_read_with_kedas_defaults() -> None:
    found = workload_of(
        {
            "metadata": {"name": "o", "namespace": "llm"},
            "spec": {"scaleTargetRef": {"name": "llama"}, "triggers": [{"type": "external"}]},
        }
    )
    assert found is not None
    assert found.reference == Reference("llm", "apps", "v1", "deployments", "llama")
    assert str(found.reference) == "deployments.apps llm/llama"
    assert (found.min_replicas, found.max_replicas, found.idle_replicas) == (0, 100, None)
    assert (found.pace.poll_seconds, found.pace.sync_seconds) == (30, 15)
    assert not found.pace.scale_up.is_set
    assert found.other_triggers == ()


def test_a_scaled_object_is_read_with_all_that_it_says() -> None:
    behavior = {
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "selectPolicy": "Min",
            "policies": [{"type": "Pods", "value": 2, "periodSeconds": 30}],
        }
    }
    found = workload_of(
        {
            "metadata": {
                "name": "o", "namespace": "llm",
                "annotations": {"autoscaling.keda.sh/paused-replicas": "0"},
            },
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "llama",
                },
                "minReplicaCount": 2, "maxReplicaCount": 9, "idleReplicaCount": 0,
                "pollingInterval": 5,
                "triggers": [
                    {"type": "prometheus"},
                    {"type": "external-push", "useCachedMetrics": True},
                    {"type": "cron"},
                ],
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            },
            "status": {"scaleTargetGVKR": {"kind": "Rollout", "resource": "rolloutz"}},
        },
        sync_seconds=30,
    )  # fmt: skip
    assert found is not None
    assert found.reference == Reference("llm", "argoproj.io", "v1alpha1", "rolloutz", "llama")
    assert (found.min_replicas, found.max_replicas, found.idle_replicas) == (2, 9, 0)
    assert (found.other_triggers, found.is_paused) == (("prometheus", "cron"), True)
    pace = found.pace
    assert (pace.poll_seconds, pace.sync_seconds, pace.is_cached) == (5, 30, True)
    assert pace.scale_up.policies == (Policy(is_percent=False, value=2, period_seconds=30),)
    assert (pace.scale_up.select, pace.scale_up.stabilization_seconds) == (Select.MIN, 60)


def test_behavior_for_the_way_down_alone_selects_the_other_ramp_up() -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    found = workload_of(
        {
            "metadata": {"name": "o", "namespace": "llm"},
            "spec": {
                "scaleTargetRef": {"name": "llama"},
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            },
        }
    )
    assert found is not None
    assert found.pace.scale_up.is_set
    assert found.pace.scale_up.policies == DEFAULT_POLICIES


@pytest.mark.parametrize(
    "target",
    [
        {},
        {"name": ".."},
        {"name": "a/b"},
        {"name": "x", "kind": "../Secret"},
        {"name": "x", "apiVersion": "../v1"},
        {"name": "x", "apiVersion": "apps/.."},
    ],
)
def test_an_object_without_a_target_that_has_a_name_is_none(target: dict[str, str]) -> None:
    document = {"metadata": {"namespace": "x"}, "spec": {"scaleTargetRef": target}}
    assert workload_of(document) is None
