"""From inputs to results: what `prewarm backtest` computes, without reading flags or writing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from scaler.metadata import Trigger
from simulations.backtest.advice import advise
from simulations.backtest.asking import Bounds, ask_all
from simulations.backtest.case import USUAL_QUANTILE, Case, Questions, Terms
from simulations.backtest.errors import BadInput
from simulations.backtest.inputs import Input
from simulations.backtest.leading import variants, worth_of
from simulations.backtest.learning import Learning, learning_of
from simulations.backtest.methods import NAIVE, OURS, Method, every_method
from simulations.backtest.of_trigger import beyond_seconds, looks_ahead, told_of, window_seconds
from simulations.backtest.result import Result
from simulations.backtest.scoring import score_case
from simulations.backtest.verdict import Outcome, judge

USUAL_HORIZON_SECONDS = 300.0
USUAL_QUANTILES = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags ask for; None: as the trigger says, or else the usual."""

    horizons_seconds: tuple[float, ...] | None = None
    quantiles: tuple[float, ...] | None = None
    every_seconds: float = 300.0
    begin_at: float | None = None
    end_at: float | None = None
    scored_days: float | None = None
    threshold: float | None = None
    warm_floor: int | None = None
    max_replicas: int | None = None
    start_seconds: float | None = None
    is_bridged: bool = False
    short_histories_days: tuple[float, ...] = ()
    price: float = 19.0


def case_of(given: Input, wanted: Wanted) -> Case:
    """Return the case of an input: flags first, then its trigger, then what is usual."""
    trigger = given.trigger
    lead = None if trigger is None else trigger.params.lead_time_seconds
    window = USUAL_HORIZON_SECONDS if lead is None else window_seconds(given, lead)
    horizons = wanted.horizons_seconds or (window,)
    quantiles, quantile = _quantiles(trigger, wanted)
    told = told_of(given)
    case = Case(
        name=given.name,
        series=given.series,
        zone=given.zone,
        terms=terms_of(trigger, wanted),
        questions=Questions(
            horizons_seconds=horizons,
            quantiles=quantiles,
            horizon_seconds=window if window in horizons else horizons[0],
            quantile=quantile,
            every_seconds=max(wanted.every_seconds, given.series.step_seconds),
            begin_at=wanted.begin_at,
            end_at=wanted.end_at,
            scored_days=wanted.scored_days,
        ),
        observed_ratio=given.observed_ratio,
        is_bridged=wanted.is_bridged,
        gaps=given.gaps,
        holidays=told.holidays,
        events=told.events,
        beyond_seconds=beyond_seconds(given),
        looks_ahead=None if lead is None or window not in horizons else looks_ahead(window, lead),
        ignored=told.warning,
        missing=given.missing,
    )
    if not case.origins().size and (wanted.begin_at is not None or wanted.end_at is not None):
        raise BadInput(
            f"--begin, --end: {given.name} has no origin between them; its history is from "
            f"{_iso(given.series.start_at)} to {_iso(given.series.end_at)}, and each window must "
            "lie inside"
        )
    return case


def backtest_all(
    cases: Sequence[Case],
    methods: Sequence[Method],
    wanted: Wanted,
    *,
    n_jobs: int = 1,
    advance: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> tuple[tuple[Result, ...], Bounds]:
    """Return the result of each case, and the bounds of the methods that were chosen.

    Yesterday's peak is asked beside them: it is the yardstick of the loss.
    """
    names = {method.name for method in methods}
    full = next((method for method in methods if method.name == OURS), None)
    fewer = () if full is None else variants(full, cases)
    shown, names = (*methods, *fewer), names | {method.name for method in fewer}
    asked = shown if NAIVE in names else (*shown, every_method()[NAIVE])
    bounds = ask_all(cases, asked, n_jobs=n_jobs, advance=partial(advance, "forecasts"))
    results = []
    for number, case in enumerate(cases):
        scored = score_case(number, case, shown, bounds)
        learning: Learning | None = None
        if full is not None and wanted.short_histories_days:
            learning = learning_of(
                case,
                wanted.short_histories_days,
                full=full,
                n_jobs=n_jobs,
                advance=partial(advance, f"shorter histories of {case.name}"),
            )
        leading = None if full is None else worth_of(number, case, full, bounds)
        verdict = judge(scored, learning, leading)
        is_known = verdict.outcome is not Outcome.UNKNOWN
        results.append(
            Result(
                number=number,
                scored=scored,
                bounds=bounds,
                verdict=verdict,
                leading=leading,
                advice=advise(number, scored, bounds, price=wanted.price) if is_known else None,
            )
        )
    kept = {question: line for question, line in bounds.items() if question.method in names}
    return tuple(results), kept


def _quantiles(trigger: Trigger | None, wanted: Wanted) -> tuple[tuple[float, ...], float]:
    """Return the quantiles to ask for, and the one that the verdict is about."""
    main = USUAL_QUANTILE if trigger is None else trigger.params.quantile
    if wanted.quantiles is None:
        return tuple(sorted({*USUAL_QUANTILES, main})), main
    return wanted.quantiles, main if main in wanted.quantiles else wanted.quantiles[-1]


def terms_of(trigger: Trigger | None, wanted: Wanted) -> Terms:
    """Return how demand becomes replicas: flags first, then the trigger."""
    params = None if trigger is None else trigger.params
    terms = Terms(
        threshold=None if params is None else params.threshold,
        warm_floor=0 if params is None else params.warm_floor,
        max_replicas=None if params is None else params.max_replicas,
        start_seconds=None if params is None else params.lead_time_seconds,
    )
    given = {
        name: getattr(wanted, name)
        for name in ("threshold", "warm_floor", "max_replicas", "start_seconds")
        if getattr(wanted, name) is not None
    }
    return replace(terms, **given)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="minutes")
