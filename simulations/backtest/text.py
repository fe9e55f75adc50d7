"""The backtest in a terminal: the verdict, the table, what to paste."""

from collections.abc import Iterator, Sequence
from math import isnan

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaler.words import number
from simulations.backtest.methods import OURS
from simulations.backtest.result import Result
from simulations.backtest.scoring import Asked, Row, Scored
from simulations.backtest.units import words
from simulations.backtest.verdict import Outcome

PLAIN_WIDTH = 132  # where nobody measures the terminal
STYLES = {Outcome.PAYS: "bold green", Outcome.DOES_NOT_PAY: "bold red", Outcome.UNKNOWN: "yellow"}
NOTHING = "-"


def write(result: Result, console: Console) -> None:
    """Write all about one case."""
    scored = result.scored
    console.print()
    _say(console, Text(result.headline, style="bold"))
    _say(console, Text(result.span, style="dim"))
    verdict = result.verdict
    console.print()
    _say(console, Text(verdict.headline, style=STYLES[verdict.outcome]))
    for sentence in verdict.reasons:
        _say(console, Text(sentence))
    for sentence in verdict.unknowns:
        _say(console, Text(sentence, style="yellow"))
    if not scored.rows:
        return
    for asked in _tabled(scored):
        console.print()
        console.print(table(scored, asked))
    _say(console, Text(units_of(scored), style="dim"))
    if result.advice is None:
        console.print()
        _say(console, Text(result.why_no_advice, style="yellow"))
    else:
        console.print()
        _say(console, Text("Recommended, for the trigger's metadata:", style="bold"))
        for line in result.advice.paste.splitlines():
            console.print(Text(f"  {line}", style="green"))
        for reason in result.advice.reasons:
            _say(console, Text(reason, style="dim"))


def _say(console: Console, text: Text) -> None:
    """Write a sentence: wrapped at words in a terminal, whole elsewhere."""
    plain = "".join(char if char.isprintable() else "?" for char in text.plain)
    console.print(Text(plain, style=text.style), soft_wrap=not console.is_terminal)


def _tabled(scored: Scored) -> Iterator[Asked]:
    """Yield each horizon at the main quantile, or all questions when there are few of them."""
    asked = scored.case.questions
    for horizon in asked.horizons_seconds:
        yield Asked(horizon_seconds=horizon, quantile=asked.quantile)


def units_of(scored: Scored) -> str:
    """Return what the columns mean, for a line below the tables."""
    per = "replica-hours" if scored.case.terms.threshold is not None else "demand x hours"
    return (
        "loss: pinball over that of yesterday's peak, lower is better. held: share of windows "
        "within the bound. width: mean distance up from the method's own bound at quantile "
        f"{scored.case.questions.quantiles[0]:g}. short and excess: demand x seconds of the "
        "windows' peaks above and below the bound. unserved: demand x seconds that no ready "
        f"replica carried. paid: {per}."
    )


def table(scored: Scored, asked: Asked) -> Table:
    """Return the table of one question, the lowest loss first, the reactive scaler last."""
    title = f"next {words(asked.horizon_seconds)}, quantile {asked.quantile:g}"
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in HEADERS:
        shown.add_column(name, justify="left" if name == HEADERS[0] else "right", no_wrap=True)
    for row in ranked(scored.rows, asked):
        shown.add_row(*cells(row), style="bold" if row.method == OURS else "")
    for cells_of in reactive_cells(scored, asked):
        shown.add_row(*cells_of, style="dim")
    return shown


HEADERS = (
    "method", "loss", "pinball", "held", "width", "WAPE", "short", "excess", "unserved", "paid",
)  # fmt: skip


def ranked(rows: Sequence[Row], asked: Asked) -> list[Row]:
    """Return the rows of one question, the lowest pinball loss first, unknown ones last."""
    chosen = [row for row in rows if row.asked == asked]
    return sorted(chosen, key=lambda row: (isnan(row.score.pinball), row.score.pinball))


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's figures as text."""
    score = row.score
    return (
        row.method,
        _figure(row.relative_pinball, "{:.3f}"),
        _figure(score.pinball),
        _figure(score.coverage_ratio, "{:.1%}"),
        _figure(row.width),
        _figure(score.wape_ratio, "{:.1%}"),
        _figure(row.shortage),
        _figure(row.excess),
        _figure(row.played.unserved),
        _figure(row.played.capacity_seconds / 3600.0),
    )


def reactive_cells(scored: Scored, asked: Asked) -> Iterator[tuple[str, ...]]:
    """Yield the line of the reactive scaler, and that of its twin that is as seldom short as ours.

    They forecast nothing, so there is nothing but capacity to tell of them.
    """
    lines = []
    if asked.horizon_seconds in scored.reactive:
        lines.append(("the reactive scaler", scored.reactive[asked.horizon_seconds]))
    if scored.matched is not None and asked == scored.main:
        headroom, twin = scored.matched
        lines.append((f"... with {headroom:.2f} times", twin))
    for name, played in lines:
        hours = played.capacity_seconds / 3600.0
        yield name, *[NOTHING] * (len(HEADERS) - 3), _figure(played.unserved), _figure(hours)


def _figure(value: float, shape: str = "") -> str:
    if isnan(value):
        return NOTHING
    return shape.format(value) if shape else number(value)
