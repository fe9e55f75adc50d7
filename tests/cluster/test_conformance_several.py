"""Several triggers, several objects, and the settings of a ScaledObject that meet the scaler."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness import ControlPlane, Namespace, Prewarm, deployment, scaled_object, stays, wait_for
from harness.conformance import METRIC_NAME, NAME, Subject, wait_for_value
from harness.demand import Demand
from harness.manifests import prometheus_trigger

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

N_OBJECTS = 200
CALM_TICK_SECONDS = 15.0


@pytest.fixture
def subject(prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=prewarm.address, demand=demand)


@pytest.fixture
def own(own_prewarm: Prewarm, demand: Demand) -> Subject:
    return Subject(address=own_prewarm.address, demand=demand)


def test_beside_a_reactive_trigger_the_predictive_one_only_raises(
    space: Namespace, subject: Subject
) -> None:
    ours, theirs = f"{space.name}-ours", f"{space.name}-theirs"
    subject.demand.set(ours, 2)
    subject.demand.set(theirs, 3)
    space.create(deployment(NAME))
    reactive = prometheus_trigger(subject.demand.address, subject.demand.query(theirs), 1)
    space.create(scaled_object(NAME, [subject.trigger(ours), reactive]))
    space.wait_for_replicas(NAME, 3)
    subject.demand.set(ours, 6)
    space.wait_for_replicas(NAME, 6)
    subject.demand.set(ours, 1)
    space.wait_for_replicas(NAME, 3)


def test_scaling_modifiers_take_the_greater_of_reactive_and_predicted(
    space: Namespace, subject: Subject
) -> None:
    ours, theirs = f"{space.name}-ours", f"{space.name}-theirs"
    subject.demand.set(ours, 5)
    subject.demand.set(theirs, 2)
    space.create(deployment(NAME))
    predicted = {**subject.trigger(ours), "name": "predicted"}
    reactive = prometheus_trigger(
        subject.demand.address, subject.demand.query(theirs), 1, name="reactive"
    )
    modifiers = {
        "formula": "max(predicted, reactive)", "target": "1", "metricType": "AverageValue"
    }  # fmt: skip
    space.create(scaled_object(NAME, [predicted, reactive], modifiers=modifiers))
    space.wait_for_replicas(NAME, 5)
    subject.demand.set(theirs, 7)
    space.wait_for_replicas(NAME, 7)


def test_row_41_cached_metrics_are_asked_for_at_the_polling_interval_only(
    space: Namespace, own: Subject, own_prewarm: Prewarm
) -> None:
    own.demand.set(space.name, 2)
    space.create(deployment(NAME))
    cached = {**own.trigger(space.name), "useCachedMetrics": True}
    space.create(scaled_object(NAME, [cached], polling_seconds=5))
    space.wait_for_replicas(NAME, 2)
    own.demand.set(space.name, 4)
    space.wait_for_replicas(NAME, 4, within_seconds=20)
    before, began = own_prewarm.calls("GetMetrics"), time.monotonic()
    wait_for(lambda: own_prewarm.calls("GetMetrics") >= before + 3, "three polls")
    # The HPA syncs each second; only the poll, each five seconds, comes through.
    assert time.monotonic() - began > 8


def test_a_paused_object_is_not_asked_about_and_keeps_its_replicas(
    space: Namespace, own: Subject, own_prewarm: Prewarm
) -> None:
    own.deploy(space, demand=3)
    space.wait_for_replicas(NAME, 3)
    pause = "autoscaling.keda.sh/paused"
    space.patch_scaled_object(NAME, {"metadata": {"annotations": {pause: "true"}}})
    wait_for(lambda: space.condition(NAME, "Paused")[0] == "True", "KEDA has paused it")
    own.demand.set(space.name, 6)
    calls = own_prewarm.calls("GetMetrics")
    stays(
        lambda: space.replicas(NAME) == 3 and own_prewarm.calls("GetMetrics") <= calls + 1,
        "three replicas and no call",
        for_seconds=4,
    )
    space.patch_scaled_object(NAME, {"metadata": {"annotations": {pause: None}}})
    space.wait_for_replicas(NAME, 6)


@pytest.fixture
def crowd(cluster: ControlPlane) -> Iterator[Namespace]:
    namespace = Namespace(cluster, "crowd")
    yield namespace
    namespace.delete()


@pytest.fixture
def own_demand(cluster: ControlPlane) -> Iterator[Demand]:
    """A Prometheus that one test alone asks: it counts queries."""
    with Demand(cluster.run, name="prometheus-calm") as running:
        yield running


@pytest.fixture
def calm_prewarm(cluster: ControlPlane, own_demand: Demand) -> Iterator[Prewarm]:
    """A scaler with the tick that users have."""
    with Prewarm(
        cluster.run, own_demand.address, tick_seconds=CALM_TICK_SECONDS, name="prewarm-calm"
    ) as running:
        yield running


@pytest.mark.timeout(900)
def test_row_29_two_hundred_objects_are_answered_without_a_query_for_each_call(
    crowd: Namespace, own_demand: Demand, calm_prewarm: Prewarm
) -> None:
    subject = Subject(address=calm_prewarm.address, demand=own_demand)
    own_demand.set(crowd.name, 2)
    own_demand.age(crowd.name)
    for number in range(N_OBJECTS):
        # No GPU: this is about the scaler, not about room on nodes.
        crowd.create(deployment(f"model-{number}", resources={"cpu": 1}))
        one = scaled_object(f"model-{number}", [subject.trigger(crowd.name)], polling_seconds=30)
        crowd.create(one)
    wait_for(
        lambda: replicas_of(crowd) == [2] * N_OBJECTS,
        "all two hundred have two replicas",
        within_seconds=300,
        every_seconds=1.0,
        last_seen=lambda: sorted(replicas_of(crowd)),
    )
    wait_for(
        lambda: queries_of_a_tick(own_demand) <= 1.5 * N_OBJECTS,  # a round is spread out
        "the history of each has been read once",
        within_seconds=400,
    )
    calls, queries = calm_prewarm.calls("GetMetrics"), own_demand.queries_answered()
    began = time.monotonic()
    wait_for(
        lambda: calm_prewarm.calls("GetMetrics") >= calls + 4 * N_OBJECTS,
        "the HPA asks four more times about each",
        within_seconds=120,
    )
    n_ticks = (time.monotonic() - began) / CALM_TICK_SECONDS + 1
    # One request for each tick and target, however often the HPA asks.
    assert own_demand.queries_answered() - queries <= n_ticks * N_OBJECTS


def queries_of_a_tick(demand: Demand) -> int:
    before = demand.queries_answered()
    time.sleep(CALM_TICK_SECONDS)
    return demand.queries_answered() - before


def replicas_of(space: Namespace) -> list[int]:
    found: list[Any] = space.apps.list_namespaced_deployment(space.name).items
    return [one.spec.replicas for one in found]


def test_two_prewarm_triggers_with_equal_metadata_are_one_target_and_agree(
    space: Namespace, subject: Subject
) -> None:
    subject.demand.set(space.name, 3)
    space.create(deployment(NAME))
    space.create(scaled_object(NAME, [subject.trigger(space.name)] * 2))
    wait_for_value(space, 3)
    space.wait_for_replicas(NAME, 3)
    stays(lambda: space.replicas(NAME) == 3, "three replicas", for_seconds=2)
    autoscaler = space.autoscaler(NAME)
    assert autoscaler is not None
    names = {one.external.metric.name for one in autoscaler.spec.metrics}
    assert names == {f"s0-{METRIC_NAME}", f"s1-{METRIC_NAME}"}
