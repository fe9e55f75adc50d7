"""One case of the headline table: a trace and a cold start, and all policies on it.

A trace is scaled so that 99.9 % of its minutes ask for at most 20 replicas, and begins with up to
seven days of history. One replica carries half of what it could do at most; that is the threshold
of everybody, and what shortage is measured against. Nobody is told anything later than the moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.default import default_forecaster
from forecasting.series import Series
from scaler.metadata import parse
from simulations.autoscaling.behavior import Behavior, scale_down, scale_up
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.oracle import Clairvoyant, Costs, needed, optimum
from simulations.plant.cluster import Cluster, Nodes
from simulations.plant.cold_start import always
from simulations.plant.model import PLACEHOLDERS
from simulations.policies.prewarm import Prewarm
from simulations.policies.reactive import Reactive
from simulations.policies.rolled import foreseen, roll
from simulations.policies.roster import Setting, rivals
from simulations.ports import DirectPolicy, Policy
from simulations.results.figures import Terms, figures_of
from simulations.run import EngineName, Run, simulate
from simulations.workload.bins import Bins
from simulations.workload.files import read_workload
from simulations.workload.known import demand_of
from simulations.workload.lengths import Lengths
from simulations.workload.requests import Requests

DAY, MINUTE, HOUR = 86_400.0, 60.0, 3_600.0
PEAK_REPLICAS, PEAK_LEVEL = 20, 0.999
MAX_REPLICAS = 80
HISTORY_DAYS = 7.0  # a cron table and Mimir's query need a week
POLL_AND_SYNC_SECONDS = 30.0  # what comes before a pod's own start
MODEL = PLACEHOLDERS["a100-80gb"]
LENGTHS = Lengths()
CARRIED = 0.5 * MODEL.carried(LENGTHS.prompt.mean, LENGTHS.completion.mean)
SHARES = (1.15, 0.9, 0.8)  # of the threshold: the curve against GPU-hours
REACTIVE_SHARES = (1.15, 0.9, 0.5)  # beside those that the roster has
CURVED = ("cron-24x7", "mimir-like", "holt-winters", "phpa-like", "crane-like", "prophet-like")
CURVE_SHARES = (0.85,)  # of the rivals with a forecast
# The reactive ScaledObject of docs/trigger.md: small steps up count. For everybody.
SPEC = ScaledObjectSpec(
    min_replicas=1, max_replicas=MAX_REPLICAS, behavior=Behavior(up=scale_up(tolerance=0.0))
)
STOCK = replace(SPEC, behavior=None)
QUICK_DOWN = replace(
    SPEC,
    behavior=Behavior(up=scale_up(tolerance=0.0), down=scale_down(stabilization_seconds=60.0)),
)  # an ablation: the HPA's usual window is 300 s
EVENT_FAMILIES = ("prewarm", "keda-reactive", "holt-winters", "crane-like", "mimir-like")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is run: `days` are scored, after the history."""

    path: Path
    cold_start_seconds: float
    days: float
    engine: EngineName = "fluid"

    @property
    def name(self) -> str:
        """The trace's own name."""
        return self.path.name.removesuffix(".csv.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A policy as new; `family` is whose curve it is a point of."""

    name: str
    family: str
    policy: Policy | DirectPolicy
    spec: ScaledObjectSpec | None = None
    floor: int = 0


def run_case(case: Case, folder: Path) -> list[dict[str, float | str]]:
    """Return a row for each policy; forecasts are kept in `folder`."""
    history, requests = _split(case)
    demand = demand_of(requests, before=history, step_seconds=MINUTE)
    cluster = Cluster(
        model=MODEL,
        cold_start=always(case.cold_start_seconds),
        nodes=Nodes(present=2 * MAX_REPLICAS),
        initial_replicas=_needed_at_first(requests),
        carried_per_replica=CARRIED,
    )
    return [
        row_of(
            one,
            simulate(requests, cluster, one.policy, seed=0, spec=one.spec, engine=case.engine),
        )
        for one in contenders(case, demand, requests, folder)
        if case.engine == "fluid" or one.family in EVENT_FAMILIES
    ]


def _split(case: Case) -> tuple[Bins, Requests]:
    """Return the scaled history and the requests of the scored days."""
    bins = read_workload(case.path, seed=0)
    if not isinstance(bins, Bins):
        raise TypeError(f"{case.path} holds single requests; needed are counts by bins")
    begin = min(HISTORY_DAYS * DAY, bins.seconds - case.days * DAY)
    used = bins.between(0.0, begin + case.days * DAY)
    peak = float(np.nanquantile(used.counts, PEAK_LEVEL)) / used.step_seconds
    # Token counts of a file are its own; all traces are given the same lengths.
    scaled = Bins(
        start_at=used.start_at,
        step_seconds=used.step_seconds,
        counts=used.counts * (PEAK_REPLICAS * CARRIED / peak),
    )
    run = scaled.between(begin, begin + case.days * DAY)
    return scaled.between(0.0, begin), run.requests(seed=0, lengths=LENGTHS)


def _needed_at_first(requests: Requests) -> int:
    first = np.nan_to_num(minutes(requests)[:5]).mean()
    return min(max(1, int(np.ceil(first / CARRIED))), MAX_REPLICAS)


def minutes(requests: Requests) -> FloatVector:
    """Return arrivals a second in each minute of the run, NaN where unknown, (n,)."""
    edges = np.arange(int(requests.seconds / MINUTE) + 1) * MINUTE
    counts = np.diff(np.searchsorted(requests.arrivals, edges)) / MINUTE
    return np.where(requests.is_unknown(edges[:-1], edges[1:]), np.nan, counts)


def contenders(case: Case, demand: Series, requests: Requests, folder: Path) -> Iterator[Contender]:
    """Yield everybody, each as new."""
    lead = case.cold_start_seconds + POLL_AND_SYNC_SECONDS
    floor = _floor(demand, requests)
    yield from _ours(demand, requests, lead=lead, floor=floor, folder=folder)
    setting = Setting(
        start_at=requests.start_at,
        threshold=CARRIED,
        in_flight_threshold=in_flight(CARRIED),
        lead_time_seconds=lead,
        zone=ZoneInfo("UTC"),
        floor_replicas=floor,
        spec=SPEC,
    )
    for name, rival in rivals(demand, setting).items():
        family = "keda-reactive" if name.startswith("keda-reactive-0") else name
        floored = floor if name == "keda-reactive-floor" else 0
        yield Contender(
            name=name, family=family, policy=rival.make(), spec=rival.spec, floor=floored
        )
    for share in REACTIVE_SHARES:
        name = f"keda-reactive-{share:g}"
        policy = Reactive(name, threshold=share * CARRIED)
        yield Contender(name=name, family="keda-reactive", policy=policy, spec=SPEC)
    stock = Reactive("keda-stock", threshold=CARRIED)
    yield Contender(name="keda-stock", family="keda-stock", policy=stock, spec=STOCK)
    for share in CURVE_SHARES:
        lower = rivals(demand, replace(setting, threshold=share * CARRIED))
        for family in CURVED:
            one = lower[family]
            name = f"{family}-{share:g}"
            yield Contender(name=name, family=family, policy=one.make(), spec=one.spec)
    yield _clairvoyant(case, requests)


def _ours(
    demand: Series, requests: Requests, *, lead: float, floor: int, folder: Path
) -> Iterator[Contender]:
    """Yield Prewarm: its defaults first, then what makes its curve, then ablations."""
    usual = {
        "query": "requests",
        "threshold": f"{CARRIED:.6f}",
        "maxReplicas": str(MAX_REPLICAS),
        "leadTimeSeconds": f"{lead:g}",
        "timezone": "UTC",
        "quantile": "0.95",
    }

    def one(
        name: str,
        family: str = "prewarm",
        *,
        spec: ScaledObjectSpec = SPEC,
        is_perfect: bool = False,
        **keys: str,
    ) -> Contender:
        trigger = parse(usual | keys)
        begin = requests.start_at
        if is_perfect:
            rolled = foreseen(demand, trigger, begin_at=begin)
        else:
            rolled = roll(demand, trigger, default_forecaster(), begin_at=begin, folder=folder)
        return Contender(
            name=name,
            family=family,
            policy=Prewarm(trigger, rolled, start_at=begin, name=name),
            spec=spec,
            floor=trigger.params.warm_floor,
        )

    yield one("prewarm")
    yield one("prewarm-q0.8", quantile="0.8")
    for share in SHARES:
        yield one(f"prewarm-{share:g}", threshold=f"{share * CARRIED:.6f}")
    yield one("prewarm-floor", "prewarm-floor", warmFloor=str(floor))
    yield one("prewarm-keep-0", "ablation", breakEvenSeconds="0")
    yield one("prewarm-observe", "ablation", mode="observe")
    yield one("prewarm-down-60", "ablation", spec=QUICK_DOWN)
    yield one("prewarm-perfect", "perfect", is_perfect=True)
    yield one("prewarm-perfect-down-60", "perfect", spec=QUICK_DOWN, is_perfect=True)


def _floor(demand: Series, requests: Requests) -> int:
    """Return half of the mean of the history, in replicas: a cautious operator's floor."""
    before = demand.values[demand.times < requests.start_at]
    return max(1, int(np.ceil(0.5 * float(np.nanmean(before)) / CARRIED)))


def in_flight(rate: float) -> float:
    """Return the requests that a replica at that rate has in flight: Little's law."""
    low, high = 0.0, MODEL.most_sequences(LENGTHS.prompt.mean, LENGTHS.completion.mean)
    for _ in range(60):
        middle = (low + high) / 2
        stay = MODEL.residence(max(middle, 1.0), LENGTHS.prompt.mean, LENGTHS.completion.mean)
        low, high = (middle, high) if middle / stay < rate else (low, middle)
    return high


def _clairvoyant(case: Case, requests: Requests) -> Contender:
    need = np.minimum(needed(np.nan_to_num(minutes(requests)), CARRIED), MAX_REPLICAS)
    costs = Costs(
        cold_start_ticks=round(case.cold_start_seconds / MINUTE),
        initial_replicas=_needed_at_first(requests),
    )
    policy = Clairvoyant(optimum(need, costs), tick_seconds=MINUTE)
    return Contender(name="clairvoyant", family="clairvoyant", policy=policy)


def row_of(one: Contender, run: Run) -> dict[str, float | str]:
    """Return the figures of a run. `shortage` is by whole minutes, `tick_shortage` by ticks."""
    figures = figures_of(run, Terms(warm_floor=one.floor))
    return {
        "policy": one.name,
        "family": one.family,
        "shortage": round(minute_shortage(run), 1),
        "tick_shortage": round(figures.shortage, 1),
        "demand": round(float(np.nansum(minutes(run.requests))) * MINUTE, 1),
        "attainment": round(figures.attainment.both, 6),
        "gpu_hours": round(figures.gpu_hours.total, 3),
        "busy": round(figures.gpu_hours.busy, 3),
        "floor": round(figures.gpu_hours.floor, 3),
        "starting": round(figures.gpu_hours.starting, 3),
        "idle": round(figures.gpu_hours.idle, 3),
        "changes_per_day": round(figures.changes_per_day, 1),
        "flaps": figures.flaps,
        "over_ratio": round(figures.elasticity.over_ratio, 4),
        "under_time_ratio": round(figures.elasticity.under_time_ratio, 5),
    }


def minute_shortage(run: Run) -> float:
    """Return what ready replicas didn't carry of each minute's demand, in requests.

    By the tick of 15 s or less, chance arrivals would count as shortage that no scaler follows.
    """
    demand = minutes(run.requests)
    edges = np.arange(demand.size + 1) * MINUTE
    at = np.append(run.outcome.at, run.seconds)
    area = np.concatenate([[0.0], np.cumsum(run.outcome.ready * np.diff(at))])
    ready = np.diff(np.interp(edges, at, area)) / MINUTE
    return float(np.nansum(np.maximum(demand - ready * CARRIED, 0.0)) * MINUTE)
