"""The forecast in a terminal and as a picture: history, and the bounds after it."""

from collections.abc import Iterator
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaler.terminal_plot import ASCII, UNICODE, Picture, plot
from scaler.words import number
from simulations.backtest.of_trigger import looks_ahead
from simulations.backtest.outlook import Outlook
from simulations.backtest.units import words

WIDEST = 100
SIZE_INCHES = (11.0, 8.6)
PATH_PAST_HOURS = 72.0  # drawn before the path
DOTS_PER_INCH = 130
DEMAND, CAPACITY = "#4c72b0", "#8c959f"
SHADES = ("#d4a72c", "#8a6d00", "#5c3d00")


def write(outlook: Outlook, console: Console, *, plot_hours: float) -> None:
    """Write the plot of the last hours, the bounds as a table, and what they need."""
    given, main = outlook.given, outlook.main
    series = given.series.between(given.series.end_at - plot_hours * 3600.0, given.series.end_at)
    at = datetime.fromtimestamp(main.issued_at, given.zone)
    title = "".join(char if char.isprintable() else "?" for char in given.name)
    console.print(Text(f"{title} as of {at:%a %Y-%m-%d %H:%M %Z}", style="bold"), soft_wrap=True)
    console.print()
    picture = Picture(
        series=series,
        bound=main.value,
        until_at=main.issued_at + main.horizon_seconds,
        threshold=outlook.terms.threshold or inf,
        zone=given.zone,
    )
    glyphs = UNICODE if console.encoding.lower().startswith("utf") else ASCII
    for line in plot(picture, width=min(WIDEST, console.width), glyphs=glyphs):
        console.print(line, soft_wrap=True)
    console.print()
    console.print(_table(outlook))
    for warning in outlook.warnings:
        console.print(Text(f"\n{warning}", style="bold yellow"), soft_wrap=True)
    if main.horizon_seconds != outlook.lead_time_seconds:
        why = looks_ahead(main.horizon_seconds, outlook.lead_time_seconds)
        console.print(f"\n{why}", highlight=False, soft_wrap=True)
    for sentence in needs(outlook):
        console.print(f"\n{sentence}", highlight=False, soft_wrap=True)


def needs(outlook: Outlook) -> Iterator[str]:
    """Yield how many replicas the main bound needs, and what maxReplicas leaves of it."""
    main, most = outlook.main, outlook.terms.max_replicas
    if outlook.needed is None or outlook.not_carried is None:
        return
    bound = f"the {main.level:g} bound of the next {words(main.horizon_seconds)}"
    plural = "replicas carry" if outlook.needed != 1 else "replica carries"
    text = f"{outlook.needed} {plural} {bound}"
    if most is None or outlook.needed <= most:
        yield f"{text}."
        return
    share = outlook.not_carried / main.value if main.value > 0 else 0.0
    yield (
        f"{text}, but maxReplicas allows {most}: {number(outlook.not_carried)} of its "
        f"{number(main.value)} ({share:.0%}) is not carried."
    )


def _table(outlook: Outlook) -> Table:
    levels = sorted({bound.level for bound in outlook.bounds})
    shown = Table(box=None, pad_edge=False)
    shown.add_column("at most, in the next")
    for level in levels:
        shown.add_column(f"{level:g}", justify="right")
    shown.add_column("by")
    for horizon in sorted({bound.horizon_seconds for bound in outlook.bounds}):
        line = [bound for bound in outlook.bounds if bound.horizon_seconds == horizon]
        style = "bold" if horizon == outlook.main.horizon_seconds else ""
        values = [number(bound.value) for bound in sorted(line, key=lambda each: each.level)]
        shown.add_row(words(horizon), *values, line[-1].method, style=style)
    return shown


def save_picture(outlook: Outlook, path: Path, *, plot_hours: float) -> None:
    """Write the picture as PNG. Raises OSError when it can't be written."""
    import matplotlib as mpl  # noqa: PLC0415 - of an extra
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    style: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        soon, later = figure.subplots(2, 1)
        _draw(soon, outlook, plot_hours)
        _draw_path(later, outlook)
        figure.savefig(path, format="png")


