"""Lines for a person at a terminal, for a file or for a pipe."""

import textwrap
from typing import TextIO

from rich.console import Console
from rich.text import Text

WIDEST = 100


class Writer:
    """Writes to one stream; what a manifest or a server says can't steer the terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.console = Console(file=stream, highlight=False, markup=False, emoji=False)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads it as it comes."""
        return self.console.is_terminal

    @property
    def width(self) -> int:
        """How many characters a line has."""
        return min(WIDEST, self.console.width)

    @property
    def writes_unicode(self) -> bool:
        """Whether braille dots and box lines can be written."""
        return self.console.encoding.lower().startswith("utf")

    def line(self, text: Text | str = "", style: str = "") -> None:
        """Write one line; an escape sequence in it becomes question marks."""
        shown = text if isinstance(text, Text) else Text(text, style=style)
        if not shown.plain.replace("\n", "").isprintable():
            shown.plain = "".join(
                char if char.isprintable() or char == "\n" else "?" for char in shown.plain
            )
        self.console.print(shown, soft_wrap=True)

    def hanging(self, label: str, text: str, style: str = "") -> None:
        """Write a text beside its label, further lines below the first."""
        for nth, part in enumerate(textwrap.wrap(text, max(10, self.width - len(label))) or [""]):
            self.line(f"{label if nth == 0 else ' ' * len(label)}{part}".rstrip(), style)
