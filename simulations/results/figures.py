"""All figures of one run, as flat values for a table, a file or a search."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from forecasting.localtime import DAY_SECONDS
from simulations.results.attainment import Attainment, Slo, attainment_of
from simulations.results.costs import GpuHours, gpu_hours_of, regret, saving
from simulations.results.elasticity import Elasticity, elasticity_of
from simulations.results.scaling import n_changes, n_flaps, tick_seconds
from simulations.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run is judged by. References are GPU-hours; None: not compared.

    `price_per_gpu_hour` None: no money.
    """

    slo: Slo = field(default_factory=Slo)
    warm_floor: int = 0
    price_per_gpu_hour: float | None = None
    best_gpu_hours: float | None = None
    static_peak_gpu_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run came to. Seconds are of the run unless a name says otherwise.

    `shortage` is demand that no ready replica carried, times seconds: in requests. `exposure` is
    how long requests waited somewhere while a pod was on its way; `exposed_requests` came then
    (events alone). `changes_per_day` are of `spec.replicas`.
    """

    policy: str
    engine: str
    seed: int
    seconds: float
    attainment: Attainment
    gpu_hours: GpuHours
    elasticity: Elasticity
    shortage: float
    exposure_seconds: float
    exposed_requests: int
    changes_per_day: float
    flaps: int
    peak_replicas: int
    cost: float | None
    regret: float | None
    saving: float | None

    def as_plain(self) -> dict[str, Any]:
        """Return it as one level of plain values, nested names joined by an underscore."""
        plain: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                plain |= {f"{name}_{inner}": each for inner, each in value.items()}
            else:
                plain[name] = value
        plain["gpu_hours_total"] = self.gpu_hours.total
        return plain


def figures_of(run: Run, terms: Terms) -> Figures:
    """Return the figures of a run."""
    outcome, end = run.outcome, run.seconds
    seconds = tick_seconds(outcome, end)
    hours = gpu_hours_of(
        outcome, warm_floor=terms.warm_floor, gpus=run.cluster.gpus_per_replica, end=end
    )
    is_exposed = (outcome.waiting > 0) & (outcome.starting > 0)
    price, best, peak = (
        terms.price_per_gpu_hour,
        terms.best_gpu_hours,
        terms.static_peak_gpu_hours,
    )
    return Figures(
        policy=run.policy,
        engine=run.engine,
        seed=run.seed,
        seconds=end,
        attainment=attainment_of(run.served, terms.slo, end=end),
        gpu_hours=hours,
        elasticity=elasticity_of(outcome, carried=run.carried, end=end),
        shortage=float(np.nansum(outcome.shortage * seconds)),
        exposure_seconds=float(seconds[is_exposed].sum()),
        exposed_requests=run.exposed,
        changes_per_day=n_changes(outcome.wanted.astype(np.float64)) / end * DAY_SECONDS,
        flaps=n_flaps(outcome),
        peak_replicas=int(outcome.wanted.max()),
        cost=None if price is None else hours.cost(price),
        regret=None if best is None else regret(hours.total, best),
        saving=None if peak is None else saving(hours.total, peak),
    )


def pareto(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Return which of (cost, miss) no other one is better than in both, the cheapest first."""
    front: list[int] = []
    least = float("inf")
    for place in sorted(range(len(points)), key=lambda number: (*points[number], number)):
        if points[place][1] < least:
            least = points[place][1]
            front.append(place)
    return tuple(front)
