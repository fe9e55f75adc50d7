"""The fluid engine: the same fleet in averages."""

import numpy as np
import pytest

from plain_kernels import plain
from plants import FAST, cluster, poisson, requests_of
from simulations.plant import fluid_kernel, pods_kernel
from simulations.plant.cold_start import ColdStart, Phase, always
from simulations.plant.events import Events
from simulations.plant.fluid import Fluid

SCRIPT = (2, 2, 4, 4, 1, 1, 3, 0, 0, 2, 5, 5, 1, 2)


def played(plant: Fluid | Events) -> Fluid | Events:
    for number, replicas in enumerate(SCRIPT, start=1):
        plant.advance(number * 15.0)
        plant.scale(replicas)
    plant.advance(500.0)
    return plant


def test_compiled_and_plain_kernels_agree():
    given = cluster(
        cold_start=ColdStart(warm=Phase(median_seconds=20.0, p95_seconds=40.0)), drain_seconds=9.0
    )
    requests = poisson(4.0, 300.0)
    one = played(Fluid(requests, given, seed=1))
    other = played(
        Fluid(requests, given, seed=1, kernel=plain(fluid_kernel), pods=plain(pods_kernel))
    )
    for name in ("busy_seconds", "idle_seconds", "starting_seconds"):
        mine, theirs = getattr(one.outcome(), name), getattr(other.outcome(), name)
        assert mine == pytest.approx(theirs, abs=1e-9)
    np.testing.assert_allclose(one.served().waits, other.served().waits, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.outcome().waiting, other.outcome().waiting, rtol=0, atol=1e-9)


def test_both_engines_bill_the_same_pods():
    requests = poisson(3.0, 300.0, seed=2)
    given = cluster(cold_start=always(37.0))
    fluid, events = (
        played(engine(requests, given, seed=0)).outcome() for engine in (Fluid, Events)
    )
    assert fluid.wanted.tolist() == events.wanted.tolist()
    assert fluid.starting_seconds == pytest.approx(events.starting_seconds)
    total = [o.busy_seconds + o.idle_seconds + o.starting_seconds for o in (fluid, events)]
    assert total[0] == pytest.approx(total[1], rel=0.03)


def test_in_a_steady_state_as_many_run_as_little_says():
    """A deterministic stream without chance: N = rate x residence, at its own N."""
    seconds, rate = 400.0, 5.0
    n = int(seconds * rate)
    requests = requests_of(
        (np.arange(n) + 0.5) / rate, np.full(n, 100.0), np.full(n, 40.0), seconds=seconds
    )
    plant = Fluid(requests, cluster(), seed=0)
    plant.advance(seconds)
    running = plant.observe().running
    assert running == pytest.approx(rate * FAST.residence(running, 100.0, 40.0), rel=0.01)
    assert running > 2


def test_waits_are_those_of_a_first_come_first_served_queue():
    """Nothing is ready for 60 s; a hundred requests then take their turns."""
    requests = requests_of(
        np.linspace(0.1, 9.9, 100), np.full(100, 100.0), np.full(100, 20.0), seconds=200.0
    )
    given = cluster(initial_replicas=0, cold_start=always(60.0))
    plants = [engine(requests, given, seed=0) for engine in (Fluid, Events)]
    for plant in plants:
        plant.scale(1)
        plant.advance(200.0)
    fluid, events = (plant.served() for plant in plants)
    assert fluid.weights.sum() == 100
    assert fluid.waits[0] == pytest.approx(59.0, abs=1.5)
    mean = float(np.average(fluid.waits, weights=fluid.weights))
    assert mean == pytest.approx(float(events.waits.mean()), rel=0.05)


def test_a_carried_demand_is_what_the_model_keeps_its_pace_at():
    carried = FAST.carried(100.0, 20.0)
    paced = FAST.carried(100.0, 20.0, inter_token_seconds=0.03)
    assert 0 < paced < carried
    assert carried == pytest.approx(8 / FAST.residence(8, 100.0, 20.0))
    sequences = np.linspace(1.0, 8.0, 10_000)
    fitting = [n for n in sequences if FAST.inter_token(n, 100.0, 20.0) <= 0.03]
    assert paced == pytest.approx(fitting[-1] / FAST.residence(fitting[-1], 100, 20), rel=1e-3)
