"""A search's report: the winner, the block to paste, and service against cost of all settings."""

import io
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simulations.results.figures import pareto
from simulations.trials.page import image, page, table
from simulations.trials.pictures import DEMAND, DOTS_PER_INCH, OTHER, READY, STYLE, WANTED
from simulations.trials.setup import Setup
from simulations.trials.words import PLACEHOLDER
from simulations.tuning.search import Found
from simulations.tuning.words import HEADERS, UNITS, effort, paste, rows, verdict


def write_report(found: Found, setup: Setup, path: Path) -> None:
    """Write the report as HTML, or its picture as PNG. Raises OSError."""
    if path.suffix.lower() == ".png":
        path.write_bytes(picture(found))
    else:
        path.write_text(page("Prewarm tuning", "\n".join(_body(found, setup))), encoding="utf-8")


def picture(found: Found) -> bytes:
    """Return all settings that events were run on, by cost and service, as PNG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 6.0), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure.subplots(), found)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw(axes: Any, found: Found) -> None:
    ratio, limit = found.goal.ratio, 100.0 * found.goal.limit
    points = [(each.mean.hours, 100.0 * ratio(each.mean)) for each in found.tried]
    axes.scatter(*zip(*points, strict=True), s=22, color=OTHER, alpha=0.6, label="a setting")
    front = [points[place] for place in pareto(points)]
    axes.plot(*zip(*front, strict=True), color=DEMAND, linewidth=1.0, label="Pareto front")
    axes.axhline(limit, color=WANTED, linestyle="--", linewidth=1.0, label=f"limit, {limit:g} %")
    for name, one, colour, mark in (
        ("present", found.current, "#bf8700", "s"),
        ("winner", found.finalists[0], READY, "o"),
    ):
        at = (one.mean.hours, 100.0 * ratio(one.mean))
        axes.plot(*at, mark, color=colour, markersize=10, label=name)
    axes.margins(x=0.08, y=0.12)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_xlabel("GPU-hours billed (fewer is better)")
    what = "demand that is short" if found.goal.by_shortage else "requests beyond a limit"
    axes.set_ylabel(f"% of {what}")
    axes.set_title("Settings by service and cost", loc="left")
    axes.legend(frameon=False)


def _body(found: Found, setup: Setup) -> Iterator[str]:
    yield f'<div class="verdict {"pays" if found.is_met else "not"}">'
    for sentence in verdict(found):
        yield f"<p>{escape(sentence)}</p>"
    yield "</div>"
    yield f"<pre>{escape(paste(found.finalists[0].setting, setup))}</pre>"
    if not setup.is_calibrated:
        yield f'<p class="warn">{escape(PLACEHOLDER)}</p>'
    yield image(picture(found), "Settings by service and cost")
    shown = rows(found)
    yield table(HEADERS, shown, strong=[row[0] == "winner" for row in shown])
    yield f'<p class="dim">{escape(UNITS)} {escape(effort(found))}</p>'
