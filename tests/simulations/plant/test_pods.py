"""Pods on nodes: where they go, how long they start, which go first."""

import numpy as np
import pytest

from plants import FAST, cluster, poisson, requests_of, server
from simulations.plant.cluster import Cluster, Nodes
from simulations.plant.cold_start import ColdStart, Draws, Phase, always, constant
from simulations.plant.errors import BadPlant
from simulations.plant.events import Events
from simulations.plant.model import ReplicaModel

PHASES = ColdStart(warm=constant(10.0), cold=constant(50.0), new_node=constant(100.0))
NOTHING = requests_of(np.empty(0), np.empty(0), np.empty(0), seconds=10.0)


def quiet(**more: object) -> Events:
    """A fleet that nobody asks for anything."""
    return Events(NOTHING, cluster(**{"cold_start": PHASES, **more}), seed=0)  # type: ignore[arg-type]


def ready_times(plant: Events, replicas: int, until: float) -> list[float]:
    """Scale at once, call the scheduler each second, and return when a pod more was ready."""
    times: list[float] = []
    n_ready = plant.observe().ready
    for at in range(1, int(until) + 1):
        plant.scale(replicas)
        plant.advance(float(at))
        now = plant.observe().ready
        times += [float(at)] * (now - n_ready)
        n_ready = now
    return times


def test_warm_nodes_come_before_cold_ones_and_those_before_new_ones():
    plant = quiet(nodes=Nodes(present=2, addable=1, gpus=2), initial_replicas=1)
    # One on the warm node, two on the cold one, two on a new one; the sixth finds no room.
    assert ready_times(plant, 7, 400.0) == [10, 50, 50, 150, 150]
    seen = plant.observe()
    assert (seen.ready, seen.starting, seen.wanted) == (6, 0, 7)
    assert plant.outcome().starting_seconds == 10 + 2 * 50 + 2 * 150


def test_a_pod_without_room_is_not_billed_and_starts_when_another_goes():
    plant = quiet(nodes=Nodes(present=1, gpus=1))
    plant.advance(10.0)
    plant.scale(3)
    plant.advance(60.0)
    outcome = plant.outcome()
    assert outcome.starting_seconds == 0
    assert outcome.idle_seconds == 60


def test_an_added_node_goes_when_it_was_empty_long_enough():
    plant = quiet(nodes=Nodes(present=1, addable=1, idle_seconds=120.0))
    assert ready_times(plant, 2, 200.0) == [150]
    for at, replicas in ((210.0, 1), (211.0, 1), (300.0, 2)):
        plant.advance(at)
        plant.scale(replicas)
    plant.advance(311.0)
    assert plant.observe().ready == 2, "the node was still there, and warm"
    for at, replicas in ((320.0, 1), (321.0, 1), (442.0, 1), (450.0, 2)):
        plant.advance(at)
        plant.scale(replicas)
    plant.advance(590.0)
    assert plant.observe().starting == 1, "it had to come back, and to load all again"
    plant.advance(600.0)
    assert plant.observe().ready == 2


def test_pods_that_start_go_before_ready_ones_and_the_newest_first():
    plant = quiet(initial_replicas=2, nodes=Nodes(present=8, is_image_present=True))
    plant.advance(5.0)
    plant.scale(4)
    plant.advance(10.0)
    plant.scale(3)
    seen = plant.observe()
    assert (seen.ready, seen.starting) == (2, 1)
    plant.advance(15.0)
    assert plant.observe().ready == 3, "the older of the two went on"
    plant.scale(1)
    assert plant.pods.slots["pod"][plant.pods.slots["state"] == 3].tolist() == [0]


def test_starts_at_the_same_time_share_bandwidth_where_the_cluster_says_so():
    shared = ColdStart(
        warm=constant(10.0), cold=constant(10.0), new_node=constant(0.0), bandwidth_exponent=1.0
    )
    plant = quiet(cold_start=shared, nodes=Nodes(present=8))
    assert ready_times(plant, 4, 60.0) == [10, 20, 30]


