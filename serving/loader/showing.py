"""Numbers and progress for people, on a terminal or in a log."""

import contextlib
import sys
from collections.abc import Callable, Iterator

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024

# Called with how many bytes are done more, and how many there are in all once that is known.
Advance = Callable[[int, int], None]


def size(n_bytes: float) -> str:
    """Return a number of bytes in the unit that reads best."""
    unit = 0
    while n_bytes >= _STEP and unit < len(_UNITS) - 1:
        n_bytes /= _STEP
        unit += 1
    return f"{n_bytes:.0f} {_UNITS[unit]}" if unit == 0 else f"{n_bytes:.2f} {_UNITS[unit]}"


@contextlib.contextmanager
def bar(word: str) -> Iterator[Advance]:
    """Show a progress bar on standard error where that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - only for a terminal
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(word, total=None)
        yield lambda done, total: progress.update(task, advance=done, total=total)
