"""Policies side by side on one workload: who takes part, their runs, their figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np

from forecasting.forecaster import Forecaster
from forecasting.series import Series
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.backtest.errors import BadInput
from simulations.oracle import Clairvoyant, Costs, needed, optimum
from simulations.plant.model import ReplicaModel
from simulations.plant.share import means_of
from simulations.policies.cron import WEEK_DAYS
from simulations.policies.prewarm import Prewarm
from simulations.policies.rolled import Apply, foreseen, roll
from simulations.policies.roster import Rival, Setting, rivals
from simulations.ports import DirectPolicy, Policy
from simulations.results.doubt import Estimate, estimate, paired
from simulations.results.figures import Figures, Terms, figures_of
from simulations.run import EngineName, Run, simulate
from simulations.trials.material import Material
from simulations.trials.setup import Setup
from simulations.workload.requests import Requests

OURS, PERFECT, BEST, REACTIVE, PEAK = (
    "prewarm", "prewarm-perfect", "clairvoyant", "keda-reactive", "static-peak",
)  # fmt: skip
USUAL = (OURS, REACTIVE, "keda-reactive-floor", "cron-24x7", PEAK, BEST)
CRON = "cron-24x7"
WINDOW_SECONDS = 60.0  # the oracle's: demand of shorter times is evened out by a queue
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entrant:
    """One policy in the contest: as a `Rival`, made as new for each run."""

    name: str
    about: str
    make: Callable[[], Policy | DirectPolicy]
    spec: ScaledObjectSpec | None
    is_hindsight: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What one policy came to: the figures of each seed, and the run of the first."""

    entrant: Entrant
    figures: tuple[Figures, ...]
    run: Run

    def of(self, read: Callable[[Figures], float]) -> Estimate:
        """Return a figure over the seeds."""
        return estimate([read(each) for each in self.figures])

    def beyond(self, other: "Standing", read: Callable[[Figures], float]) -> Estimate:
        """Return by how much a figure is larger than another policy's, seed by seed."""
        return paired([read(each) for each in self.figures], [read(one) for one in other.figures])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contest:
    """All standings in the order asked for; `left_out` says who could not take part, and why."""

    material: Material
    setup: Setup
    engine: EngineName
    standings: tuple[Standing, ...]
    left_out: tuple[str, ...]

    def get(self, name: str) -> Standing | None:
        """Return the standing of a policy, None where it took no part."""
        return next((each for each in self.standings if each.entrant.name == name), None)


def hold(
    material: Material, setup: Setup, forecaster: Forecaster, *, names: Sequence[str],
    engine: EngineName, seeds: Sequence[int], folder: Path | None, apply: Apply,
    advance: Advance,
) -> Contest:  # fmt: skip
    """Return the contest of the named policies. Raises `BadInput` for a name that is none."""
    entrants, left_out = enter(material, setup, forecaster, names, folder=folder, apply=apply)
    found: dict[str, list[tuple[Figures, Run]]] = {each.name: [] for each in entrants}
    done, of = 0, len(entrants) * len(seeds)
    for seed in seeds:
        for each in entrants:
            run = simulate(
                material.requests, setup.cluster, each.make(), seed=seed, spec=each.spec,
                engine=engine,
            )  # fmt: skip
            found[each.name].append((figures_of(run, terms_of(setup)), run))
            done += 1
            advance("runs", done, of)
    return Contest(
        material=material,
        setup=setup,
        engine=engine,
        standings=_standings(entrants, found, setup),
        left_out=left_out,
    )


def terms_of(setup: Setup) -> Terms:
    """Return what a run is judged by."""
    floor = setup.trigger.params.warm_floor
    return Terms(slo=setup.slo, warm_floor=floor, price_per_gpu_hour=setup.price)


def _standings(
    entrants: Sequence[Entrant], found: dict[str, list[tuple[Figures, Run]]], setup: Setup
) -> tuple[Standing, ...]:
    """Return the standings, each compared with the best possible and the peak of its seed."""
    standings = []
    for each in entrants:
        figures = []
        for number, (_, run) in enumerate(found[each.name]):
            best, peak = (
                found[name][number][0].gpu_hours.total if name in found else None
                for name in (BEST, PEAK)
            )
            terms = replace(terms_of(setup), best_gpu_hours=best, static_peak_gpu_hours=peak)
            figures.append(figures_of(run, terms))
        standings.append(Standing(entrant=each, figures=tuple(figures), run=found[each.name][0][1]))
    return tuple(standings)


