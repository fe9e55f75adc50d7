"""What the demand of the history says of an object: what `--query` finds."""

from collections.abc import Iterator
from datetime import datetime
from math import ceil

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from forecasting.arrays import FloatVector
from forecasting.series import Series
from scaler.adapters.prometheus_rules import recording_rule
from scaler.capacity import MAX_REPLICAS
from scaler.errors import HistoryUnavailable
from scaler.lint.facts import Facts
from scaler.lint.pace import reachable_replicas
from scaler.manifest import Finding, Node, ReadTrigger, ScaledObject, Severity
from scaler.types import Decision, Evidence

# By the reasons of HistoryUnavailable: what to try, in a line.
NEXT_STEPS = {
    "refused": "is it up, and reached from here? In a cluster: kubectl port-forward its service "
    "and give --prometheus-address http://127.0.0.1:9090",
    "timeout": "is it reached from here? If it is, the query is too expensive: record it",
    "http-status": "is the path of the address right, and are the credentials in "
    "--prometheus-config?",
    "too-large": "let the query return one series: sum(...)",
    "several-series": "let the query return one series: sum(...)",
    "bad-answer": "does the address belong to a Prometheus?",
    "query": "try the query in the Prometheus UI",
    "busy": "try again, or raise turn_wait_seconds in --prometheus-config",
    "no-column": "let the trigger's query be one of these columns",
    "bad-file": "a header line, times as ISO 8601 or Unix seconds, numbers, commas between them",
    "missing-file": "name an existing file with --file",
}


def history_findings(
    scaled_object: ScaledObject,
    read: ReadTrigger,
    decision: Decision,
    series: Series | None,
    problem: HistoryUnavailable | None,
) -> Iterator[Finding]:
    """Yield why there is no history, how old it is, and what of it the object wouldn't cover."""
    line = read.entry.node.get("metadata", "query").line
    if problem is not None:
        step = NEXT_STEPS.get(problem.reason, "")
        text = f"no history: {problem}{'. Next step: ' if step else ''}{step}"
        yield Finding(
            rule=f"source-{problem.reason}", severity=Severity.ERROR, line=line, text=text
        )
        return
    seen, params = decision.seen, read.params
    if seen.evidence is Evidence.UNKNOWN:
        text = (
            f"the query returned nothing in {params.history_days:g} days; is the metric's name "
            "right, and is it scraped?"
        )
        yield Finding(rule="no-data", severity=Severity.WARNING, line=line, text=text)
    elif seen.evidence is Evidence.STALE:
        text = (
            f"the newest observation is {seen.as_of - seen.observed_at:.0f} s old, and "
            f"staleAfterSeconds is {params.stale_after_seconds:g}: the scaler answers as onStale "
            f"says ({params.on_stale})"
        )
        yield Finding(rule="stale-data", severity=Severity.WARNING, line=line, text=text)
    if series is not None and seen.evidence is not Evidence.UNKNOWN:
        facts = Facts(scaled_object=scaled_object, triggers=(read,))
        yield from _bound_findings(facts, series, decision.threshold)


def capacity_findings(read: ReadTrigger, why: str) -> Iterator[Finding]:
    """Say why `threshold: auto` still goes by its prior."""
    if why:
        node = read.entry.node.get("metadata", "threshold")
        text = f"thresholdPrior {read.params.threshold:g} holds: {why}"
        yield Finding(
            rule="capacity-not-learned", severity=Severity.NOTE, line=node.line, text=text
        )


def _bound_findings(facts: Facts, series: Series, threshold: float) -> Iterator[Finding]:
    """Yield what of the demand of this history the object would not have let happen."""
    params = facts.triggers[0].params
    needed = np.ceil(np.minimum(series.values / threshold, MAX_REPLICAS))
    most = np.nanmax(needed)
    if most > facts.ceiling:
        when = datetime.fromtimestamp(float(series.times[np.nanargmax(needed)]), tz=params.zone)
        text = (
            f"demand needed {most:.0f} replicas on {when:%Y-%m-%d at %H:%M}, and no more than "
            f"{facts.ceiling} can be had"
        )
        yield _found("demand-above-maximum", facts.spec.get("maxReplicaCount"), text)
    before, after = _largest_rise(
        np.clip(needed, max(facts.minimum, params.warm_floor, 1), facts.ceiling),
        n_ahead=max(1, ceil(params.lead_time_seconds / series.step_seconds)),
    )
    reached = reachable_replicas(facts, start=before, goal=after)
    if reached < after:
        text = (
            f"demand rose from {before} to {after} replicas within one lead time, and these "
            f"policies reach {reached}"
        )
        policies = facts.behavior.get("scaleUp", "policies")
        yield _found("rise-above-rate", policies, text)


def _largest_rise(needed: FloatVector, *, n_ahead: int) -> tuple[int, int]:
    """Return the counts before and after the largest rise within `n_ahead` points.

    NaN, which is not zero, is neither the start of a rise nor its end; some point is known.
    """
    known = ~np.isnan(needed)
    padded = np.append(np.where(known, needed, -np.inf), np.full(n_ahead, -np.inf))
    peaks = sliding_window_view(padded, n_ahead + 1).max(axis=1)
    place = int(np.argmax(np.where(known, peaks - needed, -np.inf)))
    return int(needed[place]), int(peaks[place])


def _found(rule: str, node: Node, text: str) -> Finding:
    return Finding(rule=rule, severity=Severity.WARNING, line=node.line, text=text)


def expensive_finding(read: ReadTrigger, seconds: float) -> Finding:
    """Say that the query took the server `seconds`, with the rule that records it."""
    query = read.entry.node.get("metadata", "query")
    rule = recording_rule(query.text, interval_seconds=read.params.step_seconds)
    text = f"the query took the server {seconds:.1f} s; let it record the result, and query that"
    return Finding(
        rule="query-is-expensive",
        severity=Severity.WARNING,
        line=query.line,
        text=text,
        paste=rule.rstrip(),
    )
