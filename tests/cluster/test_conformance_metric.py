"""Rows about the metric: its name, its target and its value, as KEDA and the HPA take them."""

import math

import pytest

from harness import Namespace, Prewarm, deployment, scaled_object, stays, wait_for
from harness.conformance import (
    METRIC_NAME,
    NAME,
    Subject,
    check_row_01,
    check_row_02,
    check_row_09,
    check_row_17,
    hpa_targets,
    metric_values,
    wait_for_value,
)
from harness.demand import Demand

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def subject(prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=prewarm.address, demand=demand)


def test_row_01_valid_metadata_gives_one_metric_with_a_stable_name_and_a_target_of_one(
    space: Namespace, subject: Subject
) -> None:
    check_row_01(space, subject)


def test_row_02_the_target_stays_when_demand_moves_and_keda_reconciles(
    space: Namespace, subject: Subject
) -> None:
    check_row_02(space, subject)


def test_row_07_each_trigger_is_asked_for_its_own_metric_without_the_prefix(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(f"{space.name}-a", 2)
    subject.demand.set(f"{space.name}-b", 3)
    space.create(deployment(NAME))
    triggers = [subject.trigger(f"{space.name}-{key}") for key in "ab"]
    space.create(scaled_object(NAME, triggers))
    wait_for(lambda: metric_values(space, f"s1-{METRIC_NAME}") == ["3"], "the second is 3")
    assert metric_values(space, f"s0-{METRIC_NAME}") == ["2"]
    space.wait_for_replicas(NAME, 3)


def test_row_09_the_metric_has_one_value_and_the_hpa_follows_it(
    space: Namespace, subject: Subject
) -> None:
    check_row_09(space, subject)


def test_row_13_values_that_are_no_demand_leave_the_last_good_answer(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=4)
    space.wait_for_replicas(NAME, 4)
    for bad in (math.nan, -5.0, math.inf):
        subject.demand.set(space.name, bad)
        stays(
            lambda: space.replicas(NAME) == 4 and metric_values(space) == ["4"],
            f"4 replicas with a demand of {bad}",
            for_seconds=4,
        )
    subject.demand.set(space.name, 2)
    space.wait_for_replicas(NAME, 2)


def test_row_14_a_huge_demand_is_clamped_to_the_bound_in_the_metadata(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=1e17, metadata={"maxReplicas": "6"}, maximum=8)
    wait_for_value(space, 6)
    space.wait_for_replicas(NAME, 6)


@pytest.mark.parametrize(("load", "replicas"), [(3.0000000001, 3), (3.01, 4), (2.5, 3)])
def test_row_15_the_hpa_reads_whole_replicas(
    space: Namespace, subject: Subject, load: float, replicas: int
) -> None:
    subject.deploy(space, demand=load)
    wait_for_value(space, replicas)
    space.wait_for_replicas(NAME, replicas)


def test_row_16_the_target_is_one_and_never_zero_even_for_a_tiny_threshold(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=0.0002, metadata={"threshold": "0.0001"})
    wait_for(lambda: hpa_targets(space) == {f"s0-{METRIC_NAME}": "1"}, "the target is 1")
    space.wait_for_replicas(NAME, 2)


def test_row_17_the_metric_has_a_value_before_anything_is_known(
    space: Namespace, subject: Subject
) -> None:
    check_row_17(space, subject)


def test_row_42_metric_type_value_works_and_utilization_is_refused_by_keda(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(space.name, 2)
    space.create(deployment(NAME))
    one = {**subject.trigger(space.name), "metricType": "Value"}
    space.create(scaled_object(NAME, [one]))
    space.wait_for_ready(NAME, 2)
    refused = {**subject.trigger(space.name), "metricType": "Utilization"}
    space.create(deployment("refused"))
    space.create(scaled_object("refused", [refused]))
    space.wait_for_event("refused", "Utilization", within_seconds=20)


def test_row_43_a_step_within_ten_percent_needs_a_tolerance_of_zero(
    space: Namespace, subject: Subject
) -> None:
    tolerant = {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 10000, "periodSeconds": 1}],
        }
    }
    subject.deploy(space, demand=20, behavior=tolerant, maximum=30)
    space.wait_for_replicas(NAME, 20)
    subject.demand.set(space.name, 21)
    wait_for_value(space, 21)
    stays(lambda: space.replicas(NAME) == 20, "20 replicas", for_seconds=4)
    space.patch_scaled_object(
        NAME,
        {
            "spec": {
                "advanced": {
                    "horizontalPodAutoscalerConfig": {
                        "behavior": {"scaleUp": {**tolerant["scaleUp"], "tolerance": "0"}}
                    }
                }
            }
        },
    )
    space.wait_for_replicas(NAME, 21)
