"""What `prewarm check` prints: findings a line each, and decisions with their steps in words.

A finding reads `file:line: severity: text [rule]`, as compilers write, so that editors and CI find
their way. On a terminal it is wrapped and coloured; elsewhere each stays one plain line.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import TextIO

import numpy as np
from rich.text import Text

from forecasting.forecast import Forecast
from forecasting.series import Series
from scaler.manifest import Finding, Manifest, ReadTrigger, ScaledObject, Severity, Unreadable
from scaler.params import Mode, TargetParams
from scaler.terminal import Writer
from scaler.terminal_plot import ASCII, UNICODE, Picture, plot
from scaler.types import Carried, Decision, Evidence, Shortfall
from scaler.words import answer, because, number, replicas

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
ORDER = tuple(Severity)
RULE_WIDTH = 20
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What the server would answer for a trigger, and the history that it rests on."""

    read: ReadTrigger
    decision: Decision
    series: Series | None  # None: the source gave none
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """A ScaledObject with all that was found."""

    scaled_object: ScaledObject
    reads: tuple[ReadTrigger, ...]
    findings: tuple[Finding, ...]
    outcomes: tuple[Outcome, ...] = ()
    is_decided: bool = False  # whether decisions were asked for


class Report:
    """Writes to one stream, and counts what it wrote."""

    def __init__(self, stream: TextIO, *, shows_notes: bool, plot_hours: float) -> None:
        self._to = Writer(stream)
        self._shows_notes = shows_notes
        self._plot_hours = plot_hours
        self._found: Counter[Severity] = Counter()
        self.n_triggers = 0

    def unreadable(self, name: str, error: Unreadable) -> None:
        """Write why a file could not be read."""
        place = f"{name}:{error.line}: " if error.line else f"{name}: "
        self._marked(place, "error", str(error), STYLES[Severity.ERROR])

    def unusable(self, message: str) -> None:
        """Write why there is no result."""
        for line in message.splitlines():
            self._marked("", "error", line, STYLES[Severity.ERROR])

    def manifest(self, name: str, manifest: Manifest, checked: Sequence[Checked]) -> None:
        """Write all about a file."""
        self._findings(name, manifest.findings)
        for each in checked:
            self._object(name, each)
        for line, reason in manifest.skipped:
            self._skipped(name, line, reason)
        for scaled_object in manifest.scaled_objects:
            if not scaled_object.prewarm_triggers:
                reasons = ", ".join(entry.why_skipped for entry in scaled_object.triggers)
                title = f"ScaledObject {scaled_object.namespace}/{scaled_object.name}"
                self._skipped(
                    name, scaled_object.node.line, f"{title} ({reasons or 'no triggers'})"
                )

    def summary(self) -> None:
        """Write how many there were of each."""
        counts = ", ".join(_plural(self._found[severity], severity) for severity in ORDER)
        self._to.line(Text(f"\n{_plural(self.n_triggers, 'prewarm trigger')}: {counts}"))

    def _object(self, name: str, checked: Checked) -> None:
        scaled_object = checked.scaled_object
        title = f"ScaledObject {scaled_object.namespace}/{scaled_object.name}"
        gap = "\n" if self.n_triggers else ""
        self._to.line(Text(f"{gap}{title} ({name}:{scaled_object.node.line})", style="bold"))
        self.n_triggers += len(checked.reads)
        self._findings(name, checked.findings)
        for read in checked.reads if checked.is_decided else ():
            outcome = next((each for each in checked.outcomes if each.read is read), None)
            if outcome is None:
                self._to.line(Text(f"\n{read.entry.where}: {_undecided(read)}", style="dim"))
                continue
            self._to.line()
            self._findings(name, outcome.findings)
            self._outcome(outcome)

    def _findings(self, name: str, findings: Sequence[Finding]) -> None:
        for finding in sorted(findings, key=lambda each: (ORDER.index(each.severity), each.line)):
            self._found[finding.severity] += 1
            if finding.severity is Severity.NOTE and not self._shows_notes:
                continue
            text = f"{finding.text} [{finding.rule}]"
            style = STYLES[finding.severity]
            self._marked(f"{name}:{finding.line}: ", finding.severity, text, style)
            if finding.paste:
                self._to.line(Text(textwrap.indent(finding.paste, " " * 6), style="green"))

    def _skipped(self, name: str, line: int, reason: str) -> None:
        self._to.line(Text(f"{name}:{line}: skipped: {reason}", style="dim"))

    def _marked(self, place: str, mark: str, text: str, style: str) -> None:
        line = Text(place).append(f"{mark}: ", style=style).append(" ".join(text.split()))
        if not self._to.is_terminal:
            self._to.line(line)
            return
        for nth, part in enumerate(line.wrap(self._to.console, self._to.width - 4)):
            part.rstrip()
            self._to.line(Text("    " if nth else "").append_text(part))

    def _outcome(self, outcome: Outcome) -> None:
        decision, params = outcome.decision, outcome.read.params
        as_of = datetime.fromtimestamp(decision.seen.as_of, tz=params.zone)
        title = Text(f"{outcome.read.entry.where} answers ")
        told = answer(decision)
        title.append(f"{told}," if "but" in told else told, style="bold green")
        self._to.line(title.append(f" as of {as_of:%a %Y-%m-%d %H:%M:%S %Z}"))
        for label, text in _facts(outcome):
            self._to.hanging(f"  {label:<10}", text)
        self._to.line(Text())
        for step in decision.moved:
            label = f"  {step.rule:<{RULE_WIDTH}}{f'{step.before} -> {step.after}':>8}  "
            self._to.hanging(label, because(step, decision, params))
        unmoved = [step.rule for step in decision.steps if step not in decision.moved]
        self._to.hanging("  unmoved by ", ", ".join(unmoved), style="dim")
        if outcome.series is not None:
            self._plot(outcome, outcome.series)

    def _plot(self, outcome: Outcome, series: Series) -> None:
        shown = series.between(series.end_at - self._plot_hours * 3600.0, series.end_at)
        forecast, params = outcome.decision.seen.forecast, outcome.read.params
        if isnan(shown.last_observed):
            return
        picture = Picture(
            series=shown,
            bound=None if forecast is None else forecast.value,
            until_at=series.end_at if forecast is None else _until(forecast),
            threshold=outcome.decision.threshold,
            zone=params.zone,
        )
        glyphs = UNICODE if self._to.writes_unicode else ASCII
        self._to.line(Text())
        for line in plot(picture, width=self._to.width, glyphs=glyphs):
            self._to.line(line)


