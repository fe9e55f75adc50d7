"""A search in a terminal: the verdict, the block to paste, the finalists."""

from rich.table import Table
from rich.text import Text

from simulations.trials.setup import Setup
from simulations.trials.text import console_of, say
from simulations.trials.words import PLACEHOLDER
from simulations.tuning.search import Found
from simulations.tuning.words import HEADERS, UNITS, effort, paste, rows, verdict


def write(found: Found, setup: Setup) -> None:
    """Write all about a search."""
    console = console_of()
    style = "bold green" if found.is_met else "bold red"
    for place, sentence in enumerate(verdict(found)):
        say(console, sentence, "" if place else style)
    console.print()
    for line in paste(found.finalists[0].setting, setup).splitlines():
        console.print(Text(f"  {line}", style="green"))
    console.print()
    shown = Table(box=None, pad_edge=False)
    for name in HEADERS:
        shown.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows(found):
        shown.add_row(*row, style="bold" if row[0] == "winner" else "")
    console.print(shown)
    say(console, UNITS, "dim")
    say(console, effort(found), "dim")
    if not setup.is_calibrated:
        say(console, PLACEHOLDER, "yellow")
