"""Rows about bad days: no forecast, no Prometheus, a scaler that restarts, freezes or doubles."""

import time
from collections.abc import Iterator

import pytest

from harness import ControlPlane, Namespace, Prewarm, deployment, scaled_object, stays, wait_for
from harness.conformance import NAME, Subject, check_row_24, metric_values, wait_for_value
from harness.demand import Demand
from harness.names import NameServer

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

N_OBJECTS = 20


@pytest.fixture
def subject(prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=prewarm.address, demand=demand)


@pytest.fixture
def own(own_prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=own_prewarm.address, demand=demand)


@pytest.fixture
def seeing(seeing_prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=seeing_prewarm.address, demand=demand)


@pytest.fixture
def own_demand(cluster: ControlPlane) -> Iterator[Demand]:
    """A Prometheus that a test may kill."""
    with Demand(cluster.run, "own-prometheus") as running:
        yield running


def test_row_21_the_warm_floor_is_answered_before_anything_is_known(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(space, demand=None, metadata={"warmFloor": "3"})
    space.wait_for_replicas(NAME, 3, within_seconds=15)


def test_row_22_prometheus_down_holds_the_last_good_answer_and_recovers(
    space: Namespace, cluster: ControlPlane, own_demand: Demand
) -> None:
    with Prewarm(cluster.run, own_demand.address, name="prewarm-alone") as prewarm:
        subject = Subject(address=prewarm.address, demand=own_demand)
        subject.deploy(space, demand=4, metadata={"staleAfterSeconds": "10"})
        space.wait_for_replicas(NAME, 4)
        own_demand.stop()
        # Longer than staleAfterSeconds, so the held answer is a stale one in the end.
        stays(
            lambda: space.replicas(NAME) == 4 and metric_values(space) == ["4"],
            "four replicas without Prometheus",
            for_seconds=14,
            every_seconds=0.5,
        )
        own_demand.start()
        own_demand.set(space.name, 6)
        space.wait_for_replicas(NAME, 6)


def test_row_22_prometheus_down_falls_to_the_floor_where_asked(
    space: Namespace, cluster: ControlPlane, own_demand: Demand
) -> None:
    with Prewarm(cluster.run, own_demand.address, name="prewarm-alone") as prewarm:
        subject = Subject(address=prewarm.address, demand=own_demand)
        stale = {"staleAfterSeconds": "10", "onStale": "floor", "warmFloor": "2"}
        subject.deploy(space, demand=4, metadata=stale)
        space.wait_for_replicas(NAME, 4)
        own_demand.stop()
        space.wait_for_replicas(NAME, 2, within_seconds=40)


def test_row_23_errors_by_request_bring_kedas_fallback_and_end_with_it(
    space: Namespace, subject: Subject
) -> None:
    subject.deploy(
        space,
        demand=2,
        metadata={"staleAfterSeconds": "10", "onStale": "error"},
        fallback={"failureThreshold": 3, "replicas": 5},
    )
    space.wait_for_replicas(NAME, 2)
    subject.demand.remove(space.name)
    space.wait_for_replicas(NAME, 5, within_seconds=60)
    # The HPA acts on KEDA's answer before KEDA has written its condition.
    wait_for(lambda: space.condition(NAME, "Fallback")[0] == "True", "the fallback is told")
    assert space.autoscaler(NAME) is not None
    subject.demand.set(space.name, 3)
    space.wait_for_replicas(NAME, 3)
    wait_for(lambda: space.condition(NAME, "Fallback")[0] == "False", "the fallback has ended")


def test_row_24_keda_waits_milliseconds_for_an_answer(space: Namespace, subject: Subject) -> None:
    check_row_24(space, subject)


def test_row_24_a_frozen_scaler_moves_nothing_and_is_used_again_after(
    space: Namespace, own: Subject, own_prewarm: Prewarm
) -> None:
    own.deploy(space, demand=3)
    space.wait_for_replicas(NAME, 3)
    own_prewarm.freeze()
    try:
        stays(lambda: space.replicas(NAME) == 3, "three replicas while frozen", for_seconds=8)
    finally:
        own_prewarm.thaw()
    own.demand.set(space.name, 5)
    space.wait_for_replicas(NAME, 5, within_seconds=75)


def test_row_26_a_scaler_that_was_killed_under_load_is_used_again_soon(
    space: Namespace, own: Subject, own_prewarm: Prewarm
) -> None:
    own.deploy(space, demand=4)
    space.wait_for_replicas(NAME, 4)
    own_prewarm.kill()
    stays(lambda: space.replicas(NAME) == 4, "four replicas without a scaler", for_seconds=5)
    own_prewarm.start()
    started_at = time.monotonic()
    own.demand.set(space.name, 6)
    space.wait_for_replicas(NAME, 6, within_seconds=30)
    assert time.monotonic() - started_at < 30
    fell = [event for event in space.events(NAME) if "Scaled down" in event]
    assert not fell, "replicas fell when the scaler came back"


def test_row_26_none_of_many_objects_falls_when_the_scaler_comes_back(
    space: Namespace, seeing: Subject, seeing_prewarm: Prewarm
) -> None:
    seeing.demand.set(space.name, 4)
    names = [f"model-{number}" for number in range(N_OBJECTS)]
    for name in names:
        space.create(deployment(name, resources={"cpu": 1}))
        space.create(scaled_object(name, [seeing.trigger(space.name)]))
    for name in names:
        space.wait_for_replicas(name, 4, within_seconds=60)
    seeing_prewarm.kill()
    seeing_prewarm.start()
    seeing.demand.set(space.name, 5)
    for name in names:
        space.wait_for_replicas(name, 5, within_seconds=60)
    fell = [name for name in names if any("Scaled down" in one for one in space.events(name))]
    assert not fell, f"{len(fell)} of {N_OBJECTS} objects fell"


def test_row_26_an_object_made_while_the_scaler_is_down_works_once_it_is_up(
    space: Namespace, own: Subject, own_prewarm: Prewarm
) -> None:
    own_prewarm.kill()
    own.deploy(space, demand=3)
    space.wait_for_event(NAME, "no metric specs returned")
    assert space.autoscaler(NAME) is None
    own_prewarm.start()
    space.wait_for_replicas(NAME, 3, within_seconds=60)


def test_row_27_sigterm_ends_the_scaler_with_status_zero_and_moves_nothing(
    space: Namespace, own: Subject, own_prewarm: Prewarm
) -> None:
    own.deploy(space, demand=3, kind="external-push")
    space.wait_for_replicas(NAME, 3)
    wait_for(lambda: own_prewarm.streams("StreamIsActive") == 1, "a stream is open")
    assert own_prewarm.terminate() == 0
    stays(lambda: space.replicas(NAME) == 3, "three replicas", for_seconds=3)


def test_row_37_streams_end_well_on_sigterm_so_keda_opens_them_again_in_seconds(
    space: Namespace, cluster: ControlPlane, own: Subject, own_prewarm: Prewarm
) -> None:
    own.deploy(space, demand=0, kind="external-push", minimum=0)
    space.wait_for_replicas(NAME, 0)
    wait_for(lambda: own_prewarm.streams("StreamIsActive") == 1, "a stream is open")
    log = cluster.programs["keda-operator"].log
    read_before = len(log.read_text())
    own_prewarm.terminate()
    own_prewarm.start()
    wait_for(
        lambda: own_prewarm.streams("StreamIsActive") == 1,
        "the stream is open again",
        within_seconds=15,
    )
    lines = log.read_text()[read_before:].splitlines()
    failed = [one for one in lines if "error running StreamIsActive" in one and space.name in one]
    # The stream itself ended with OK; only attempts while nobody listened may have failed.
    assert all("connection refused" in one or "Unavailable" in one for one in failed), failed
    own.demand.set(space.name, 2)
    space.wait_for_replicas(NAME, 2)


def test_row_38_what_goes_wrong_behind_it_never_ends_a_stream_in_error(
    space: Namespace, cluster: ControlPlane, own: Subject, own_prewarm: Prewarm
) -> None:
    metadata = {"staleAfterSeconds": "10", "onStale": "error"}
    own.deploy(space, demand=2, kind="external-push", metadata=metadata)
    wait_for_value(space, 2)
    wait_for(lambda: own_prewarm.streams("StreamIsActive") == 1, "a stream is open")
    own.demand.remove(space.name)
    wait_for(lambda: metric_values(space) == [], "calls end in error", within_seconds=60)
    # KEDA makes its scaler anew for that, and with it the connection and the stream.
    stays(lambda: metric_values(space) == [], "errors for a while", for_seconds=4)
    own.demand.set(space.name, 3)
    wait_for_value(space, 3, within_seconds=60)
    wait_for(
        lambda: own_prewarm.streams("StreamIsActive") == 1, "a stream is open", within_seconds=60
    )
    lines = cluster.programs["keda-operator"].log.read_text().splitlines()
    failed = [one for one in lines if "error running StreamIsActive" in one and space.name in one]
    assert all("client connection is closing" in one for one in failed), failed


def test_row_28_two_scalers_behind_one_name_give_the_same_answer(
    space: Namespace, cluster: ControlPlane, demand: Demand
) -> None:
    with (
        Prewarm(cluster.run, demand.address, name="prewarm-one") as one,
        Prewarm(
            cluster.run, demand.address, name="prewarm-two", host="127.0.0.2", port=one.port
        ) as two,
        NameServer(["127.0.0.1", "127.0.0.2"]) as names,
    ):
        subject = Subject(address=names.target(one.port), demand=demand)
        subject.deploy(space, demand=3)
        wait_for_value(space, 3)
        space.wait_for_replicas(NAME, 3)
        # An even number of calls a round can send all GetMetrics to one and all IsActive to the
        # other, so both count: this is how an answer comes from two scalers.
        wait_for(
            lambda: answers(one) > 5 and answers(two) > 5,
            "both are asked",
            last_seen=lambda: (answers(one), answers(two)),
        )
        stays(lambda: metric_values(space) == ["3"], "all answers are 3", for_seconds=3)
        two.kill()
        stays(lambda: space.replicas(NAME) == 3, "one scaler is enough", for_seconds=3)
        demand.set(space.name, 5)
        space.wait_for_replicas(NAME, 5)


def answers(prewarm: Prewarm) -> float:
    return prewarm.calls("GetMetrics") + prewarm.calls("IsActive")


def test_keda_restarted_while_the_scaler_runs_asks_again_and_moves_nothing_meanwhile(
    space: Namespace, cluster: ControlPlane, subject: Subject
) -> None:
    subject.deploy(space, demand=4)
    space.wait_for_replicas(NAME, 4)
    cluster.restart("keda-operator")
    stays(lambda: space.replicas(NAME) == 4, "four replicas", for_seconds=3)
    subject.demand.set(space.name, 5)
    space.wait_for_replicas(NAME, 5, within_seconds=60)


def test_an_object_without_its_deployment_is_no_trouble_for_others(
    space: Namespace, subject: Subject
) -> None:
    space.create(scaled_object("nothing", [subject.trigger(space.name)]))
    subject.demand.set(space.name, 2)
    space.create(deployment(NAME))
    space.create(scaled_object(NAME, [subject.trigger(space.name)]))
    space.wait_for_replicas(NAME, 2)
