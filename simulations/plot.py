"""The hour as a picture: what demand asked for, and what was ready to carry it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from simulations.moments import Moment
from simulations.report import duration, readiness
from simulations.verdict import Verdict

SIZE_INCHES = (11.0, 6.2)
DOTS_PER_INCH = 130
DEMAND, FORECAST, PREWARM, REACTIVE, FLOOR = "#4c72b0", "#8a6d00", "#1a7f37", "#cf222e", "#57606a"
STYLE: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
HEADROOM = 1.35  # of the highest value: the room for what is written above the curves
TEXT_LEVEL, SPAN_LEVEL, LEAD_LEVEL = 0.89, 0.85, 0.79  # of the height


def save_plot(moments: Sequence[Moment], verdict: Verdict, path: Path) -> None:
    """Write the picture as PNG. Raises OSError when it can't be written."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw_curves(axes, moments, verdict)
        _dress(axes, moments, verdict)
        _draw_marks(axes, verdict)
        _draw_spans(axes, verdict)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, format="png")


def _time(at: float) -> Any:
    return datetime.fromtimestamp(at, UTC)


def _draw_curves(axes: Any, moments: Sequence[Moment], verdict: Verdict) -> None:
    terms = verdict.terms
    times = [_time(m.at) for m in moments]
    demand = [m.demand for m in moments]
    prewarm = [m.prewarm.ready * terms.threshold for m in moments]
    reactive = [m.reactive.ready * terms.threshold for m in moments]
    axes.fill_between(times, demand, color=DEMAND, alpha=0.22, linewidth=0)
    axes.plot(times, demand, color=DEMAND, linewidth=1.8, label="demand")
    axes.fill_between(
        times,
        reactive,
        demand,
        where=[d > r for d, r in zip(demand, reactive, strict=True)],
        color=REACTIVE,
        alpha=0.25,
        linewidth=0,
        label="demand that the reactive replicas can't carry",
    )
    axes.plot(
        times,
        [m.forecast for m in moments],
        color=FORECAST,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label="forecast: at most so much within the lead time",
    )
    steps: dict[str, Any] = {"where": "post", "linewidth": 2.4}
    axes.step(times, reactive, color=REACTIVE, label="ready, reactive answer", **steps)
    axes.step(times, prewarm, color=PREWARM, label="ready, Prewarm", **steps)
    axes.axhline(
        terms.warm_floor * terms.threshold,
        color=FLOOR,
        linewidth=1.0,
        linestyle=":",
        label=f"warm floor, {terms.warm_floor} replicas",
    )


def _draw_marks(axes: Any, verdict: Verdict) -> None:
    """Mark when the target rose, when demand needed it, and when the replicas were ready."""
    top = axes.get_ylim()[1]
    marks = (
        (verdict.prewarm.risen_at, PREWARM, f"Prewarm asks for {verdict.needed}", "right", -4),
        (verdict.needed_at, DEMAND, f"demand needs {verdict.needed}", "left", 4),
    )
    for at, colour, text, side, gap in marks:
        if at is None:
            continue
        axes.axvline(_time(at), color=colour, linewidth=1.1, linestyle="--", ymax=TEXT_LEVEL + 0.05)
        axes.annotate(
            f"{text}\n{_time(at):%H:%M:%S}",
            (_time(at), top * TEXT_LEVEL),
            xytext=(gap, 0),
            textcoords="offset points",
            color=colour,
            ha=side,
            fontweight="bold",
        )
    _draw_readiness(axes, verdict)


def _draw_readiness(axes: Any, verdict: Verdict) -> None:
    """Mark when as many pods were ready on each side as the spike needs."""
    for outcome, colour, side, offset in (
        (verdict.prewarm, PREWARM, "right", (-8, 6)),
        (verdict.reactive, REACTIVE, "left", (8, -40)),
    ):
        if outcome.covered_at is None:
            continue
        place = (_time(outcome.covered_at), verdict.needed * verdict.terms.threshold)
        axes.plot(*place, "o", color=colour, markersize=8, zorder=5)
        axes.annotate(
            readiness(verdict, outcome.covered_at),
            place,
            xytext=offset,
            textcoords="offset points",
            color=colour,
            ha=side,
            fontweight="bold",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            zorder=6,
        )


def _draw_spans(axes: Any, verdict: Verdict) -> None:
    """Draw how long before the need the target rose, and how long a replica takes to start."""
    needed_at, lead = verdict.needed_at, verdict.terms.lead_time_seconds
    top = axes.get_ylim()[1]
    spans = [(lead, f"lead time {duration(lead)}", FLOOR, LEAD_LEVEL)]
    if verdict.lead_seconds is not None and verdict.lead_seconds > 0:
        ahead = f"{duration(verdict.lead_seconds)} ahead"
        spans.append((verdict.lead_seconds, ahead, PREWARM, SPAN_LEVEL))
    for seconds, text, colour, level in spans:
        start, end = (_time(needed_at - seconds), top * level), (_time(needed_at), top * level)
        arrow = {"arrowstyle": "<->", "color": colour, "shrinkA": 0, "shrinkB": 0, "lw": 1.4}
        axes.annotate("", start, end, arrowprops=arrow)
        axes.annotate(
            text, end, xytext=(6, 0), textcoords="offset points", color=colour, va="center"
        )


def _dress(axes: Any, moments: Sequence[Moment], verdict: Verdict) -> None:
    terms = verdict.terms
    axes.set_ylim(0, axes.get_ylim()[1] * HEADROOM)
    axes.set_xlim(_time(moments[0].at), _time(moments[-1].at))
    times: Any = mdates.DateFormatter
    axes.xaxis.set_major_formatter(times("%H:%M", tz=UTC))
    axes.set_xlabel(f"{_time(terms.start_at):%A %d %B %Y}, UTC")
    axes.set_ylabel("requests per second")
    axes.secondary_yaxis(
        "right", functions=(lambda y: y / terms.threshold, lambda n: n * terms.threshold)
    ).set_ylabel(f"replicas ({terms.threshold:g} requests/s each)")
    axes.set_title(_headline(verdict), loc="left", fontweight="bold")


def _headline(verdict: Verdict) -> str:
    if not verdict.is_good:
        return "Replicas did not rise ahead of demand"
    short = duration(verdict.reactive.short_seconds)
    return f"Prewarm: replicas are ready before demand is. Reactive scaling was short for {short}."