def _draw(axes: Any, outlook: Outlook, plot_hours: float) -> None:
    given, zone = outlook.given, outlook.given.zone
    series = given.series.between(given.series.end_at - plot_hours * 3600.0, given.series.end_at)
    times = [datetime.fromtimestamp(at, zone) for at in series.times.tolist()]
    axes.plot(times, series.values, color=DEMAND, linewidth=1.3, label="demand")
    levels = sorted({bound.level for bound in outlook.bounds})
    for place, level in enumerate(levels):
        colour = SHADES[min(place, len(SHADES) - 1)]
        _draw_steps(axes, outlook, level, colour)
    axes.axvline(datetime.fromtimestamp(series.end_at, zone), color=CAPACITY, linestyle=":")
    main = outlook.main
    axes.plot(
        [datetime.fromtimestamp(main.issued_at + main.horizon_seconds, zone)],
        [main.value],
        "o",
        color=SHADES[-1],
        label=f"in {words(main.horizon_seconds)} at most {number(main.value)}, {main.level:g} sure",
    )
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.15)
    if outlook.terms.threshold is not None and outlook.terms.threshold > 0:
        threshold = outlook.terms.threshold
        axes.secondary_yaxis(
            "right", functions=(lambda y: y / threshold, lambda n: n * threshold)
        ).set_ylabel(f"replicas ({threshold:g} each)")
    _dress(axes, outlook, title=f"Forecast: {outlook.given.name}")


def _draw_path(axes: Any, outlook: Outlook) -> None:
    """Draw three days of peaks and the bounds of the two days to come, window by window."""
    given, found, zone = outlook.given, outlook.path, outlook.given.zone
    series = given.series.between(
        given.series.end_at - PATH_PAST_HOURS * 3600.0, given.series.end_at
    )
    stride = max(1, round(found.step_seconds / series.step_seconds))
    n_kept = len(series) // stride * stride  # the same windows as ahead, counted from the end
    rows = series.values[len(series) - n_kept :].reshape(-1, stride)
    peaks = np.fmax.reduce(rows, axis=1)
    ends = series.end_at - found.step_seconds * np.arange(len(peaks))[::-1]
    axes.plot([datetime.fromtimestamp(at, zone) for at in ends.tolist()], peaks, color=DEMAND,
              linewidth=1.1, label=f"peak of each {words(found.step_seconds)}")  # fmt: skip
    ahead = [datetime.fromtimestamp(at, zone) for at in found.ends_at.tolist()]
    lowest = found.level(found.levels[0])
    for place, level in enumerate(found.levels):
        colour = SHADES[min(place, len(SHADES) - 1)]
        bounds = found.level(level)
        axes.plot(ahead, bounds, color=colour, linewidth=1.3, label=f"quantile {level:g}")
        axes.fill_between(ahead, lowest, bounds, color=colour, alpha=0.12, linewidth=0)
    axes.axvline(datetime.fromtimestamp(series.end_at, zone), color=CAPACITY, linestyle=":")
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.2)
    _dress(
        axes,
        outlook,
        title="The next two days, each window by itself: another, coarser model than above",
    )


def _draw_steps(axes: Any, outlook: Outlook, level: float, colour: str) -> None:
    """Draw the bounds of one quantile as steps: the peak until then is at most so high."""
    line = sorted(
        (bound for bound in outlook.bounds if bound.level == level),
        key=lambda bound: bound.horizon_seconds,
    )
    zone = outlook.given.zone
    edges = [line[0].issued_at, *(bound.issued_at + bound.horizon_seconds for bound in line)]
    times = [datetime.fromtimestamp(at, zone) for at in edges]
    values = [line[0].value, *(bound.value for bound in line)]
    axes.step(times, values, where="pre", color=colour, linewidth=1.8,
              label=f"peak until then, quantile {level:g}")  # fmt: skip
    axes.fill_between(times, values, step="pre", color=colour, alpha=0.10, linewidth=0)


def _dress(axes: Any, outlook: Outlook, *, title: str) -> None:
    import matplotlib.dates as mdates  # noqa: PLC0415 - of an extra

    zone = outlook.given.zone
    make: Any = mdates
    locator = make.AutoDateLocator(tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(make.ConciseDateFormatter(locator, tz=zone))
    axes.set_ylabel("demand")
    axes.set_xlabel(zone.key)
    axes.legend(frameon=False, loc="upper left", fontsize=9, ncols=3)
    axes.set_title(title, loc="left", fontweight="bold", wrap=True)
