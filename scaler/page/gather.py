"""From a target of the board to what may be seen of it. Pure: both times are arguments.

The board's values are immutable or replaced as a whole, so this runs in any thread.
"""

from math import isnan

from forecasting.series import Series
from scaler import words
from scaler.board import Target
from scaler.capacity import replicas_for
from scaler.errors import BadMetadata
from scaler.journal import SPAN_SECONDS, Change, Moment
from scaler.metadata import Trigger
from scaler.page.extras import Extras, shortfall_of
from scaler.page.settings import settings_of
from scaler.page.understood import trigger_view
from scaler.page.view import (
    ChangeView,
    Details,
    ForecastView,
    HistoryView,
    LeadTimeView,
    MissingView,
    MomentView,
    ShortfallView,
    StepView,
    Summary,
)
from scaler.params import Mode, TargetParams
from scaler.telemetry import INVALID, state_of
from scaler.types import Decision, Evidence

NO_FLEET = (
    "ready replicas",
    "The scaler doesn't watch the cluster, so it can't tell ready replicas from wanted ones.",
)
NO_STARTS = (
    "cold starts",
    "Nobody watched a pod start; the lead time is what the trigger says, or a cautious prior.",
)
NO_LEDGER = ("ledger", "What the reactive scaler alone would have done is not kept.")


def summary_of(target: Target, *, now: float, at: float) -> Summary:
    """Return a target in one line, as of `now` (Unix seconds) and `at` (the same, monotonic)."""
    trigger = target.trigger if isinstance(target.trigger, Trigger) else None
    params = None if trigger is None else trigger.params
    decision = _decision(target, at)
    told = None if decision is None or decision.is_withheld or target.refusal else decision
    seen = None if decision is None else decision.seen
    fleet = None if seen is None else seen.fleet
    observed = None if seen is None else _known(seen.observed_demand)
    lead = None if seen is None else seen.lead_time
    return Summary(
        namespace=target.key.namespace,
        name=target.key.name,
        trigger=target.key.digest,
        evidence=str(state_of(target, at)),
        mode=None if params is None else str(params.mode),
        mode_in_force=None if params is None else _mode_in_force(target, params),
        answer=_answer(target, decision),
        replicas=None if told is None else told.replicas,
        is_active=None if told is None else told.is_active,
        predicted_replicas=None if decision is None else decision.predicted_replicas,
        reactive_replicas=None if decision is None else decision.reactive_replicas,
        needed_replicas=_needed(observed, decision),
        wanted_replicas=None if fleet is None else fleet.wanted,
        ready_replicas=None if fleet is None else fleet.ready,
        starting_replicas=None if fleet is None else fleet.starting,
        unschedulable_replicas=None if fleet is None else fleet.unschedulable,
        warm_floor_replicas=None if params is None else params.warm_floor,
        max_replicas=None if params is None else params.max_replicas,
        observed_demand=observed,
        observed_age_seconds=None if seen is None else _age(seen.observed_at, now),
        forecast_demand=None if seen is None or seen.forecast is None else seen.forecast.value,
        lead_time_seconds=None if params is None else _lead_seconds(decision, params),
        is_lead_time_measured=None
        if trigger is None
        else trigger.is_lead_time_measured and lead is not None and lead.is_measured,
        shortfall=None if decision is None or params is None else _shortfall(decision),
        problem=target.problem or None,
        problem_text=(target.why or None) if target.problem else None,
        last_change=_last_change(target, params),
        asked_age_seconds=max(0.0, at - target.asked_at),
    )


def details_of(target: Target, *, now: float, at: float, extras: Extras) -> Details:
    """Return all about a target."""
    trigger = target.trigger if isinstance(target.trigger, Trigger) else None
    decision = _decision(target, at)
    summary = summary_of(target, now=now, at=at)
    snapshot = target.snapshot
    return Details(
        summary=summary,
        as_of=None if decision is None else decision.seen.as_of,
        is_stale_answer=snapshot is not None and decision is not snapshot.decision,
        evidence_text=words.evidence(summary.evidence),
        trigger=None if trigger is None else trigger_view(trigger),
        invalid_lines=_invalid_lines(target),
        steps=() if decision is None or trigger is None else _steps(decision, trigger.params),
        forecast=None if decision is None else _forecast(decision),
        lead_time=None if trigger is None else _lead_time(decision, trigger, extras),
        ledger=extras.ledger,
        history=_history(target.demand),
        moments=tuple(_moment(each) for each in target.journal.moments()),
        changes=()
        if trigger is None
        else tuple(_change(each, trigger.params) for each in reversed(target.journal.changes)),
        missing=_missing(summary, extras),
        settings=()
        if trigger is None
        else settings_of(trigger, decision, summary.mode_in_force or ""),
    )


def _mode_in_force(target: Target, params: TargetParams) -> str:
    """Return predict or observe. Before anything was judged only `predict` predicts."""
    if target.ledger is not None:
        return str(target.ledger.mode_in_force)
    return str(Mode.PREDICT if params.mode is Mode.PREDICT else Mode.OBSERVE)


def _decision(target: Target, at: float) -> Decision | None:
    return None if target.snapshot is None else target.snapshot.answer(at)


