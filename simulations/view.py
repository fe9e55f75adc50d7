"""What a terminal shows while the hour runs: the chart, both Deployments, and the decision."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isnan

from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scaler.types import Step
from simulations.chart import PREWARM, REACTIVE, DemandChart
from simulations.moments import Moment, Side, Terms
from simulations.report import duration

LOWER_HEIGHT = 9
SHOWN_STEPS = LOWER_HEIGHT - 2


def frame(moments: Sequence[Moment], terms: Terms) -> Layout:
    """Return the whole view after the last of `moments`, of which there is at least one."""
    now = moments[-1]
    layout = Layout()
    layout.split_column(
        Layout(_header(now, terms), size=1),
        Layout(Panel(DemandChart(moments, terms), title=_title(terms)), name="chart"),
        Layout(name="lower", size=LOWER_HEIGHT),
    )
    layout["lower"].split_row(
        Layout(Panel(_replicas(now, terms), title="replicas"), ratio=3),
        Layout(Panel(_steps(now), title=f"why Prewarm asks for {now.prewarm.answered}"), ratio=2),
    )
    return layout


def line(moment: Moment) -> str:
    """Return the same in one line, for a log."""
    time = datetime.fromtimestamp(moment.at, UTC).strftime("%H:%M:%S")
    forecast = "   --" if isnan(moment.forecast) else f"{moment.forecast:5.1f}"
    moved = ", ".join(f"{s.rule} {s.before}->{s.after}" for s in _moved(moment.steps))
    return (
        f"{time}  demand {moment.demand:5.1f}/s  forecast {forecast}/s  "
        f"prewarm {_counts(moment.prewarm)}  reactive {_counts(moment.reactive)}  {moved}"
    )


def _counts(side: Side) -> str:
    return f"{side.ready:2d} ready of {side.wanted:2d}"


def _title(terms: Terms) -> str:
    return f"requests/s, and what ready replicas carry ({terms.threshold:g}/s each)"


def _header(now: Moment, terms: Terms) -> Text:
    time = datetime.fromtimestamp(now.at, UTC).strftime("%a %d %b %H:%M:%S UTC")
    left = terms.spike_at - now.at
    due = f"spike due in {duration(left)}" if left > 0 else f"spike {duration(left)} ago"
    return Text.assemble(("Prewarm demo", "bold"), f"  {time}  {due}")


def _replicas(now: Moment, terms: Terms) -> Table:
    table = Table.grid(padding=(0, 1))
    for name, side, style in (
        ("Prewarm", now.prewarm, PREWARM),
        ("Reactive", now.reactive, REACTIVE),
    ):
        table.add_row(Text(name, style), _bar(side, terms, style), f"{side.ready} of {side.wanted}")
    known = not isnan(now.forecast)
    table.add_row("", "■ ready  □ starting", "")
    table.add_row("demand", f"{now.demand:.1f}/s", "")
    table.add_row("forecast", f"at most {now.forecast:.1f}/s" if known else "learning", "")
    table.add_row("floor", f"{terms.warm_floor} replicas", "")
    table.add_row("lead time", duration(terms.lead_time_seconds), "")
    return table


def _bar(side: Side, terms: Terms, style: str) -> Text:
    """Return one square for each pod, or figures where there are too many."""
    starting = side.wanted - side.ready
    if terms.max_replicas > 20:  # noqa: PLR2004 - what fits beside the names at 80 columns
        return Text(f"{side.ready} ready, {starting} starting", style)
    return Text("■" * side.ready + "□" * starting, style)


def _steps(now: Moment) -> Table:
    table = Table.grid(padding=(0, 1))
    for step in _shown(now.steps):
        is_moved = step.before != step.after
        change = f"{step.before} → {step.after}" if is_moved else f"{step.after}"
        table.add_row(step.rule.replace("_", " "), change, style="bold" if is_moved else "dim")
    if not now.steps:
        table.add_row("reading four weeks of history", "")
    return table


def _moved(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.before != step.after]


def _shown(steps: Sequence[Step]) -> list[Step]:
    """Return all steps, or those that moved the number where there is no room for all."""
    return list(steps) if len(steps) <= SHOWN_STEPS else _moved(steps)[:SHOWN_STEPS]
