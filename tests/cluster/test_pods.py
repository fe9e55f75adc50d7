"""Fake nodes and pods behave as real ones look from the API."""

import datetime as dt
from typing import Any

import pytest

from harness import ColdStart, ControlPlane, GpuNode, Namespace, deployment, stays, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def transition_at(pod: Any, kind: str) -> dt.datetime:
    conditions = pod.status.conditions
    found: dt.datetime = next(c.last_transition_time for c in conditions if c.type == kind)
    return found


def container(space: Namespace, name: str) -> Any:
    statuses = space.pods(name)[0].status.container_statuses
    return statuses[0] if statuses else None


def test_a_cold_start_is_seen_in_two_steps_as_long_as_annotated(space: Namespace) -> None:
    space.create(deployment("model", start=ColdStart(image_pull_seconds=3, load_seconds=5)))
    wait_for(lambda: space.pods("model"), "a pod")
    seen: list[str] = []

    def look() -> bool:
        pod = space.pods("model")[0]
        ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])
        step = f"{pod.status.phase}{' Ready' if ready else ''}"
        if step not in seen:
            seen.append(step)
        return ready

    wait_for(look, "the pod is Ready", last_seen=lambda: seen)
    assert seen == ["Pending", "Running", "Running Ready"]
    pod = space.pods("model")[0]
    started_at = pod.status.container_statuses[0].state.running.started_at
    # The API keeps whole seconds, so each length may be off by one.
    pull = (started_at - pod.status.start_time).total_seconds()
    load = (transition_at(pod, "Ready") - started_at).total_seconds()
    assert (pull, load) == (pytest.approx(3, abs=1.01), pytest.approx(5, abs=1.01))


def test_a_pod_that_is_never_ready_keeps_running(space: Namespace) -> None:
    space.create(deployment("model", start=ColdStart(failure="never-ready")))
    wait_for(lambda: space.pods("model")[:1] and space.pods("model")[0].status.phase == "Running",
             "the pod runs")  # fmt: skip
    stays(lambda: space.ready_replicas("model") == 0, "not Ready", for_seconds=2)


def test_a_crash_loop_counts_restarts_and_shows_its_reason(space: Namespace) -> None:
    start = ColdStart(load_seconds=0.2, failure="crash-loop", restart_delay_seconds=0.5)
    space.create(deployment("model", start=start))
    wait_for(lambda: space.pods("model"), "a pod")

    def reason() -> str:
        found = container(space, "model")
        waiting = found.state.waiting if found else None
        return waiting.reason if waiting else ""

    wait_for(lambda: reason() == "CrashLoopBackOff", "CrashLoopBackOff", every_seconds=0.05)
    wait_for(
        lambda: container(space, "model").restart_count >= 2,
        "two restarts",
    )
    assert space.ready_replicas("model") == 0


def test_an_image_error_leaves_the_pod_pending_with_its_reason(space: Namespace) -> None:
    space.create(deployment("model", start=ColdStart(failure="image-error")))
    wait_for(lambda: space.pods("model"), "a pod")

    def reason() -> str:
        found = container(space, "model")
        waiting = found.state.waiting if found else None
        return waiting.reason if waiting else ""

    wait_for(lambda: reason() == "ImagePullBackOff", "ImagePullBackOff", last_seen=reason)
    assert space.pods("model")[0].status.phase == "Pending"


def test_pods_of_a_node_that_is_gone_are_replaced_on_another(
    cluster: ControlPlane, space: Namespace
) -> None:
    label = {"prewarm.test/pool": space.name}
    lost, spare = (GpuNode(name=f"{space.name}-{role}", labels=label) for role in ("lost", "spare"))
    cluster.add_node(lost)
    space.create(deployment("model", node_selector=label))
    space.wait_for_ready("model", 1)
    cluster.add_node(spare)
    try:
        cluster.lose_node(lost.name)
        wait_for(
            lambda: {pod.spec.node_name for pod in space.pods("model")} == {spare.name},
            "the pod runs on the spare node",
            within_seconds=40,
            last_seen=lambda: [(p.metadata.name, p.spec.node_name) for p in space.pods("model")],
        )
        space.wait_for_ready("model", 1)
    finally:
        cluster.remove_node(lost.name)
        cluster.remove_node(spare.name)


def test_the_scheduler_counts_gpus_and_mig_slices_and_honours_taints(
    cluster: ControlPlane, space: Namespace
) -> None:
    label = {"prewarm.test/pool": space.name}
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    node = GpuNode(
        name=f"{space.name}-mixed", gpus=2, mig={"1g.10gb": 3}, taints=[taint], labels=label
    )
    cluster.add_node(node)
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    try:
        space.create(deployment("whole", replicas=3, node_selector=label, tolerations=tolerations))
        space.create(
            deployment(
                "slices",
                replicas=4,
                node_selector=label,
                tolerations=tolerations,
                resources={"nvidia.com/mig-1g.10gb": 1},
            )
        )
        space.create(deployment("intolerant", node_selector=label))
        space.wait_for_ready("whole", 2)
        space.wait_for_ready("slices", 3)
        pending = space.pods("intolerant")[0]
        space.wait_for_event(pending.metadata.name, "untolerated taint")
        full = [pod for pod in space.pods("whole") if not pod.spec.node_name]
        space.wait_for_event(full[0].metadata.name, "Insufficient nvidia.com/gpu")
    finally:
        cluster.remove_node(node.name)
