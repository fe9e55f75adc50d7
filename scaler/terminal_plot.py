"""A small plot of demand in a terminal: braille dots, or ASCII where those can't be written.

The last hours of demand are drawn on a grid of two by four dots a character. Behind them lie lines
at whole numbers of replicas, and to their right the forecast bound over the window ahead. A gap in
the data stays a gap.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, isfinite, log10
from zoneinfo import ZoneInfo

import numpy as np
from rich.text import Text

from forecasting.arrays import FloatVector
from forecasting.series import Series
from scaler.words import number

LABEL_WIDTH = 8  # of the demand at the left
REPLICAS_WIDTH = 8
ROWS = 10
ROWS_BETWEEN_LINES = 3
HEADROOM = 1.08
WORTH_SHOWING = 3.0  # a threshold further above the demand would flatten it
LEAST_WINDOW = 4  # characters: less of the window ahead would not be seen
DOTS_ACROSS, DOTS_DOWN = 2, 4
BRAILLE = 0x2800
# Bits of a braille character by column and row, from the top (Unicode, chapter 21.1).
DOT_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The characters of a plot."""

    bound: str
    line: str
    axis: str
    now: str
    corner: str
    dot: str  # empty: braille


UNICODE = Glyphs(bound="━", line="╌", axis="│", now="┊", corner="└", dot="")
ASCII = Glyphs(bound="=", line="-", axis="|", now="|", corner="+", dot="*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn: `series` up to its end, and the bound until `until_at`, if there is one.

    With an infinite `threshold` no replicas are drawn.
    """

    series: Series
    bound: float | None
    until_at: float
    threshold: float
    zone: ZoneInfo


def plot(picture: Picture, *, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the lines of a plot at most `width` characters wide."""
    n_across = max(20, width - LABEL_WIDTH - REPLICAS_WIDTH - 3)
    span = max(1.0, picture.until_at - picture.series.start_at)
    ahead = max(0.0, picture.until_at - picture.series.end_at)
    n_wanted = min(n_across // 2, max(LEAST_WINDOW, round(n_across * ahead / span)))
    n_ahead = 0 if picture.bound is None else n_wanted
    n_past = n_across - n_ahead
    top = _top(picture)
    dots = dot_rows(picture.series, n_columns=n_past, n_rows=ROWS, top=top)
    replicas = replica_lines(top, picture.threshold, n_rows=ROWS)
    lines = []
    for row in range(ROWS):
        marked = next((each for each in replicas if _row_of(each[1], top) == row), None)
        label = number(marked[1]) if marked else ""
        line = Text(f"{label:>{LABEL_WIDTH}} ", style="dim")
        line.append(glyphs.axis)
        for bits in dots[row]:
            line.append(*_past(bits, glyphs, is_line=marked is not None))
        has_bound = picture.bound is not None and _row_of(picture.bound, top) == row
        style = "bold magenta" if has_bound else "dim"
        fill = glyphs.bound if has_bound else glyphs.line if marked else " "
        line.append(glyphs.now if n_ahead else "", style="dim")
        line.append(fill * n_ahead, style=style)
        line.append(f" {number(marked[0])}" if marked else "", style="dim")
        line.rstrip()
        lines.append(line)
    return [*lines, *_axis(picture, n_past, n_ahead, glyphs)]


def dot_rows(series: Series, *, n_columns: int, n_rows: int, top: float) -> list[list[int]]:
    """Return the braille bits of each character, row by row from the top.

    A column of dots shows the span from the lowest to the highest value that falls into it, joined
    to the column before, so that a spike of one minute is still seen in a day.
    """
    bits = [[0] * n_columns for _ in range(n_rows)]
    before: int | None = None
    for column, values in enumerate(_columns(series.values, n_columns * DOTS_ACROSS)):
        known = values[~np.isnan(values)]
        if known.size == 0:
            before = None
            continue
        low, high = (_height(float(each), top, n_rows) for each in (known.min(), known.max()))
        if before is not None:
            low, high = min(low, before + 1, high), max(high, before - 1, low)
        for height in range(low, high + 1):
            down = n_rows * DOTS_DOWN - 1 - height
            row, dot = divmod(down, DOTS_DOWN)
            bits[row][column // DOTS_ACROSS] |= DOT_BITS[column % DOTS_ACROSS][dot]
        before = _height(float(known[-1]), top, n_rows)
    return bits


def replica_lines(top: float, threshold: float, *, n_rows: int) -> list[tuple[int, float]]:
    """Return replica counts worth a line, and the demand that each carries."""
    per_line = max(1, _nice(ceil(top / threshold * ROWS_BETWEEN_LINES / n_rows)))
    n_lines = floor(top / threshold / per_line)
    return [(n * per_line, n * per_line * threshold) for n in range(1, n_lines + 1)]


def _nice(number: int) -> int:
    """Return the next of 1, 2, 3, 5, 10, 20 ..."""
    power = 10 ** floor(log10(number)) if number > 0 else 1
    return int(next(step * power for step in (1, 2, 3, 5, 10) if step * power >= number))


def _columns(values: FloatVector, n_columns: int) -> list[FloatVector]:
    """Return the values of each column; fewer values than columns are held."""
    if values.size < n_columns:
        places = np.arange(n_columns) * values.size // n_columns
        return [values[place : place + 1] for place in places]
    return list(np.array_split(values, n_columns))


def _top(picture: Picture) -> float:
    """Return the demand at the upper edge; one replica's share is shown where it fits."""
    known = picture.series.values[~np.isnan(picture.series.values)]
    highest = max(picture.bound or 0.0, float(known.max()) if known.size else 0.0)
    fits = picture.threshold <= WORTH_SHOWING * highest or highest == 0
    return HEADROOM * max(highest, picture.threshold if fits else 0.0)


def _height(value: float, top: float, n_rows: int) -> int:
    n_dots = n_rows * DOTS_DOWN
    return min(n_dots - 1, max(0, int(value / top * n_dots)))


def _row_of(value: float, top: float) -> int:
    return ROWS - 1 - _height(value, top, ROWS) // DOTS_DOWN


def _past(bits: int, glyphs: Glyphs, *, is_line: bool) -> tuple[str, str]:
    if bits:
        return glyphs.dot or chr(BRAILLE + bits), "bold cyan"
    return (glyphs.line, "dim") if is_line else (" ", "")


def _axis(picture: Picture, n_past: int, n_ahead: int, glyphs: Glyphs) -> tuple[Text, Text, Text]:
    """Return the time axis, its clock times (first, half, end of the data) and the legend."""
    series, zone = picture.series, picture.zone
    n_rule = n_past + n_ahead + (1 if n_ahead else 0)
    rule = " " * (LABEL_WIDTH + 1) + glyphs.corner + glyphs.line * n_rule
    times = " " * (LABEL_WIDTH + 2) + clock(series.start_at, zone)
    half = clock((series.start_at + series.end_at) / 2, zone)
    times = times.ljust(LABEL_WIDTH + 2 + n_past // 2) + half
    end = clock(series.end_at, zone)
    times = times.ljust(LABEL_WIDTH + 2 + n_past - len(end)) + end
    return Text(rule, style="dim"), Text(times, style="dim"), _legend(picture, glyphs)


def _legend(picture: Picture, glyphs: Glyphs) -> Text:
    legend = Text(" " * (LABEL_WIDTH + 2))
    legend.append(glyphs.dot or "\u28ff", style="bold cyan").append(" demand   ", style="dim")
    if picture.bound is not None:
        until = clock(picture.until_at, picture.zone)
        legend.append(glyphs.bound, style="bold magenta")
        legend.append(f" at most {number(picture.bound)} until {until}   ", style="dim")
    if isfinite(picture.threshold):
        legend.append(f"{glyphs.line} what so many replicas carry", style="dim")
    return legend


def clock(at: float, zone: ZoneInfo) -> str:
    """Return the wall clock of `zone` at the minute nearest to a moment."""
    return datetime.fromtimestamp(round(at / 60) * 60, tz=zone).strftime("%H:%M")
