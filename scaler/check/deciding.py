"""What the server would answer for each trigger, from the server's own parts.

Board, controller and policy run for one tick on a clock that stands still, so that nothing here
can decide otherwise.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, Self

import numpy as np
from prometheus_client import CollectorRegistry

import scaler.controller
from forecasting.forecaster import Forecaster
from forecasting.series import Series
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.adapters.memory import ManualClock
from scaler.board import Board
from scaler.check.history import capacity_findings, expensive_finding, history_findings
from scaler.check.plan import plan_findings
from scaler.check.report import Checked, Outcome
from scaler.check.watched import Watched
from scaler.controller import Controller
from scaler.destinations import BadAddress, parse_address
from scaler.history import zeros_after
from scaler.manifest import ReadTrigger, ScaledObject
from scaler.ports import DemandQuery, HistorySource
from scaler.service import one_blas_thread
from scaler.settings import ControllerSettings
from scaler.sources import SourceFlags
from scaler.telemetry import TickTelemetry
from scaler.types import Decision

DAY_SECONDS = 86_400.0
MAX_READ_SECONDS = 50.0  # here a person waits for all of the history


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


async def decided(
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
        return [replace(each, is_decided=True) for each in checked]
    if not is_overridden:
        flags = replace(flags, allow_address=(*flags.allow_address, *_named_addresses(wholes)))
    seconds: dict[str, float] = {}  # of each query that cost the server more than it should

    def note_expensive(query: DemandQuery, took_seconds: float, samples: float) -> None:
        del samples
        seconds[query.query] = max(seconds.get(query.query, 0.0), took_seconds)

    source = open_with(flags, now=now, on_rejected=lambda *_: None, on_expensive=note_expensive)
    made = []
    try:
        for each in checked:
            outcomes = []
            for read in filter(_is_whole, each.reads):
                query = read.trigger.query.query if read.trigger is not None else ""
                watched = Watched(source, query, is_overridden=is_overridden)
                outcome = await decide_now(each.scaled_object, read, watched, now, forecaster)
                outcomes.append(_with_costs(outcome, seconds))
            made.append(replace(each, outcomes=tuple(outcomes), is_decided=True))
    finally:
        await source.close()
    return made


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
    finding = expensive_finding(outcome.read, seconds[query])
    return replace(outcome, findings=(*outcome.findings, finding))


async def decide_now(
    scaled_object: ScaledObject,
    read: ReadTrigger,
    source: Watched,
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
        *history_findings(scaled_object, read, decision, series, source.problem),
        *plan_findings(read, source.gains, source.leading_problems, now),
        *capacity_findings(read, target.why_no_capacity),
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
