"""How fast the simulator is, beside simpy, and how near to queueing theory with 2 M customers.

    python benchmarks/simulate.py [--settings 100] [--customers 2000000]

CPU seconds of one process (`process_time`), so that a busy machine says nearly the same. A week of
2 million requests, the production decision behind KEDA and the HPA, a perfect forecast (making a
real one is forecasting's time, and shared by all settings). Writes results/simulate.json.
"""

import argparse
import gc
import itertools
import json
from math import factorial, log, sqrt
from pathlib import Path
from time import process_time

import numpy as np
import simpy
from machine import machine

from scaler.metadata import Trigger, parse
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.plant.cluster import Cluster, Routing
from simulations.plant.events import Events
from simulations.plant.model import PLACEHOLDERS, ReplicaModel
from simulations.policies.prewarm import Prewarm
from simulations.policies.rolled import Rolled, foreseen
from simulations.results.figures import Terms, figures_of
from simulations.run import EngineName, simulate
from simulations.workload.bins import Bins
from simulations.workload.generated import Traffic, generate
from simulations.workload.known import demand_of
from simulations.workload.lengths import Length, Lengths
from simulations.workload.requests import Requests

RESULT = Path(__file__).parent / "results" / "simulate.json"
MONDAY = 1_736_121_600.0
WEEK = 7 * 86_400.0
FLOORS, THRESHOLDS = range(1, 11), np.linspace(0.6, 1.2, 10)
GOALS = {"days_per_cpu_second": 5.0, "events_100": 90.0, "fluid_100": 20.0, "simpy": 20.0}
SOME_WAIT = 1e-9  # seconds; less is rounding
SIMPY_SHARE = 0.05  # of the customers: simpy takes a minute for all of them


def week() -> Requests:
    """Return two million requests over a week, 885 and 220 tokens long on the mean."""
    bins: Bins = generate(Traffic(mean_per_second=3.72), start_at=MONDAY, seconds=WEEK, seed=0)
    lengths = Lengths(prompt=Length(mean=885.0), completion=Length(mean=220.0))
    return bins.requests(seed=0, lengths=lengths)


def trigger(floor: int, threshold: float) -> Trigger:
    """Return a trigger as a ScaledObject holds it."""
    return parse(
        {
            "query": "requests",
            "threshold": f"{threshold:.3f}",
            "warmFloor": str(floor),
            "maxReplicas": "40",
            "leadTimeSeconds": "330",
        }
    )


def run_one(requests: Requests, rolled: Rolled, asked: Trigger, engine: EngineName) -> float:
    """Return the CPU seconds of one run with its figures."""
    gc.collect()
    begin = process_time()
    run = simulate(
        requests,
        Cluster(model=PLACEHOLDERS["a100-80gb"], initial_replicas=2, carried_per_replica=0.9),
        Prewarm(asked, rolled, start_at=requests.start_at),
        seed=0,
        spec=ScaledObjectSpec(min_replicas=1, max_replicas=40),
        engine=engine,
    )
    figures_of(run, Terms(warm_floor=asked.params.warm_floor))
    return process_time() - begin


def speed(n_settings: int) -> dict[str, object]:
    """Return the CPU time of settings in both engines, after a run that compiles."""
    requests = week()
    demand = demand_of(requests, before=None, step_seconds=60.0)
    # Floors and thresholds spread over the whole grid, however few are run.
    grid = list(itertools.product(FLOORS, THRESHOLDS))
    chosen = [grid[place] for place in np.linspace(0, len(grid) - 1, n_settings).astype(int)]
    found: dict[str, object] = {"requests": len(requests), "settings_run": n_settings}
    for engine in ("events", "fluid"):
        begin = process_time()
        rolled = foreseen(demand, trigger(1, 1.0), begin_at=requests.start_at)
        run_one(requests, rolled, trigger(1, 1.0), engine)
        first = process_time() - begin
        times = [
            run_one(requests, rolled, trigger(floor, threshold), engine)
            for floor, threshold in chosen
        ]
        median = float(np.median(times))
        found[engine] = {
            "cpu_seconds_first_run": round(first, 3),
            "cpu_seconds_a_week": round(median, 3),
            "slowest": round(max(times), 3),
            "days_per_cpu_second": round(7 / median, 2),
            "cpu_seconds_100_settings_on_2_cores": round(100 * float(np.mean(times)) / 2, 1),
        }
    return found


def one_step_server() -> ReplicaModel:
    """Return a replica that serves one at a time, in as many seconds as it makes tokens."""
    return ReplicaModel(
        step_seconds=1.0,
        step_seconds_per_sequence=0.0,
        step_seconds_per_token=0.0,
        prefill_seconds=0.0,
        prefill_seconds_per_token=0.0,
        max_sequences=1,
        overhead_seconds=0.0,
    )


def sharing_server() -> ReplicaModel:
    """Return a replica whose sequences share it equally."""
    return ReplicaModel(
        step_seconds=0.0,
        step_seconds_per_sequence=1.0,
        step_seconds_per_token=0.0,
        prefill_seconds=0.0,
        prefill_seconds_per_token=0.0,
        max_sequences=4_096,
        overhead_seconds=0.0,
    )


