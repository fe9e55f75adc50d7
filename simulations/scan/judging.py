"""One candidate's history to a finding: a backtest of the forecast, a simulation of the fleet.

The simulation runs the fluid engine. Its unit is requests a second, and the query's may be any:
demand is scaled so that `threshold` of it is what a replica of the model carries. So the figures
hold for the autoscaler as it is set, whatever the GPU; that the threshold is right is assumed.
Its forecasts are of averages over `SCREENING_STEP_SECONDS`: a fifth of the work, and peaks within
five minutes are evened out, to prediction's disadvantage.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil, isfinite, nan
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.forecaster import Forecaster, Task
from forecasting.localtime import DAY_SECONDS
from forecasting.rivals import Rule
from forecasting.series import Series
from forecasting.windows import n_steps, trailing_maximum
from simulations.backtest.inputs import Input
from simulations.backtest.methods import Method, every_method
from simulations.backtest.run import Wanted, backtest_all, case_of
from simulations.backtest.verdict import Outcome, Verdict
from simulations.plant.cluster import Cluster, Nodes
from simulations.plant.cold_start import ColdStart
from simulations.plant.model import ReplicaModel
from simulations.plant.share import USUAL_SHARE
from simulations.results.attainment import Slo
from simulations.results.figures import Figures
from simulations.scan.candidates import Candidate
from simulations.trials.contest import OURS, REACTIVE, hold
from simulations.trials.material import Material
from simulations.trials.setup import NOTICE_SECONDS, Setup, trigger_of
from simulations.workload.bins import Bins
from simulations.workload.lengths import Length, Lengths

RUN_SHARE, LONGEST_RUN_DAYS = 0.3, 7.0
LEAST_SKILL_RATIO = 0.1  # less than that is luck of a week
CONSTANT, LAST = "constant", "last-value-calibrated"
SHORTAGE_PRICE = 19.0  # of a replica that is missing, in idle ones: the quantile 0.95
HOUR = 3_600.0
SCREENING_STEP_SECONDS = 300.0
LENGTHS = Lengths(
    prompt=Length(mean=1_155.0, law="constant"), completion=Length(mean=211.0, law="constant")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all candidates are simulated on. `price` is of a GPU and hour; None: no money."""

    model: ReplicaModel
    cold_start: ColdStart
    zone: ZoneInfo
    gpus_per_replica: int = 1
    price: float | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What a policy came to over the run. `shortage` is in replica-hours."""

    shortage: float
    gpu_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What prediction would do for one candidate, by `days` of simulation.

    `skill` is by how much the forecast's pinball loss is smaller than that of the better of two
    who know no pattern, as a ratio: a constant (the same quantile of all past peaks), and the
    newest value with the headroom that it needed before. 0: there is nothing to foresee. White
    noise keeps a reactive scaler short too, but a constant floor covers it as well as a forecast.
    """

    candidate: Candidate
    skill: float
    outcome: Outcome
    headline: str
    reasons: tuple[str, ...]
    days: float
    today: Fleet
    predicted: Fleet
    money_saved_per_month: float | None
    paste: str

    @property
    def is_predictable(self) -> bool:
        """Whether the forecast knows more than a constant and the newest value do."""
        return self.skill >= LEAST_SKILL_RATIO

    @property
    def why_predictable(self) -> str:
        """The sentence about it."""
        word = "Predictable" if self.is_predictable else "Not predictable"
        return (
            f"{word}: the forecast's loss is {abs(self.skill):.0%} "
            f"{'smaller' if self.skill >= 0 else 'larger'} than that of the better of a constant "
            "bound and the newest value with headroom."
        )

    @property
    def shortage_saved(self) -> float:
        """Replica-hours a day that were missing and would not be."""
        return (self.today.shortage - self.predicted.shortage) / self.days

    @property
    def gpu_hours_saved(self) -> float:
        """GPU-hours a day; negative: prediction costs more than it saves."""
        return (self.today.gpu_hours - self.predicted.gpu_hours) / self.days

    @property
    def worth(self) -> float:
        """What a day is worth, in idle replica-hours: what candidates are ranked by."""
        return SHORTAGE_PRICE * self.shortage_saved + self.gpu_hours_saved


