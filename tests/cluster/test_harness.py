"""The chain works before Prewarm stands in it: ScaledObject, KEDA, HPA, scheduler, pods."""

import time

import pytest

from harness import (
    ColdStart,
    ControlPlane,
    Namespace,
    deployment,
    scaled_object,
    stays,
    trigger,
    wait_for,
)
from harness.stub_scaler import StubScaler

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_replicas_follow_the_scaler_from_one_to_five_and_back(
    space: Namespace, stub: StubScaler
) -> None:
    space.create(deployment("model", start=ColdStart(image_pull_seconds=1, load_seconds=2)))
    space.create(scaled_object("model", [trigger(stub.address)]))
    space.wait_for_ready("model", 1)
    wait_for(lambda: stub.asked("GetMetrics", "model"), "the HPA asks for the metric")
    stub.answers.value = 5.0
    asked_at = time.monotonic()
    space.wait_for_replicas("model", 5)
    decided_seconds = time.monotonic() - asked_at
    space.wait_for_ready("model", 5)
    assert decided_seconds < 5
    # The pods were created together and needed 1 s + 2 s.
    assert time.monotonic() - asked_at >= 2.9
    stub.answers.value = 2.0
    space.wait_for_replicas("model", 2)


def test_gpus_bound_what_runs_and_not_what_is_asked_for(space: Namespace, stub: StubScaler) -> None:
    stub.answers.value = 30.0
    space.create(deployment("model"))
    space.create(scaled_object("model", [trigger(stub.address)], maximum=30))
    space.wait_for_replicas("model", 30)
    space.wait_for_ready("model", 24)
    stays(lambda: space.ready_replicas("model") == 24, "24 of 24 GPUs", for_seconds=1)


def test_pods_that_fail_to_start_do_not_move_the_decision(
    space: Namespace, stub: StubScaler
) -> None:
    stub.answers.value = 3.0
    space.create(deployment("model", start=ColdStart(failure="crash-loop")))
    space.create(scaled_object("model", [trigger(stub.address)]))
    space.wait_for_replicas("model", 3)
    stays(lambda: space.replicas("model") == 3, "still 3 replicas", for_seconds=3)
    assert space.ready_replicas("model") == 0


def test_the_metric_is_served_under_the_name_that_keda_makes(
    cluster: ControlPlane, space: Namespace, stub: StubScaler
) -> None:
    stub.answers.value = 7.0
    space.create(deployment("model"))
    space.create(scaled_object("model", [trigger(stub.address)]))
    space.wait_for_replicas("model", 7)
    answer = cluster.ask(
        f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{space.name}/s0-replicas"
        "?labelSelector=scaledobject.keda.sh%2Fname%3Dmodel"
    )
    assert [item["value"] for item in answer["items"]] == ["7"]


def test_keda_comes_back_after_a_restart_and_goes_on(
    cluster: ControlPlane, space: Namespace, stub: StubScaler
) -> None:
    space.create(deployment("model"))
    space.create(scaled_object("model", [trigger(stub.address)]))
    wait_for(lambda: stub.asked("GetMetrics", "model"), "the HPA asks for the metric")
    cluster.restart("keda-operator")
    stub.answers.value = 4.0
    space.wait_for_replicas("model", 4, within_seconds=60)