def served(
    model: ReplicaModel, rate: float, service: np.ndarray, replicas: int
) -> tuple[Events, float]:
    """Return a plant that has served Poisson arrivals, and its CPU seconds."""
    arrivals = np.cumsum(np.random.default_rng(2).exponential(1 / rate, service.size))
    requests = Requests(
        start_at=MONDAY,
        seconds=float(arrivals[-1]) + 1.0,
        arrivals=arrivals,
        prompt_tokens=np.zeros(service.size),
        completion_tokens=1.0 + service,
    )
    begin = process_time()
    plant = Events(
        requests,
        Cluster(model=model, routing=Routing.CENTRAL, initial_replicas=replicas),
        seed=0,
    )
    plant.advance(float(arrivals[-1]) + 10_000.0)
    return plant, process_time() - begin


def erlang_c(servers: int, use: float) -> float:
    """Return the probability to wait in M/M/c."""
    offered = servers * use
    below = sum(offered**k / factorial(k) for k in range(servers))
    full = offered**servers / factorial(servers) / (1 - use)
    return full / (below + full)


def theory(n: int) -> dict[str, object]:
    """Return how far waits and stays are from theory, as ratios, the first tenth dropped."""
    found: dict[str, object] = {"customers": n}
    exponential = np.random.default_rng(1).exponential(1.0, n)
    for servers, use in ((1, 0.5), (1, 0.8), (4, 0.8), (16, 0.9), (64, 0.9)):
        waits = served(one_step_server(), use * servers, exponential, servers)[0].served().waits
        waits = waits[n // 10 :]
        waiting = erlang_c(servers, use)
        mean = waiting / (servers * (1 - use))
        batches = waits[: waits.size // 50 * 50].reshape(50, -1).mean(axis=1)
        half = 2.68 * batches.std(ddof=1) / sqrt(50)  # 99 %, Student with 49 degrees
        p99 = log(waiting / 0.01) / (servers * (1 - use))
        found[f"m_m_{servers}_use_{use}"] = {
            "mean_wait_error": round(float(waits.mean()) / mean - 1, 4),
            "mean_in_99_percent_interval": bool(abs(float(waits.mean()) - mean) <= half),
            "wait_probability_error": round(float((waits > SOME_WAIT).mean()) - waiting, 4),
            "p99_wait_error": round(float(np.quantile(waits, 0.99)) / p99 - 1, 4),
        }
    sigma = sqrt(log(5.0))
    rng = np.random.default_rng(5)
    laws = {
        "exponential": exponential,
        "constant": np.ones(n),
        "lognormal_cv2_4": rng.lognormal(-sigma * sigma / 2, sigma, n),
    }
    for (name, service), use in itertools.product(laws.items(), (0.5, 0.8)):
        done = served(sharing_server(), use, service, 1)[0].served()
        stays = (done.ends - done.arrivals)[n // 10 :]
        found[f"ps_{name}_use_{use}"] = round(float(stays.mean()) * (1 - use) - 1, 4)
    return found


def beside_simpy(n: int) -> dict[str, float]:
    """Return CPU microseconds a customer of M/M/4 at 0.8, here and in simpy, run in turns."""
    rng = np.random.default_rng(0)
    few = max(1_000, round(n * SIMPY_SHARE))
    ours, theirs = [], []
    for _ in range(3):
        ours.append(served(one_step_server(), 3.2, rng.exponential(1.0, n), 4)[1] / n)
        theirs.append(simpy_m_m_4(rng, few // 3) / (few // 3))
    return {
        "ours_microseconds": round(1e6 * float(np.median(ours)), 3),
        "simpy_microseconds": round(1e6 * float(np.median(theirs)), 3),
        "times_faster": round(float(np.median(theirs) / np.median(ours)), 1),
        "customers_ours": n,
        "customers_simpy": few,
    }


def simpy_m_m_4(rng: np.random.Generator, n: int) -> float:
    """Return the CPU seconds of simpy, written as its documentation does."""
    gaps, services = rng.exponential(1 / 3.2, n).tolist(), rng.exponential(1.0, n).tolist()
    environment = simpy.Environment()
    servers = simpy.Resource(environment, capacity=4)
    waits: list[float] = []

    def customer(service: float) -> object:
        came = environment.now
        with servers.request() as turn:
            yield turn
            waits.append(environment.now - came)
            yield environment.timeout(service)

    def source() -> object:
        for gap, service in zip(gaps, services, strict=True):
            yield environment.timeout(gap)
            environment.process(customer(service))

    environment.process(source())
    begin = process_time()
    environment.run()
    return process_time() - begin


def main() -> None:
    """Run all, print the figures beside their goals, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=int, default=8, help="how many of the 100 are run")
    parser.add_argument("--customers", type=int, default=2_000_000)
    given = parser.parse_args()
    result = {
        "machine": machine("numpy", "numba", "simpy"),
        "speed": speed(given.settings),
        "simpy_m_m_4": beside_simpy(given.customers),
        "theory": theory(given.customers),
        "goals": GOALS,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
