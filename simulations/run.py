"""One run: a workload, a cluster, and a policy behind KEDA and the HPA.

Scrapes, KEDA's polls and the HPA's syncs each have a timer of their own, and none knows of the
others; their phases are drawn from the run's seed. A poll or sync sees demand and queues as of the
last scrape, and pods as of then too. The plant never goes further than what has been decided on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from typing import Literal, Protocol, runtime_checkable

from simulations.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Timers
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.plant.cluster import Cluster
from simulations.plant.engine import Engine
from simulations.plant.events import Events
from simulations.plant.fluid import Fluid
from simulations.plant.recording import Served
from simulations.ports import DirectPolicy, Observation, Outcome, Policy
from simulations.workload.requests import Requests
from simulations.workload.streams import stream

SCRAPE_SECONDS = 15.0  # a usual scrape_interval
ENGINES: dict[str, type[Events] | type[Fluid]] = {"events": Events, "fluid": Fluid}
EngineName = Literal["events", "fluid"]
Advance = Callable[[float], None]
"""Told how many seconds of the run are done."""


@runtime_checkable
class Forecasting(Protocol):
    """A policy that can say what its last decision expected."""

    @property
    def forecast(self) -> float:
        """The forecast that the last decision rests on; NaN without one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What came of a run. `forecasts` has a value for each row of the outcome, NaN without one."""

    policy: str
    engine: str
    seed: int
    seconds: float  # how long it went on
    requests: Requests
    cluster: Cluster
    carried: float  # the demand of one replica that shortage is measured against
    outcome: Outcome
    served: Served
    forecasts: tuple[float, ...]
    exposed: int  # requests that came while others waited and a pod was on its way


def simulate(
    requests: Requests,
    cluster: Cluster,
    policy: Policy | DirectPolicy,
    *,
    seed: int,
    spec: ScaledObjectSpec | None = None,
    engine: EngineName = "events",
    drain_seconds: float = 0.0,
    advance: Advance = lambda _seconds: None,
) -> Run:
    """Return the run of a policy. Equal for equal arguments.

    `spec` is the ScaledObject; a `DirectPolicy` needs none. The run goes on for `drain_seconds`
    after the last arrival, so that what still runs then may end.
    """
    plant = ENGINES[engine](requests, cluster, seed=seed)
    plant.scale(cluster.initial_replicas)
    end = requests.seconds + drain_seconds
    if isinstance(policy, DirectPolicy):
        forecasts = _directly(plant, policy, end, advance)
    else:
        spec = spec or ScaledObjectSpec()
        forecasts = _behind_keda(plant, policy, spec, seed=seed, end=end, advance=advance)
    plant.advance(end)
    outcome = plant.outcome()
    at_rows = dict(forecasts)
    return Run(
        policy=policy.name,
        engine=engine,
        seed=seed,
        seconds=end,
        requests=requests,
        cluster=cluster,
        carried=plant.carried,
        outcome=outcome,
        served=plant.served(),
        forecasts=tuple(at_rows.get(at, nan) for at in outcome.at.tolist()),
        exposed=plant.exposed,
    )


def timers(seed: int, spec: ScaledObjectSpec) -> tuple[Timers, float]:
    """Return when the first sync and poll are due, and the first scrape."""
    sync, poll, scrape = stream(seed, "phases").random(3).tolist()
    first = Timers(first_sync_at=sync * SYNC_SECONDS, first_poll_at=poll * spec.polling_seconds)
    return first, scrape * SCRAPE_SECONDS


def _behind_keda(
    plant: Engine,
    policy: Policy,
    spec: ScaledObjectSpec,
    *,
    seed: int,
    end: float,
    advance: Advance,
) -> list[tuple[float, float]]:
    """Drive a policy by its metrics; return the forecasts with the times of their rows."""
    first, scrape_at = timers(seed, spec)
    autoscaler = Autoscaler(spec, policy, first)
    forecasts: list[tuple[float, float]] = []
    n_scrapes, first_scrape_at = 0, scrape_at
    wanted = plant.pods.wanted
    teller = policy if isinstance(policy, Forecasting) else None
    seen = plant.observe()
    step_at = autoscaler.next_at
    while (at := min(scrape_at, step_at)) < end:
        if scrape_at <= at:
            plant.advance(at)
            seen = plant.observe()
            plant.scale(wanted)
            n_scrapes += 1
            scrape_at = first_scrape_at + n_scrapes * SCRAPE_SECONDS
            advance(at)
            if teller is not None:
                forecasts.append((at, teller.forecast))
        if step_at <= at:
            shown = Observation(
                at=at, demand=seen.demand, running=seen.running, waiting=seen.waiting,
                kv_cache_use=seen.kv_cache_use, wanted=wanted, ready=seen.ready,
                starting=seen.starting,
            )  # fmt: skip
            replicas = autoscaler.step(shown)
            step_at = autoscaler.next_at
            if replicas != wanted:
                wanted = replicas
                plant.advance(at)
                plant.scale(wanted)
                after = plant.observe()  # pods are watched, not scraped
                seen = replace(seen, ready=after.ready, starting=after.starting)
                if teller is not None:
                    forecasts.append((at, teller.forecast))
    return forecasts


def _directly(
    plant: Engine, policy: DirectPolicy, end: float, advance: Advance
) -> list[tuple[float, float]]:
    """Set what a policy says, tick by tick."""
    n_ticks = 0
    while (at := n_ticks * SYNC_SECONDS) < end:
        plant.advance(at)
        plant.scale(policy.replicas(plant.observe()))
        n_ticks += 1
        advance(at)
    return []
