"""`prewarm check`: validate manifests, lint them, and decide on real history as the server would.

The decision comes from the server's own parts (board, controller, policy) run for one tick on a
clock that stands still, so that nothing here can decide otherwise.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import BinaryIO, Protocol, Self, TextIO

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from prometheus_client import CollectorRegistry

import scaler.controller
from forecasting.arrays import FloatVector
from forecasting.forecaster import Forecaster
from forecasting.leading import LeadingGain
from forecasting.series import Series
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.adapters.memory import ManualClock
from scaler.adapters.prometheus_rules import recording_rule
from scaler.adapters.prometheus_settings import BadConfiguration
from scaler.adapters.system_clock import SystemClock
from scaler.board import Board
from scaler.capacity import MAX_REPLICAS
from scaler.check_plan import plan_findings
from scaler.controller import Controller
from scaler.destinations import BadAddress, parse_address
from scaler.errors import BadExperts, HistoryUnavailable
from scaler.history import merged, zeros_after
from scaler.lint import lint
from scaler.lint.facts import Facts
from scaler.lint.pace import reachable_replicas
from scaler.manifest import (
    MAX_FILE_BYTES,
    Finding,
    Manifest,
    Node,
    ReadTrigger,
    ScaledObject,
    Severity,
    Unreadable,
    read_manifest,
    read_trigger,
)
from scaler.ports import DemandQuery, HistorySource
from scaler.report import Checked, Outcome, Report
from scaler.service import loaded_forecaster, one_blas_thread
from scaler.settings import ControllerSettings
from scaler.sources import BadFlag, SourceFlags, open_source
from scaler.telemetry import TickTelemetry
from scaler.types import Decision, Evidence

FINE, FOUND, UNUSABLE = 0, 1, 2
DAY_SECONDS = 86_400.0
MAX_READ_SECONDS = 50.0  # here a person waits for all of the history
STANDARD_INPUT = "-"

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


class OpenSource(Protocol):
    """Opens the source that flags ask for; `scaler.sources.open_source` but in tests."""

    def __call__(
        self,
        flags: SourceFlags,
        *,
        now: float,
        on_rejected: Callable[[DemandQuery, str, int], None],
        on_expensive: Callable[[DemandQuery, float, float], None],
    ) -> HistorySource:
        """Return the source. Raises BadFlag or BadConfiguration."""
        ...


def run_check(
    files: Sequence[str],
    *,
    source_flags: SourceFlags | None = None,
    at: float | None = None,
    is_strict: bool = False,
    takes_all_external: bool = False,
    shows_notes: bool = True,
    plot_hours: float = 6.0,
    experts: str | None = None,
    stdin: BinaryIO | None = None,
    stdout: TextIO | None = None,
    open_with: OpenSource = open_source,
) -> int:
    """Check the manifests in `files` (`-`: standard input) and return the exit status.

    0: fine; 1: an error was found, or with `is_strict` a warning; 2: a file that can't be read,
    flags that can't be used, or nothing to check. With `source_flags` each trigger is also decided
    on its history, as of `at` (Unix seconds; None: now).
    """
    report = Report(stdout or sys.stdout, shows_notes=shows_notes, plot_hours=plot_hours)
    now = SystemClock().now() if at is None else at
    worst = FINE
    try:
        forecaster = loaded_forecaster(experts)
    except BadExperts as exc:
        report.unusable(str(exc))
        return UNUSABLE
    for name in files:
        try:
            data = _read(name, stdin or sys.stdin.buffer)
            manifest = read_manifest(data, takes_all_external=takes_all_external)
            checked = _checked(manifest, source_flags, now, open_with, forecaster)
        except Unreadable as exc:
            report.unreadable(name, exc)
            worst = UNUSABLE
        except (BadFlag, BadConfiguration) as exc:
            report.unusable(str(exc))
            return UNUSABLE
        else:
            report.manifest(name, manifest, checked)
            worst = max(worst, _status(manifest, checked, is_strict=is_strict))
    if report.n_triggers:
        report.summary()
        return worst
    if worst != UNUSABLE:
        report.unusable("no prewarm trigger in what was given, so nothing was checked")
    return UNUSABLE


def _checked(
    manifest: Manifest,
    flags: SourceFlags | None,
    now: float,
    open_with: OpenSource,
    forecaster: Forecaster,
) -> Sequence[Checked]:
    checked = [check_object(each) for each in manifest.scaled_objects if each.prewarm_triggers]
    if flags is None:
        return checked
    return asyncio.run(_decided(checked, flags, now, open_with, forecaster))


def check_object(scaled_object: ScaledObject) -> Checked:
    """Return what can be said about an object without its history."""
    reads = tuple(read_trigger(scaled_object, each) for each in scaled_object.prewarm_triggers)
    findings = [finding for read in reads for finding in read.findings]
    return Checked(
        scaled_object=scaled_object,
        reads=reads,
        findings=(*findings, *lint(scaled_object, reads)),
    )


def _status(manifest: Manifest, checked: Sequence[Checked], *, is_strict: bool) -> int:
    found = {finding.severity for finding in manifest.findings}
    for each in checked:
        found |= {finding.severity for finding in each.findings}
        found |= {finding.severity for out in each.outcomes for finding in out.findings}
    is_bad = Severity.ERROR in found or (is_strict and Severity.WARNING in found)
    return FOUND if is_bad else FINE


def _read(name: str, stdin: BinaryIO) -> bytes:
    if name == STANDARD_INPUT:
        return stdin.read(MAX_FILE_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise Unreadable("a folder; name the files in it") from None
    except OSError as exc:
        raise Unreadable((exc.strerror or "can't be read").lower()) from None


class _Watched:
    """A source that remembers what it read of demand and what failed, for one trigger."""

    def __init__(self, source: HistorySource, query: str, *, is_overridden: bool) -> None:
        self.gains: tuple[LeadingGain, ...] = ()
        self.leading_problems: dict[str, HistoryUnavailable] = {}  # by query
        self._query = query
        self.series: Series | None = None
        self.problem: HistoryUnavailable | None = None
        self._source = source
        self._is_overridden = is_overridden

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        try:
            read = self._source.read_range(self._named(query), start_at=start_at, end_at=end_at)
            piece = await read
        except HistoryUnavailable as exc:
            self._note(query, exc)
            raise
        if query.query == self._query:
            self.series = merged(self.series, piece)
        return piece

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        try:
            return await self._source.read_instant(self._named(query), at=at)
        except HistoryUnavailable as exc:
            self._note(query, exc)
            raise

    def _note(self, query: DemandQuery, problem: HistoryUnavailable) -> None:
        if query.query == self._query:
            self.problem = problem
        else:
            self.leading_problems[query.query] = problem

    async def close(self) -> None:
        """Leave the source open: it is another's."""

    def _named(self, query: DemandQuery) -> DemandQuery:
        return replace(query, server_address=None) if self._is_overridden else query