def _undecided(read: ReadTrigger) -> str:
    """Say why there is no decision."""
    if read.unknown:
        return f"no decision without {', '.join(read.unknown)}"
    return "no decision until its errors are mended"


def _until(forecast: Forecast) -> float:
    return forecast.issued_at + forecast.horizon_seconds


def _facts(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield what the decision rests on, in words."""
    decision, params = outcome.decision, outcome.read.params
    seen = decision.seen
    yield "observed", _observed(outcome)
    if seen.forecast is not None:
        forecast = seen.forecast
        bound = f"at most {number(forecast.value)} in the next {forecast.horizon_seconds:g} s"
        yield "forecast", f"{bound}: quantile {forecast.level:.4g} by {forecast.method}"
    else:
        yield "forecast", "none: nothing to start from"
    if seen.carried is not None:
        yield "capacity", _capacity(seen.carried)
    if params.miss_cost_per_replica_hour is not None:
        yield "quantile", _quantile(params)
    if decision.shortfall is not None:
        yield "missing", _missing(decision.shortfall, seen.as_of)
    if outcome.series is not None:
        yield "history", _history(outcome.series, params.history_days)
    if decision.predicted_replicas != decision.reactive_replicas:
        yield "reactive", f"{replicas(decision.reactive_replicas)} without the forecast"
    if params.mode is not Mode.PREDICT:
        yield "predict", f"{decision.predicted_replicas} with mode: predict"


def _observed(outcome: Outcome) -> str:
    seen, params = outcome.decision.seen, outcome.read.params
    if seen.evidence in {Evidence.UNKNOWN, Evidence.PENDING}:
        return "nothing: demand is unknown, which is not zero"
    at = datetime.fromtimestamp(seen.observed_at, tz=params.zone)
    text = f"{number(seen.observed_demand)} at {at:%H:%M:%S}; one replica carries "
    return f"{text}{number(outcome.decision.threshold)}"


def _capacity(carried: Carried) -> str:
    return (
        f"a full replica serves {number(carried.middle)}, {number(carried.low)} to "
        f"{number(carried.high)} at {carried.level:.0%}, from {carried.n_episodes} times of "
        f"saturation; its limit is {carried.limited_by}"
    )


def _quantile(params: TargetParams) -> str:
    miss, idle = params.miss_cost_per_replica_hour or 0.0, params.gpu_price_per_hour or 0.0
    return (
        f"{params.quantile:.4g} = {miss:g} / ({miss:g} + {idle:g}): a replica-hour too few costs "
        f"{miss:g}, one too many {idle:g} (newsvendor)"
    )


def _missing(shortfall: Shortfall, as_of: float) -> str:
    earliest, latest = shortfall.earliest_at - as_of, shortfall.latest_at - as_of
    soon = f"within {latest:.0f} s" if earliest <= 0 else f"in {earliest:.0f} to {latest:.0f} s"
    when = "now" if latest <= 0 else soon
    return f"{replicas(shortfall.replicas)} {when} ({shortfall.limit})"


def _history(series: Series, wanted_days: float) -> str:
    known = ~np.isnan(series.values)
    if not known.any():
        return f"no observation in {wanted_days:g} days"
    first = int(np.flatnonzero(known)[0])
    days = (len(series) - first) * series.step_seconds / DAY_SECONDS
    missing = 1.0 - float(known[first:].mean())
    gaps = f", {missing:.1%} of it missing" if missing > 0 else ", without a gap"
    return f"{days:.1f} of {wanted_days:g} days{gaps}; a point every {series.step_seconds:g} s"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
