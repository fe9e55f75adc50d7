"""A contest in a terminal: the verdict, the table, what the figures are not."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulations.trials.contest import OURS, Contest
from simulations.trials.words import HEADERS, UNITS, cautions, cells, headline, terms, verdict

PLAIN_WIDTH = 160  # where nobody measures the terminal


def console_of() -> Console:
    """Return standard output: as wide as the terminal, or wide enough for a table."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def say(console: Console, sentence: str, style: str = "") -> None:
    """Write a sentence: wrapped at words in a terminal, whole elsewhere."""
    plain = "".join(char if char.isprintable() else "?" for char in sentence)
    console.print(Text(plain, style=style), soft_wrap=not console.is_terminal)


def write(contest: Contest, console: Console) -> None:
    """Write all about a contest."""
    say(console, headline(contest), "bold")
    say(console, terms(contest), "dim")
    console.print()
    for number, sentence in enumerate(verdict(contest)):
        say(console, sentence, "" if number else "bold")
    console.print()
    shown = Table(box=None, pad_edge=False)
    for name in HEADERS:
        shown.add_column(name, justify="left" if name == HEADERS[0] else "right", no_wrap=True)
    for standing in contest.standings:
        ours = standing.entrant.name == OURS
        shown.add_row(*cells(standing), style="bold" if ours else "")
    console.print(shown)
    say(console, UNITS, "dim")
    for sentence in cautions(contest):
        say(console, sentence, "yellow")