async def _decided(
    checked: Sequence[Checked],
    flags: SourceFlags,
    now: float,
    open_with: OpenSource,
    forecaster: Forecaster,
) -> list[Checked]:
    """Return the objects with what the server would answer for each trigger that is whole.

    An address among the flags stands in for every serverAddress: it is the same Prometheus seen
    from here. Without one, the addresses that the manifests name are permitted.
    """
    is_overridden = flags.source == "file" or flags.prometheus_address is not None
    wholes = [read for each in checked for read in each.reads if _is_whole(read)]
    if not wholes:
        return list(checked)
    if not is_overridden:
        flags = replace(flags, allow_address=(*flags.allow_address, *_named_addresses(wholes)))
    seconds: dict[str, float] = {}  # of each query that cost the server more than it should

    def note_expensive(query: DemandQuery, took_seconds: float, samples: float) -> None:
        del samples
        seconds[query.query] = max(seconds.get(query.query, 0.0), took_seconds)

    source = open_with(flags, now=now, on_rejected=lambda *_: None, on_expensive=note_expensive)
    decided = []
    try:
        for each in checked:
            outcomes = []
            for read in filter(_is_whole, each.reads):
                query = read.trigger.query.query if read.trigger is not None else ""
                watched = _Watched(source, query, is_overridden=is_overridden)
                outcome = await decide_now(each.scaled_object, read, watched, now, forecaster)
                outcomes.append(_with_costs(outcome, seconds))
            decided.append(replace(each, outcomes=tuple(outcomes)))
    finally:
        await source.close()
    return decided