def test_a_draining_pod_finishes_what_it_has_and_is_billed_until_then():
    requests = requests_of(np.array([1.0, 1.0]), np.ones(2), np.array([1_001.0, 1.0]), seconds=9.0)
    plant = Events(requests, cluster(initial_replicas=2), seed=0)
    plant.advance(5.0)
    plant.scale(0)
    plant.advance(100.0)
    found = plant.served()
    assert not found.is_lost.any()
    outcome = plant.outcome()
    used = float(found.ends.max()) - FAST.overhead_seconds
    assert outcome.busy_seconds + outcome.idle_seconds == pytest.approx(5.0 + used)


def test_what_a_pod_has_when_its_time_to_drain_is_over_is_lost():
    requests = requests_of(np.array([1.0, 2.0]), np.ones(2), np.array([9e4, 9e4]), seconds=9.0)
    model = ReplicaModel(
        step_seconds=0.01, step_seconds_per_sequence=0, step_seconds_per_token=0,
        prefill_seconds=0, prefill_seconds_per_token=0,
    )  # fmt: skip
    plant = Events(requests, cluster(model, drain_seconds=30.0), seed=0)
    plant.advance(5.0)
    plant.scale(0)
    plant.advance(34.9)
    assert plant.observe().running == 2
    plant.advance(100.0)
    assert plant.served().is_lost.tolist() == [True, True]
    assert plant.outcome().busy_seconds == pytest.approx(34.0)


def test_lognormal_phases_have_the_median_and_the_95th_percentile_that_were_stated():
    drawn = Phase(median_seconds=90.0, p95_seconds=150.0).draw(np.random.default_rng(0), 100_000)
    assert np.median(drawn) == pytest.approx(90.0, rel=0.01)
    assert np.quantile(drawn, 0.95) == pytest.approx(150.0, rel=0.02)
    assert (constant(7.0).draw(np.random.default_rng(0), 9) == 7.0).all()


def test_failed_starts_begin_anew_and_a_pod_has_its_luck_by_its_number():
    draws = Draws(ColdStart(warm=constant(10.0), failure_ratio=0.5), seed=1)
    draws.reach(2_000)
    assert draws.warm.size == 2_048
    assert set(draws.warm[:50].tolist()) <= {10.0 * n for n in range(1, 21)}
    assert draws.warm.mean() == pytest.approx(20.0, rel=0.06), "half of them fail, each time"
    again = Draws(ColdStart(warm=constant(10.0), failure_ratio=0.5), seed=1)
    again.reach(100)
    assert again.warm[:100].tolist() == draws.warm[:100].tolist()


def test_more_pods_than_slots_make_room_for_themselves():
    plant = Events(
        poisson(5.0, 60.0), cluster(nodes=Nodes(present=100), cold_start=always(5.0)), seed=0
    )
    plant.advance(10.0)
    plant.scale(80)
    plant.advance(30.0)
    assert plant.observe().ready == 80
    plant.advance(90.0)
    assert not np.isnan(plant.served().ends).any()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Phase(median_seconds=90.0, p95_seconds=80.0), "p95_seconds: 80.0"),
        (lambda: ColdStart(failure_ratio=1.0), "failure_ratio: 1.0"),
        (lambda: ColdStart(bandwidth_exponent=2.0), "bandwidth_exponent: 2.0"),
        (lambda: Cluster(model=FAST, gpus_per_replica=2), "gpus_per_replica: 2"),
        (lambda: Cluster(model=FAST, nodes=Nodes(present=1), initial_replicas=2), "0 to 1"),
        (lambda: Nodes(present=0), "one node or more"),
        (lambda: quiet().scale(-1), "replicas: -1"),
        (lambda: server(0.0), "a step that takes time"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_by_name(make, said: str):  # noqa: ANN001 - a lambda
    with pytest.raises(BadPlant, match=said):
        make()