def enter(
    material: Material, setup: Setup, forecaster: Forecaster, names: Sequence[str], *,
    folder: Path | None, apply: Apply,
) -> tuple[tuple[Entrant, ...], tuple[str, ...]]:  # fmt: skip
    """Return who takes part, and a line about each who can't for want of history."""
    step = setup.trigger.params.step_seconds
    demand = material.demand(step)
    roster = rivals(demand, setting_of(material, setup))
    known = [OURS, PERFECT, BEST, *roster]
    entrants, left_out = [], []
    for name in names:
        if name not in known:
            raise BadInput(f'--policies: "{name}" is not allowed; allowed are: {", ".join(known)}')
        if name in roster:
            entrant = _of(roster[name])
        elif name == BEST:
            entrant = clairvoyant(material, setup)
        else:
            entrant = _prewarm(
                name, material, setup, demand, forecaster=forecaster, folder=folder, apply=apply
            )
        try:
            _check_history(name, material)
            entrant.make()
        except ValueError as exc:
            left_out.append(f"{name} takes no part: {exc}")
        else:
            entrants.append(entrant)
    if not entrants:
        raise BadInput("--policies: none of them can take part. " + "; ".join(left_out))
    return tuple(entrants), tuple(left_out)


def _check_history(name: str, material: Material) -> None:
    """Raise ValueError for a schedule of a week where there was no week."""
    if name == CRON and material.days_before < WEEK_DAYS:
        raise ValueError(
            f"it is fitted on the week before, and there are {material.days_before:.1f} days"
        )


def _of(rival: Rival) -> Entrant:
    return Entrant(
        name=rival.name, about=rival.about, make=rival.make, spec=rival.spec,
        is_hindsight=rival.is_hindsight,
    )  # fmt: skip


def setting_of(material: Material, setup: Setup) -> Setting:
    """Return what all rivals are held to: our own threshold, floor and lead time."""
    params, requests = setup.trigger.params, material.requests
    return Setting(
        start_at=requests.start_at,
        threshold=params.threshold,
        in_flight_threshold=in_flight(setup.cluster.model, params.threshold, requests),
        lead_time_seconds=params.lead_time_seconds,
        zone=params.zone,
        floor_replicas=max(params.warm_floor, 1),
        spec=setup.spec,
    )


def in_flight(model: ReplicaModel, rate: float, requests: Requests) -> float:
    """Return the requests that a replica has in flight at that rate, by Little's law."""
    prompt, completion = means_of(requests)
    most = max(model.most_sequences(prompt, completion), 1.0)
    running = 1.0
    for _ in range(100):
        running = min(max(rate * model.residence(running, prompt, completion), 0.01), most)
    return running


def _prewarm(
    name: str,
    material: Material,
    setup: Setup,
    demand: Series,
    *,
    forecaster: Forecaster,
    folder: Path | None,
    apply: Apply,
) -> Entrant:
    start_at = material.requests.start_at
    if name == PERFECT:
        rolled = foreseen(demand, setup.trigger, begin_at=start_at)
    else:
        rolled = roll(
            demand, setup.trigger, forecaster, begin_at=start_at, folder=folder, apply=apply
        )
    return Entrant(
        name=name,
        about="the scaler's own decision" + (", told the future" if name == PERFECT else ""),
        make=lambda: Prewarm(setup.trigger, rolled, start_at=start_at, name=name),
        spec=setup.spec,
        is_hindsight=name == PERFECT,
    )


def clairvoyant(material: Material, setup: Setup) -> Entrant:
    """Return the cheapest fleet that always covers the demand of each minute, known beforehand.

    Pods are started as early as 95 % of them need.
    """
    requests = material.requests
    n = ceil(requests.seconds / WINDOW_SECONDS)
    counts = np.bincount((requests.arrivals // WINDOW_SECONDS).astype(np.int64), minlength=n)
    need = needed(counts / WINDOW_SECONDS, setup.cluster.carried_per_replica or 1.0)
    need = np.clip(need, setup.spec.min_replicas, setup.spec.max_replicas)
    plan = optimum(
        need,
        Costs(
            cold_start_ticks=ceil(setup.start_seconds / WINDOW_SECONDS),
            initial_replicas=setup.cluster.initial_replicas,
        ),
    )
    return Entrant(
        name=BEST,
        about="the cheapest fleet that covers the demand of each minute, all known beforehand",
        make=lambda: Clairvoyant(plan, tick_seconds=WINDOW_SECONDS),
        spec=None,
        is_hindsight=True,
    )