def _answer(target: Target, decision: Decision | None) -> str:
    if isinstance(target.trigger, BadMetadata) or target.refusal:
        return "an error (INVALID_ARGUMENT)"
    if decision is None:
        return f"{words.replicas(target.trigger.params.warm_floor)}, until the first look is done"
    return words.answer(decision)


def _invalid_lines(target: Target) -> tuple[str, ...]:
    if isinstance(target.trigger, BadMetadata):
        return target.trigger.lines
    return (target.refusal,) if target.refusal else ()


def _needed(observed: float | None, decision: Decision | None) -> int | None:
    if observed is None or decision is None:
        return None
    return replicas_for(observed, decision.threshold)


def _shortfall(decision: Decision) -> ShortfallView | None:
    """Return what can't be had: as the decision says, else what the cluster can't place."""
    told = shortfall_of(decision)
    if told is not None:
        return told
    fleet = decision.seen.fleet
    if fleet is not None and fleet.unschedulable > 0:
        return ShortfallView(
            missing_replicas=fleet.unschedulable, at=None, because="no node has room for them"
        )
    return None


def _steps(decision: Decision, params: TargetParams) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            rule=step.rule,
            before_replicas=step.before,
            after_replicas=step.after,
            because=words.because(step, decision, params)
            if step.before != step.after or (step.rule == "cover_forecast" and not step.after)
            else words.WORDS.get(step.rule, ""),
        )
        for step in decision.steps
    )


def _last_change(target: Target, params: TargetParams | None) -> ChangeView | None:
    changes = target.journal.changes
    return None if not changes or params is None else _change(changes[-1], params)


def _change(change: Change, params: TargetParams) -> ChangeView:
    decision = change.decision
    state = decision.seen.evidence
    if change.is_of_replicas and change.steps:
        last = change.steps[-1]
        reason = f"{last.rule}: {words.because(last, decision, params)}"
    elif change.before_evidence is not None and change.before_evidence is not state:
        reason = f"Evidence: {change.before_evidence} to {state}. {words.evidence(state)}"
    else:
        reason = words.evidence(state)
    return ChangeView(
        at=change.at,
        before_replicas=change.before_replicas,
        after_replicas=decision.replicas,
        evidence=str(state),
        because=reason,
    )


def _forecast(decision: Decision) -> ForecastView | None:
    forecast = decision.seen.forecast
    if forecast is None:
        return None
    return ForecastView(
        issued_at=forecast.issued_at,
        until_at=forecast.issued_at + forecast.horizon_seconds,
        horizon_seconds=forecast.horizon_seconds,
        quantile=forecast.level,
        demand=forecast.value,
        method=forecast.method,
    )


def _lead_time(decision: Decision | None, trigger: Trigger, extras: Extras) -> LeadTimeView:
    lead = None if decision is None else decision.seen.lead_time
    return LeadTimeView(
        lead_time_seconds=_lead_seconds(decision, trigger.params),
        is_auto=trigger.is_lead_time_measured,
        is_measured=lead is not None and lead.is_measured,
        start_seconds=None if lead is None else lead.start_seconds,
        scaling_seconds=None if lead is None else lead.scaling_seconds,
        quantile=None if lead is None else lead.quantile,
        n_starts=None if lead is None else lead.n_starts,
        n_censored=None if lead is None else lead.n_censored,
        start_class=None if lead is None else str(lead.start_class),
        cold_starts_seconds=extras.cold_starts_seconds,
    )


def _lead_seconds(decision: Decision | None, params: TargetParams) -> float:
    """Return the lead time in use: the trigger's, or with `auto` the measured one, in steps."""
    in_use = None if decision is None else decision.seen.lead_seconds
    return params.lead_time_seconds if in_use is None else in_use


def _history(series: Series | None) -> HistoryView | None:
    """Return the last day of the history."""
    if series is None:
        return None
    day = series.between(series.end_at - SPAN_SECONDS, series.end_at)
    return HistoryView(
        start_at=day.start_at,
        step_seconds=day.step_seconds,
        demand=tuple(_known(value) for value in day.values.tolist()),
    )


def _moment(moment: Moment) -> MomentView:
    return MomentView(
        at=moment.as_of,
        evidence=str(moment.evidence),
        observed_demand=_known(moment.observed_demand),
        forecast_demand=_known(moment.forecast_demand),
        forecast_horizon_seconds=_known(moment.horizon_seconds),
        replicas=moment.replicas,
        reactive_replicas=moment.reactive_replicas,
        ready_replicas=moment.ready_replicas,
    )


def _missing(summary: Summary, extras: Extras) -> tuple[MissingView, ...]:
    if summary.evidence == INVALID:
        return ()
    found = []
    if summary.ready_replicas is None:
        found.append(NO_FLEET)
    if not extras.cold_starts_seconds:
        found.append(NO_STARTS)
    if extras.ledger is None:
        found.append(NO_LEDGER)
    if summary.evidence == Evidence.PENDING:
        found.append(("decision", words.evidence(Evidence.PENDING)))
    return tuple(MissingView(what=what, because=because) for what, because in found)


def _age(at: float, now: float) -> float | None:
    return None if isnan(at) else max(0.0, now - at)


def _known(value: float) -> float | None:
    return None if isnan(value) else value
