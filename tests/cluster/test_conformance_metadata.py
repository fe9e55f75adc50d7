"""Rows about trigger metadata: what KEDA sends of it, and what an error in it does."""

from collections.abc import Iterator

import pytest

from harness import ControlPlane, Namespace, Prewarm, deployment, scaled_object, stays, wait_for
from harness.conformance import METRIC_NAME, NAME, Subject, hpa_targets, wait_for_value
from harness.demand import Demand
from harness.manifests import prometheus_trigger

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def subject(prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=prewarm.address, demand=demand)


@pytest.fixture
def twin(cluster: ControlPlane) -> Iterator[Namespace]:
    namespace = Namespace(cluster, "twin")
    yield namespace
    namespace.delete()


def test_row_03_keys_that_keda_keeps_for_itself_are_no_error(
    space: Namespace, subject: Subject
) -> None:
    reserved = {"enableTLS": "false", "unsafeSsl": "false"}
    subject.deploy(space, demand=2, metadata=reserved)
    space.wait_for_replicas(NAME, 2)


def test_row_04_keys_from_the_environment_of_the_target_are_read(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(space.name, 6)
    variables = {"DEMAND_QUERY": subject.demand.query(space.name), "PER_REPLICA": "2"}
    space.create(deployment(NAME, environment=variables))
    metadata = {"queryFromEnv": "DEMAND_QUERY", "thresholdFromEnv": "PER_REPLICA"}
    one = subject.trigger(space.name, **metadata)
    del one["metadata"]["query"], one["metadata"]["threshold"]
    space.create(scaled_object(NAME, [one]))
    space.wait_for_replicas(NAME, 3)


def test_row_04_a_variable_that_is_not_set_is_a_missing_key_and_says_so(
    space: Namespace, subject: Subject
) -> None:
    space.create(deployment(NAME))
    one = subject.trigger(space.name, queryFromEnv="NOT_SET")
    del one["metadata"]["query"]
    space.create(scaled_object(NAME, [one]))
    assert "query: missing" in space.wait_for_event(NAME, "query")


def test_row_05_a_number_that_is_none_is_named_with_its_value_in_an_event(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, metadata={"threshold": "10rps", "leadTimeSecnods": "60"})
    event = space.wait_for_event(NAME, "threshold")
    assert '"10rps"' in event
    # All bad keys at once, the unknown one with the nearest that is known.
    assert "leadTimeSecnods" in event
    assert "leadTimeSeconds" in event


def test_row_06_bad_metadata_does_not_stop_the_trigger_beside_it(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(space.name, 4)
    space.create(deployment(NAME))
    bad = subject.trigger(space.name)
    del bad["metadata"]["threshold"]
    good = prometheus_trigger(subject.demand.address, subject.demand.query(space.name), 1)
    space.create(scaled_object(NAME, [bad, good]))
    space.wait_for_replicas(NAME, 4)
    assert len(hpa_targets(space)) == 2
    space.wait_for_event(NAME, "threshold: missing")


def test_row_30_one_name_in_two_namespaces_is_two_targets(
    space: Namespace, twin: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=2)
    subject.deploy(twin, demand=5)
    twin.wait_for_replicas(NAME, 5)
    space.wait_for_replicas(NAME, 2)


def test_row_31_an_edited_object_is_answered_by_its_new_metadata(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=8)
    space.wait_for_replicas(NAME, 8)
    edited = subject.trigger(space.name, threshold="4")
    space.patch_scaled_object(NAME, {"spec": {"triggers": [edited]}})
    wait_for_value(space, 2)
    space.wait_for_replicas(NAME, 2)


def test_row_31_a_deleted_object_is_asked_about_no_more(
    space: Namespace, subject: Subject, prewarm: Prewarm
) -> None:
    subject.deploy(space, demand=3, kind="external-push")
    space.wait_for_replicas(NAME, 3)
    wait_for(lambda: prewarm.streams("StreamIsActive") >= 1, "a stream is open")
    open_before = prewarm.streams("StreamIsActive")
    space.delete_scaled_object(NAME)
    wait_for(lambda: space.autoscaler(NAME) is None, "KEDA has taken the HPA away")
    wait_for(lambda: prewarm.streams("StreamIsActive") < open_before, "the stream is closed")
    stays(lambda: space.replicas(NAME) == 3, "nothing moves the replicas", for_seconds=2)
    assert METRIC_NAME not in str(hpa_targets(space))