def ranked(findings: list[Finding]) -> list[Finding]:
    """Return the predictable first, of them those that it pays for, and the most worth first."""
    order = [Outcome.PAYS, Outcome.UNKNOWN, Outcome.DOES_NOT_PAY]
    return sorted(
        findings, key=lambda one: (not one.is_predictable, order.index(one.outcome), -one.worth)
    )


def judge(
    candidate: Candidate,
    history: Series,
    terms: Terms,
    forecaster: Forecaster,
    advance: Callable[[], None] = lambda: None,
) -> Finding:
    """Return what prediction would do for a candidate. `advance` is told of each of two halves."""
    lead = ceil(terms.cold_start.cold.p95_seconds + NOTICE_SECONDS)
    verdict, skill = _backtested(candidate, history, terms, forecaster, lead=lead)
    advance()
    today, predicted, days = _simulated(candidate, history, terms, forecaster, lead=lead)
    advance()
    saved = (today.gpu_hours - predicted.gpu_hours) / days
    return Finding(
        candidate=candidate,
        skill=skill,
        outcome=verdict.outcome,
        headline=verdict.headline,
        reasons=(*verdict.reasons, *verdict.unknowns),
        days=days,
        today=today,
        predicted=predicted,
        money_saved_per_month=None if terms.price is None else saved * terms.price * 30.0,
        paste=paste_of(candidate, terms.zone, lead=lead),
    )


def paste_of(candidate: Candidate, zone: ZoneInfo, *, lead: int) -> str:
    """Return the trigger to put beside the present one, or in its place."""
    address = candidate.server_address
    lines = [
        "- type: external",
        "  metadata:",
        "    scalerAddress: prewarm.prewarm.svc.cluster.local:6000",
        *([] if address is None else [f'    serverAddress: "{address}"']),
        "    query: |-",
        *(f"      {line}" for line in candidate.query.splitlines()),
        f'    threshold: "{candidate.threshold:g}"',
        f'    leadTimeSeconds: "{lead}"',
        f'    warmFloor: "{_floor(candidate)}"',
        f'    maxReplicas: "{candidate.spec.max_replicas}"',
        f'    timezone: "{zone.key}"',
    ]
    return "\n".join(lines)


def _floor(candidate: Candidate) -> int:
    return candidate.spec.min_replicas


def _backtested(
    candidate: Candidate, history: Series, terms: Terms, forecaster: Forecaster, *, lead: int
) -> tuple[Verdict, float]:
    wanted = Wanted(
        horizons_seconds=(float(lead),),
        quantiles=(0.5, 0.95),
        every_seconds=600.0,
        threshold=candidate.threshold,
        warm_floor=candidate.spec.min_replicas,
        max_replicas=candidate.spec.max_replicas,
        start_seconds=float(lead),
    )
    share = float(np.mean(~np.isnan(history.values)))
    given = Input(name=candidate.name, series=history, zone=terms.zone, observed_ratio=share)
    methods = (
        Method(name=OURS, forecaster=forecaster, about="", heeds_quantile=True),
        every_method()[LAST],
        Method(
            name=CONSTANT,
            forecaster=Rule(method=CONSTANT, bound=_usual_peak),
            about="",
            heeds_quantile=True,
        ),
    )
    results, _ = backtest_all([case_of(given, wanted)], methods, wanted)
    scored = results[0].scored
    rows = {name: scored.row(name, scored.main) for name in (OURS, LAST, CONSTANT)}
    losses = {name: row.score.pinball for name, row in rows.items() if row is not None}
    other = min(losses.get(LAST, nan), losses.get(CONSTANT, nan))
    skill = 1.0 - losses.get(OURS, nan) / other if other > 0 else 0.0
    return results[0].verdict, skill if isfinite(skill) else 0.0


