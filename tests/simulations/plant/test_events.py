"""Laws of the event engine, and the same model written twice."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_kernels import plain
from plants import FAST, cluster, poisson, requests_of
from simulations.plant import events_kernel, pods_kernel
from simulations.plant.cluster import Cluster, Nodes, Routing
from simulations.plant.cold_start import ColdStart, Phase, always
from simulations.plant.events import Events
from simulations.plant.model import ReplicaModel
from simulations.workload.requests import Requests
from token_by_token import Pod, Request, TokenByToken

TICK = 15.0
SCRIPT = (2, 2, 4, 4, 1, 1, 3, 0, 0, 2, 5, 5, 1, 2)  # replicas, tick by tick


def played(
    plant: Events, script: tuple[int, ...] = SCRIPT, *, then_seconds: float = 400.0
) -> Events:
    for number, replicas in enumerate(script, start=1):
        plant.advance(number * TICK)
        plant.scale(replicas)
    plant.advance(len(script) * TICK + then_seconds)
    return plant


def in_python(requests: Requests, given: Cluster, *, seed: int) -> Events:
    return Events(requests, given, seed=seed, kernel=plain(events_kernel), pods=plain(pods_kernel))


VARIED = ColdStart(
    warm=Phase(median_seconds=20.0, p95_seconds=40.0),
    cold=Phase(median_seconds=50.0, p95_seconds=90.0),
    new_node=Phase(median_seconds=30.0, p95_seconds=60.0),
    failure_ratio=0.3,
    bandwidth_exponent=0.5,
)


@pytest.mark.parametrize("routing", list(Routing))
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_compiled_and_plain_kernels_agree(routing: Routing, share: float):
    given = cluster(
        ReplicaModel(**{**_fields(FAST), "prefill_share": share}),
        cold_start=VARIED,
        routing=routing,
        nodes=Nodes(present=2, addable=2, gpus=1, idle_seconds=30.0),
        patience_seconds=40.0,
        drain_seconds=20.0,
    )
    requests = poisson(4.0, 300.0, seed=1)
    one, other = played(Events(requests, given, seed=3)), played(in_python(requests, given, seed=3))
    for name in ("waits", "time_to_first", "inter_token", "ends"):
        mine, theirs = getattr(one.served(), name), getattr(other.served(), name)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9)
    assert one.served().is_lost.tolist() == other.served().is_lost.tolist()
    assert one.exposed == other.exposed
    for name in ("ready", "starting", "wanted"):
        assert getattr(one.outcome(), name).tolist() == getattr(other.outcome(), name).tolist()
    for name in ("busy_seconds", "idle_seconds", "starting_seconds"):
        mine, theirs = getattr(one.outcome(), name), getattr(other.outcome(), name)
        assert mine == pytest.approx(theirs, abs=1e-9)


def _fields(model: ReplicaModel) -> dict[str, float]:
    return {name: getattr(model, name) for name in ReplicaModel.__dataclass_fields__}


models = st.builds(
    ReplicaModel,
    step_seconds=st.floats(0.001, 0.1),
    step_seconds_per_sequence=st.floats(0.0, 0.02),
    step_seconds_per_token=st.sampled_from([0.0, 1e-6, 5e-5]),
    prefill_seconds=st.sampled_from([0.0, 0.05]),
    prefill_seconds_per_token=st.sampled_from([0.0, 1e-3]),
    kv_cache_tokens=st.sampled_from([150.0, 600.0, inf]),
    max_sequences=st.integers(1, 6),
    prefill_share=st.sampled_from([1.0, 0.7, 0.3]),
)


@given(
    model=models,
    gaps=st.lists(st.floats(0.001, 3.0), min_size=1, max_size=40),
    seed=st.integers(0, 99),
    patience=st.sampled_from([inf, 1.5]),
)
@settings(max_examples=80)
def test_the_engine_agrees_with_the_model_written_plainly(
    model: ReplicaModel, gaps: list[float], seed: int, patience: float
):
    rng = np.random.default_rng(seed)
    n = len(gaps)
    arrivals = np.cumsum(gaps)
    prompt = rng.integers(1, 120, n).astype(float)
    completion = rng.integers(1, 60, n).astype(float)
    requests = requests_of(arrivals, prompt, completion, seconds=float(arrivals[-1]) + 1)
    fleet = Cluster(
        model=model, initial_replicas=1, patience_seconds=patience, cold_start=always(4.0)
    )
    plant = Events(requests, fleet, seed=0)
    plain_requests = [
        Request(at, p, c) for at, p, c in zip(arrivals, prompt, completion, strict=True)
    ]
    pods = [Pod(ready_at=0.0)]
    twin = TokenByToken(model, pods, patience=patience)
    middle, end = float(arrivals[n // 2]), float(arrivals[-1]) + 2_000.0
    plant.advance(middle)
    plant.scale(3)
    twin.serve([r for r in plain_requests if r.at < middle], middle)
    pods += [Pod(ready_at=middle + 4.0, now=middle) for _ in range(2)]
    plant.advance(end)
    twin.serve([r for r in plain_requests if r.at >= middle], end)
    found = plant.served()
    assert found.is_lost.tolist() == [r.is_lost for r in plain_requests]
    np.testing.assert_allclose(
        found.waits, [r.begins - r.at for r in plain_requests], rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(
        found.ends, [r.end + model.overhead_seconds for r in plain_requests], rtol=0, atol=1e-6
    )
    assert plant.outcome().busy_seconds == pytest.approx(sum(p.busy for p in pods), abs=1e-6)


@given(
    script=st.lists(st.integers(0, 6), min_size=2, max_size=12),
    rate=st.floats(0.2, 8.0),
    seed=st.integers(0, 99),
    routing=st.sampled_from(list(Routing)),
    limits=st.tuples(st.sampled_from([inf, 20.0]), st.sampled_from([inf, 5.0])),
)
@settings(max_examples=60)
def test_requests_are_conserved_and_gpu_seconds_are_those_of_billed_pods(
    script: list[int], rate: float, seed: int, routing: Routing, limits: tuple[float, float]
):
    requests, (patience, drain) = poisson(rate, 200.0, seed=seed), limits
    given = cluster(
        cold_start=VARIED, routing=routing, patience_seconds=patience, drain_seconds=drain,
        nodes=Nodes(present=3, addable=1),
    )  # fmt: skip
    plant = Events(requests, given, seed=seed)
    plant.scale(1)  # the row of the beginning
    before, at = 0.0, 0.0
    for replicas in script:
        for _ in range(15):  # look every second, and add up what runs
            at += 1.0
            plant.advance(at)
            outside = plant.served()
            seen = plant.observe()
            n_open = int((~outside.is_lost & np.isnan(outside.ends)).sum())
            assert seen.running + seen.waiting == n_open
            assert len(outside) == int((requests.arrivals < at).sum())
        plant.scale(replicas)
        outcome = plant.outcome()
        total = outcome.busy_seconds + outcome.idle_seconds + outcome.starting_seconds
        most = 15.0 * (max(script) + 6)
        assert before <= total <= before + most
        before = total
    states = plant.pods.slots["state"]
    assert ((states == pods_kernel.READY) | (states == pods_kernel.STARTING)).sum() <= 4


def test_gpu_seconds_are_the_integral_of_pods_that_are_placed():
    """Looked at closely enough that no pod comes or goes between two looks."""
    requests = poisson(3.0, 300.0, seed=4)
    plant = Events(requests, cluster(cold_start=always(37.0)), seed=0)
    step, at, integral = 0.05, 0.0, 0.0
    for tick in range(1, len(SCRIPT) * 300 + 1):
        pods = plant.pods.slots["state"]
        n_billed = int(np.isin(pods, [pods_kernel.STARTING, pods_kernel.READY,
                                      pods_kernel.DRAINING]).sum())  # fmt: skip
        at = tick * step
        plant.advance(at)
        integral += n_billed * step
        if tick % 300 == 0:
            plant.scale(SCRIPT[tick // 300 - 1])
    outcome = plant.outcome()
    total = outcome.busy_seconds + outcome.idle_seconds + outcome.starting_seconds
    assert total == pytest.approx(integral, abs=step * 20)
    assert outcome.busy_seconds - 15.0 <= outcome.busy.sum() <= outcome.busy_seconds


def test_nothing_is_served_before_a_pod_is_ready():
    requests = requests_of(np.array([1.0, 2.0]), np.ones(2), np.ones(2) * 5, seconds=30.0)
    plant = Events(requests, cluster(initial_replicas=0, cold_start=always(40.0)), seed=0)
    plant.advance(15.0)
    plant.scale(1)
    assert plant.observe().waiting == 2
    plant.advance(200.0)
    found = plant.served()
    assert found.waits[0] == pytest.approx(54.0)
    assert found.waits[1] >= 53.0
    assert plant.outcome().starting_seconds == 40.0


def test_a_longer_cold_start_delays_all_that_wait_for_it_and_bills_more_starting():
    requests = poisson(2.0, 200.0)
    plants = [
        played(Events(requests, cluster(cold_start=always(s), initial_replicas=0), seed=0))
        for s in (10.0, 60.0)
    ]
    first, second = (np.nansum(plant.served().waits) for plant in plants)
    assert second > first * 2
    assert plants[1].outcome().starting_seconds > plants[0].outcome().starting_seconds


def test_a_fleet_never_rests_while_requests_wait_in_one_queue():
    requests = poisson(6.0, 200.0, seed=8)
    plant = Events(requests, cluster(routing=Routing.CENTRAL, initial_replicas=2), seed=0)
    for at in np.arange(0.5, 200.0, 0.5).tolist():
        plant.advance(at)
        slots = plant.pods.slots[:2]
        if plant.observe().waiting > 0:
            assert ((slots["running"] > 0) | (slots["prefilling"] >= 0)).all()


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_starts():
    requests = poisson(4.0, 300.0)
    given = cluster(cold_start=VARIED, routing=Routing.RANDOM)
    runs = [played(Events(requests, given, seed=seed)) for seed in (5, 5, 6)]
    ends = [run.served().ends.tobytes() for run in runs]
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_looking_often_changes_nothing_beyond_rounding():
    requests = poisson(4.0, 200.0)
    seldom, often = (Events(requests, cluster(), seed=0) for _ in range(2))
    for at in np.arange(0.1, 400.0, 0.1).tolist():
        often.advance(at)
    seldom.advance(400.0)
    np.testing.assert_allclose(often.served().ends, seldom.served().ends, atol=1e-7)


def test_a_request_that_fits_no_cache_is_lost_and_holds_up_nobody():
    requests = requests_of(
        np.array([1.0, 1.1]), np.array([5_000.0, 10.0]), np.array([9.0, 9.0]), seconds=10.0
    )
    plant = Events(requests, cluster(), seed=0)
    plant.advance(60.0)
    assert plant.served().is_lost.tolist() == [True, False]
    assert plant.served().waits[1] == 0.0


def test_time_to_first_token_and_pace_of_a_lone_request_are_the_models():
    requests = requests_of(np.array([1.0]), np.array([100.0]), np.array([11.0]), seconds=10.0)
    plant = Events(requests, cluster(), seed=0)
    plant.advance(60.0)
    found = plant.served()
    assert found.time_to_first[0] == pytest.approx(0.02 + 100e-4 + FAST.overhead_seconds)
    held = 100 + 10 / 2  # of the ten steps, on average
    assert found.inter_token[0] == pytest.approx(0.012 + 1e-6 * held)


def test_time_does_not_go_back():
    plant = Events(poisson(1.0, 60.0), cluster(), seed=0)
    plant.advance(30.0)
    with pytest.raises(ValueError, match="before the present moment"):
        plant.advance(20.0)