def _is_whole(read: ReadTrigger) -> bool:
    return read.trigger is not None and not read.unknown


def _named_addresses(reads: Sequence[ReadTrigger]) -> list[str]:
    """Return the addresses that triggers name, as far as they are any."""
    found = set()
    for read in reads:
        text = read.trigger.query.server_address if read.trigger is not None else None
        try:
            found |= set() if text is None else {str(parse_address(text))}
        except BadAddress:
            continue  # the lint says so
    return sorted(found)


def _with_costs(outcome: Outcome, seconds: dict[str, float]) -> Outcome:
    query = outcome.read.trigger.query.query if outcome.read.trigger is not None else ""
    if query not in seconds:
        return outcome
    finding = _expensive_finding(outcome.read, seconds[query])
    return replace(outcome, findings=(*outcome.findings, finding))


async def decide_now(
    scaled_object: ScaledObject,
    read: ReadTrigger,
    source: "_Watched",
    now: float,
    forecaster: Forecaster,
) -> Outcome:
    """Return what a server that has just started would answer, and what is to be said about it."""
    board = Board(max_targets=1, max_targets_per_namespace=1)
    clock = ManualClock(now)
    forecasts = ThreadForecasts()
    with one_blas_thread(), _Failures() as failures:
        controller = Controller(
            board,
            source,
            forecaster,
            clock,
            settings=ControllerSettings(head_seconds=MAX_READ_SECONDS, is_all_in_first_tick=True),
            telemetry=TickTelemetry(CollectorRegistry()),
            forecasts=forecasts,
        )
        at = clock.monotonic()
        target = board.find(scaled_object.namespace, scaled_object.name, read.sent, at)
        await controller.idle()
        await forecasts.close()
    if failures.first is not None or target.snapshot is None:
        raise failures.first or RuntimeError("no tick was run")
    decision = target.snapshot.decision
    source.gains = target.gains
    series = None if source.series is None else _recent(source.series, read, decision)
    findings = (
        *_outcome_findings(scaled_object, read, decision, series, source.problem),
        *plan_findings(read, source.gains, source.leading_problems, now),
        *_capacity_findings(read, target.why_no_capacity),
    )
    return Outcome(read=read, decision=decision, series=series, findings=findings)


class _Failures(logging.Handler):
    """Keeps what the controller logs: here nobody reads its log, and a failed tick is a bug."""

    def __init__(self) -> None:
        super().__init__()
        self.first: BaseException | None = None

    def __enter__(self) -> Self:
        logging.getLogger(scaler.controller.__name__).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(scaler.controller.__name__).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self.first is None and record.exc_info is not None:
            self.first = record.exc_info[1]


def _recent(series: Series, read: ReadTrigger, decision: Decision) -> Series:
    """Return the history as the decision saw it, without the margin that only fits need."""
    recent = series.between(
        series.end_at - read.params.history_days * DAY_SECONDS, decision.seen.as_of
    )
    is_empty_zero = read.trigger is not None and read.trigger.zero_when_empty
    if is_empty_zero and len(recent) and np.isnan(recent.values[-1]):
        return zeros_after(recent, recent.last_observed_at)
    return recent


def _outcome_findings(
    scaled_object: ScaledObject,
    read: ReadTrigger,
    decision: Decision,
    series: Series | None,
    problem: HistoryUnavailable | None,
) -> Iterator[Finding]:
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


def _capacity_findings(read: ReadTrigger, why: str) -> Iterator[Finding]:
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


def _expensive_finding(read: ReadTrigger, seconds: float) -> Finding:
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