def _usual_peak(history: Series, task: Task) -> float:
    """Return the quantile of all past peaks of a window, whenever they were."""
    n = n_steps(task.horizon_seconds, history.step_seconds)
    return float(np.nanquantile(trailing_maximum(history.values, n), task.level))


def _simulated(
    candidate: Candidate, history: Series, terms: Terms, forecaster: Forecaster, *, lead: int
) -> tuple[Fleet, Fleet, float]:
    carried = USUAL_SHARE * terms.model.carried(LENGTHS.prompt.mean, LENGTHS.completion.mean)
    material = _material(candidate, history, carried=carried, seed=terms.seed)
    setup = _setup(candidate, material, terms, carried=carried, lead=lead)
    contest = hold(
        material, setup, forecaster, names=(REACTIVE, OURS), engine="fluid", seeds=(terms.seed,),
        folder=None, apply=map, advance=lambda *_: None,
    )  # fmt: skip
    figures = {each.entrant.name: each.figures[0] for each in contest.standings}
    fleet = partial(_fleet, carried=carried)
    days = material.requests.seconds / DAY_SECONDS
    return fleet(figures[REACTIVE]), fleet(figures[OURS]), days


def _fleet(figures: Figures, *, carried: float) -> Fleet:
    return Fleet(shortage=figures.shortage / carried / HOUR, gpu_hours=figures.gpu_hours.total)


def _material(candidate: Candidate, history: Series, *, carried: float, seed: int) -> Material:
    step = history.step_seconds
    # On the screening grid: else history and run would not meet on it.
    begin_at = ceil((history.start_at - step) / SCREENING_STEP_SECONDS) * SCREENING_STEP_SECONDS
    history = history.between(begin_at + step, history.end_at)
    bins = Bins(
        start_at=begin_at,
        step_seconds=step,
        counts=np.maximum(history.values, 0.0) / candidate.threshold * carried * step,
    )
    run = min(LONGEST_RUN_DAYS * DAY_SECONDS, RUN_SHARE * bins.seconds)
    at = (bins.seconds - run) // SCREENING_STEP_SECONDS * SCREENING_STEP_SECONDS
    return Material(
        name=candidate.name,
        before=bins.between(0.0, at),
        requests=bins.between(at, bins.seconds).requests(seed=seed, lengths=LENGTHS),
    )


def _setup(
    candidate: Candidate, material: Material, terms: Terms, *, carried: float, lead: int
) -> Setup:
    spec = candidate.spec
    metadata = {
        "query": "demand",
        "threshold": f"{carried:.12g}",
        "leadTimeSeconds": str(lead),
        "warmFloor": str(_floor(candidate)),
        "maxReplicas": str(spec.max_replicas),
        "timezone": terms.zone.key,
        "stepSeconds": f"{SCREENING_STEP_SECONDS:g}",
    }
    before = material.demand(60.0).between(0.0, material.requests.start_at).values
    last = before[~np.isnan(before)][-1:]
    needed = ceil(float(last[0]) / carried) if last.size else 1
    initial = min(max(needed, spec.min_replicas), spec.max_replicas)
    per_replica = terms.gpus_per_replica
    return Setup(
        metadata=metadata,
        trigger=trigger_of(metadata),
        spec=spec,
        cluster=Cluster(
            model=terms.model,
            cold_start=terms.cold_start,
            nodes=Nodes(present=spec.max_replicas, gpus=per_replica),
            gpus_per_replica=per_replica,
            initial_replicas=initial,
            carried_per_replica=carried,
        ),
        slo=Slo(),
        price=terms.price,
        is_calibrated=False,
        start_seconds=terms.cold_start.cold.p95_seconds,
    )
