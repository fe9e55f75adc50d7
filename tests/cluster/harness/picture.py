"""The story as a picture: what demand needed, and what each side had ready to carry it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from .contest import COLD_START, FLOOR, PREWARM, REACTIVE
from .told import Told

SIZE_INCHES = (11.0, 7.4)
DOTS_PER_INCH = 120
DEMAND, FORECAST, FLOOR_COLOUR = "#4c72b0", "#8a6d00", "#57606a"
COLOURS = {PREWARM: "#1a7f37", REACTIVE: "#cf222e"}
TITLES = {
    REACTIVE: "KEDA's prometheus trigger asks for replicas when the demand is there",
    PREWARM: "Prewarm asks for them a cold start ahead",
}
STYLE: Any = {"font.size": 10.5, "axes.spines.top": False, "axes.spines.right": False}
HEADROOM = 1.35  # of the highest value: the room for the legend


def save_picture(told: Told, path: Path) -> None:
    """Write both sides, one above the other, as PNG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True, sharey=True)
        times = [told.start_at + n for n in range(told.seconds)]
        _draw_side(upper, told, REACTIVE, times)
        _draw_side(lower, told, PREWARM, times)
        _draw_forecast(lower, told)
        _dress(lower, upper, told, times)
        for axes in (upper, lower):
            axes.legend(loc="upper left", frameon=False)
        figure.suptitle(_headline(told), x=0.01, ha="left", fontweight="bold", fontsize=13)
        figure.savefig(path, format="png")


def _time(told: Told, at: float) -> Any:
    return datetime.fromtimestamp(at - told.play.shift_seconds, UTC)


def _draw_side(axes: Any, told: Told, side: str, times: Sequence[float]) -> None:
    threshold, colour = told.play.threshold, COLOURS[side]
    shown = [_time(told, at) for at in times]
    demand = [told.play.demand_at(at) / threshold for at in times]
    ready = [told.ready(side, at) for at in times]
    is_short = [d > r for d, r in zip(demand, ready, strict=True)]
    axes.plot(shown, demand, color=DEMAND, linewidth=2, label="replicas that demand needs")
    axes.step(shown, ready, where="post", color=colour, linewidth=2.2, label="replicas ready")
    found = told.outcome(side)
    axes.fill_between(
        shown,
        ready,
        demand,
        where=is_short,
        color=COLOURS[REACTIVE],
        alpha=0.3,
        linewidth=0,
        label=f"short: for {found.short_seconds} s" if any(is_short) else None,
    )
    axes.set_title(TITLES[side], loc="left", color=colour, fontweight="bold")
    axes.set_ylabel("replicas")
    axes.text(
        0.995,
        0.05,
        f"shortage {found.shortage_demand_seconds:,.0f} demand-seconds\n"
        f"{found.replica_seconds / 60:,.0f} replica-minutes held",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        color=colour,
    )


def _draw_forecast(axes: Any, told: Told) -> None:
    inside = [one for one in told.forecasts if told.start_at <= one[0] <= told.end_at]
    axes.step(
        [_time(told, at) for at, _ in inside],
        [bound / told.play.threshold for _, bound in inside],
        where="post",
        color=FORECAST,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label="forecast: the most that demand will need within the lead time",
    )


def _dress(axes: Any, other: Any, told: Told, times: Sequence[float]) -> None:
    bounds = [bound for _, bound in told.forecasts]
    top = max([*bounds, *(told.play.demand_at(at) for at in times)]) / told.play.threshold
    axes.set_ylim(0, top * HEADROOM)
    axes.set_xlim(_time(told, told.start_at), _time(told, told.end_at))
    axes.yaxis.set_major_locator(MultipleLocator(4))
    for axes_side in (axes, other):
        axes_side.axhline(FLOOR, color=FLOOR_COLOUR, linewidth=1, linestyle=":", label="minimum")
    formatter: Any = mdates.DateFormatter
    locator: Any = mdates.MinuteLocator
    axes.xaxis.set_major_locator(locator(interval=2))
    axes.xaxis.set_minor_locator(locator())
    axes.xaxis.set_major_formatter(formatter("%H:%M", tz=UTC))
    cold = COLD_START.image_pull_seconds + COLD_START.load_seconds
    axes.set_xlabel(
        f"time of day in the trace {told.play.name}, played at its own speed; one replica carries "
        f"{told.play.threshold:g} of demand;\na pod is ready {cold:g} s after it has a GPU"
    )


def _headline(told: Told) -> str:
    short = told.outcome(REACTIVE).short_seconds, told.outcome(PREWARM).short_seconds
    ours = "Prewarm never" if not short[1] else f"Prewarm for {short[1]} s"
    return f"While demand rose, reactive scaling was short for {short[0]} s, {ours}"
