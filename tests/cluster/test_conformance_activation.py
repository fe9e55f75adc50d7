"""Rows about waking and sleeping: from and to zero, polled and pushed."""

import pytest

from harness import Namespace, Prewarm, stays, wait_for
from harness.conformance import NAME, Subject, wait_for_value
from harness.demand import Demand

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def subject(prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=prewarm.address, demand=demand)


@pytest.mark.parametrize("kind", ["external", "external-push"])
def test_row_18_keda_sees_the_object_active_exactly_while_there_is_demand(
    space: Namespace, subject: Subject, kind: str
) -> None:
    subject.deploy(space, demand=2, kind=kind, minimum=0)
    space.wait_for_replicas(NAME, 2)
    assert space.condition(NAME, "Active")[0] == "True"
    subject.demand.set(space.name, 0)
    wait_for(
        lambda: space.condition(NAME, "Active")[0] == "False",
        "KEDA sees the object inactive",
        last_seen=lambda: space.scaled_object(NAME)["status"],
    )
    space.wait_for_replicas(NAME, 0)


def test_row_19_no_demand_sleeps_at_zero_and_stays_there(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(space.name, 0)
    subject.demand.age(space.name)
    subject.deploy(space, demand=0, minimum=0)
    space.wait_for_replicas(NAME, 0)
    stays(lambda: space.replicas(NAME) == 0, "still zero", for_seconds=4)


def test_row_19_demand_up_to_the_activation_threshold_wakes_nobody(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(space.name, 3)
    subject.demand.age(space.name)
    subject.deploy(space, demand=3, minimum=0, metadata={"activationThreshold": "3"})
    space.wait_for_replicas(NAME, 0)
    stays(lambda: space.replicas(NAME) == 0, "still zero", for_seconds=3)
    subject.demand.set(space.name, 3.5)
    space.wait_for_replicas(NAME, 4)


def test_row_19_unknown_demand_is_not_zero_and_wakes_the_target(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=None, minimum=0)
    space.wait_for_replicas(NAME, 1)


@pytest.mark.parametrize("kind", ["external", "external-push"])
def test_row_35_demand_wakes_from_zero_to_the_replicas_that_it_needs(
    space: Namespace, subject: Subject, kind: str
) -> None:
    subject.deploy(space, demand=0, kind=kind, minimum=0)
    space.wait_for_replicas(NAME, 0)
    subject.demand.set(space.name, 4)
    space.wait_for_replicas(NAME, 4)


def test_row_35_push_wakes_long_before_the_next_poll(
    space: Namespace, subject: Subject, prewarm: Prewarm
) -> None:
    subject.deploy(space, demand=0, kind="external-push", minimum=0, polling_seconds=300)
    space.wait_for_replicas(NAME, 0, within_seconds=40)
    wait_for(lambda: prewarm.streams("StreamIsActive") >= 1, "a stream is open")
    subject.demand.set(space.name, 4)
    space.wait_for_replicas(NAME, 4, within_seconds=60)  # a fifth of the time between two polls


def test_row_35_a_stream_opened_while_active_wakes_at_once(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=3, kind="external-push", minimum=0, polling_seconds=300)
    space.wait_for_replicas(NAME, 3, within_seconds=15)


def test_row_36_a_pushed_object_goes_to_sleep_by_the_poll(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=3, kind="external-push", minimum=0)
    space.wait_for_replicas(NAME, 3)
    subject.demand.set(space.name, 0)
    space.wait_for_replicas(NAME, 0)


def test_row_39_an_external_trigger_opens_no_stream(
    space: Namespace, subject: Subject, own_prewarm: Prewarm
) -> None:
    own = Subject(address=own_prewarm.address, demand=subject.demand)
    own.deploy(space, demand=2)
    wait_for_value(space, 2)
    assert own_prewarm.streams("StreamIsActive") == 0
    assert own_prewarm.streams("StreamMetricSpec") == 0


def test_row_40_a_push_trigger_opens_both_streams_and_keeps_them(
    space: Namespace, subject: Subject, own_prewarm: Prewarm
) -> None:
    own = Subject(address=own_prewarm.address, demand=subject.demand)
    own.deploy(space, demand=2, kind="external-push")

    def open_streams() -> tuple[float, float]:
        methods = ("StreamIsActive", "StreamMetricSpec")
        return own_prewarm.streams(methods[0]), own_prewarm.streams(methods[1])

    wait_for(lambda: open_streams() == (1, 1), "both are open", last_seen=open_streams)
    stays(lambda: open_streams() == (1, 1), "both stay open", for_seconds=4)
    wait_for_value(space, 2)


def test_row_44_an_active_object_at_zero_wakes_to_its_minimum(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=0, minimum=2, idle=0)
    space.wait_for_replicas(NAME, 0)
    subject.demand.set(space.name, 1)
    space.wait_for_replicas(NAME, 2)
    stays(lambda: space.replicas(NAME) == 2, "the minimum", for_seconds=2)
