"""Line charts in text: each character holds 2 x 4 dots of Unicode's braille patterns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isnan
from operator import itemgetter

from rich.text import Text

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column, then row from the top
BLANK = 0x2800
COLUMNS, ROWS = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Values over time, NaN = none. `is_filled` draws down to zero, `is_step` without slopes."""

    points: Sequence[tuple[float, float]]  # (time, value), in order of time
    style: str
    is_filled: bool = False
    is_step: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the chart shows."""

    start_at: float
    end_at: float
    highest: float


class Canvas:
    """A grid of characters. A later curve takes over the characters that it passes through."""

    def __init__(self, width: int, height: int, window: Window) -> None:
        self._width, self._height, self._window = width, height, window
        self._dots = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]

    def draw(self, curve: Curve) -> None:
        """Draw a curve over what is there."""
        mine: dict[tuple[int, int], int] = {}
        before: int | None = None
        for column, value in enumerate(self._resampled(curve)):
            if isnan(value):
                before = None
                continue
            row = self._row(value)
            for dot in self._span(row, before, curve):
                cell = (dot // ROWS, column // COLUMNS)
                mine[cell] = mine.get(cell, 0) | DOTS[column % COLUMNS][dot % ROWS]
            before = row
        for (row, column), dots in mine.items():
            self._dots[row][column] = dots
            self._styles[row][column] = curve.style

    def rows(self) -> list[Text]:
        """Return the chart, top row first."""
        return [
            _styled(dots, styles) for dots, styles in zip(self._dots, self._styles, strict=True)
        ]

    def column_of(self, at: float) -> int:
        """Return the character column of a time; may lie outside."""
        return int(self._place(at) / COLUMNS)

    def _place(self, at: float) -> float:
        share = (at - self._window.start_at) / (self._window.end_at - self._window.start_at)
        return share * (self._width * COLUMNS - 1)

    def _row(self, value: float) -> int:
        n_rows = self._height * ROWS
        share = min(max(value / self._window.highest, 0.0), 1.0)
        return n_rows - 1 - round(share * (n_rows - 1))

    def _span(self, row: int, before: int | None, curve: Curve) -> range:
        """Return the dot rows to set in a column: joined to the one before, or down to zero."""
        if curve.is_filled:
            return range(row, self._height * ROWS)
        low, high = sorted((row, row if before is None else before))
        return range(low, high + 1)

    def _resampled(self, curve: Curve) -> list[float]:
        """Return a value for each column of dots; NaN before the first point and after the last."""
        values = [float("nan")] * (self._width * COLUMNS)
        ends = [*curve.points[1:], curve.points[-1]] if curve.points else []
        for (at, value), (next_at, next_value) in zip(curve.points, ends, strict=True):
            first, last = self._place(at), self._place(next_at)
            for column in range(max(0, round(first)), min(len(values) - 1, round(last)) + 1):
                share = 0.0 if curve.is_step or last <= first else (column - first) / (last - first)
                values[column] = value + (next_value - value) * min(max(share, 0.0), 1.0)
        return values


def _styled(dots: list[int], styles: list[str]) -> Text:
    """Return one row of characters, with one span for each run of a style."""
    runs = groupby(zip(dots, styles, strict=True), key=itemgetter(1))
    return Text.assemble(
        *(("".join(chr(BLANK + cell[0]) for cell in cells), style) for style, cells in runs)
    )
