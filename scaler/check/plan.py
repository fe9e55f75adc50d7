"""What `prewarm check --query` says of leading queries and events."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import isnan

from forecasting.events import Event
from forecasting.leading import LeadingGain
from scaler.errors import HistoryUnavailable
from scaler.manifest import Finding, ReadTrigger, Severity

DAY_SECONDS = 86_400.0


def plan_findings(
    read: ReadTrigger,
    gains: tuple[LeadingGain, ...],
    problems: Mapping[str, HistoryUnavailable],
    now: float,
) -> Iterator[Finding]:
    """Yield what each leading query is worth, and which events have done their work."""
    if read.trigger is None:
        return
    line = read.entry.node.get("metadata", "leadingQueries").line
    by_name = {gain.name: gain for gain in gains}
    for name, query in read.trigger.plan.leading:
        severity, text = Severity.NOTE, f"{name} can't be judged yet: too little history"
        problem, gain = problems.get(query), by_name.get(name)
        if problem is not None:
            severity, text = Severity.WARNING, f"{name}: no history, so it is left out: {problem}"
        elif gain is not None and not isnan(gain.gain_ratio):
            text = f"{name}: {_verdict(gain)}"
        yield Finding(rule="leading-gain", severity=severity, line=line, text=text)
    yield from _past_events(read, now)


def _verdict(gain: LeadingGain) -> str:
    """Return the decision and what it rests on, in words."""
    percent = abs(100 * gain.gain_ratio)
    if gain.is_kept:
        return f"kept; it lowered the loss of a trial by {percent:.0f} %"
    if gain.gain_ratio > 0:
        return f"not kept; it lowered the loss of a trial by {percent:.0f} %, no more than chance"
    return f"not kept; it raised the loss of a trial by {percent:.0f} %"


def _past_events(read: ReadTrigger, now: float) -> Iterator[Finding]:
    trigger = read.trigger
    begin_at = now - read.params.history_days * DAY_SECONDS
    for event in trigger.plan.events if trigger is not None else ():
        if isinstance(event, Event) and event.end_at < begin_at:
            when = datetime.fromtimestamp(event.begin_at, tz=read.params.zone)
            text = (
                f"the event of {when:%Y-%m-%d %H:%M} ended before the {read.params.history_days:g} "
                "days of history begin: its line can go"
            )
            line = read.entry.node.get("metadata", "events").line
            yield Finding(rule="past-event", severity=Severity.NOTE, line=line, text=text)
