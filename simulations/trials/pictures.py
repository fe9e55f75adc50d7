"""The pictures of a contest: a policy's days tick by tick, and all policies on one plane."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simulations.results.figures import pareto
from simulations.trials.contest import OURS, Contest, Standing
from simulations.trials.words import in_time, total

DOTS_PER_INCH = 110
DEMAND, FORECAST, READY, WANTED, OTHER = "#4c72b0", "#8a6d00", "#1a7f37", "#cf222e", "#57606a"
STYLE: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}


def save_picture(contest: Contest, path: Path) -> None:
    """Write both pictures as one PNG. Raises OSError when it can't be written."""
    path.write_bytes(picture(contest))


def picture(contest: Contest) -> bytes:
    """Return timeline and plane as one PNG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13.0, 9.5), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        above, below = figure.subplots(2, 1)
        draw_timeline(above, contest.get(OURS) or contest.standings[0], contest)
        draw_plane(below, contest)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def draw_timeline(axes: Any, standing: Standing, contest: Contest) -> None:
    """Draw demand, what was forecast, and what replicas wanted and ready carry."""
    run, carried = standing.run, standing.run.carried
    outcome = run.outcome
    at = outcome.at + run.requests.start_at
    times: Any = [datetime.fromtimestamp(moment, UTC) for moment in at.tolist()]
    axes.fill_between(times, outcome.demand, color=DEMAND, alpha=0.35, linewidth=0, label="demand")
    forecasts = np.asarray(run.forecasts)
    seen = np.isfinite(forecasts)
    if seen.any():
        shown = [time for time, is_seen in zip(times, seen, strict=True) if is_seen]
        axes.plot(shown, forecasts[seen], color=FORECAST, linewidth=0.9, label="forecast")
    axes.step(
        times, outcome.wanted * carried, where="post", color=WANTED, linewidth=0.8, linestyle=":",
        label="wanted replicas carry",
    )  # fmt: skip
    axes.step(
        times, outcome.ready * carried, where="post", color=READY, linewidth=1.3,
        label="ready replicas carry",
    )  # fmt: skip
    locator: Any = mdates.AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylim(bottom=0)
    axes.set_ylabel("requests a second")
    axes.set_title(f"{standing.entrant.name} on {contest.material.name} (UTC)", loc="left")
    axes.legend(loc="upper left", ncols=4, frameon=False)


def _is_near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Return whether their labels would hide each other."""
    return bool(np.allclose(one, other, rtol=0.03))


def draw_plane(axes: Any, contest: Contest) -> None:
    """Draw each policy's requests beyond the limits against its GPU-hours."""
    points: list[tuple[float, float]] = []
    for standing in contest.standings:
        hours, served = standing.of(total), standing.of(in_time)
        missed = 100.0 * (1.0 - served.mean)
        ours = standing.entrant.name == OURS
        colour = READY if ours else OTHER
        half_x = np.nan_to_num((hours.high - hours.low) / 2)
        half_y = np.nan_to_num(50.0 * (served.high - served.low))
        axes.errorbar(
            hours.mean, missed, xerr=half_x, yerr=half_y, fmt="o", color=colour,
            markersize=8 if ours else 6,
        )  # fmt: skip
        n_there = sum(_is_near(point, (hours.mean, missed)) for point in points)
        axes.annotate(
            standing.entrant.name, (hours.mean, missed), xytext=(7, 5 + 13 * n_there),
            textcoords="offset points", color=colour, fontweight="bold" if ours else "normal",
        )  # fmt: skip
        points.append((hours.mean, missed))
    front = [points[place] for place in pareto(points)]
    axes.plot(*zip(*front, strict=True), color=DEMAND, linewidth=0.9, zorder=0)
    axes.margins(x=0.12, y=0.12)
    axes.set_xlabel("GPU-hours billed (fewer is better)")
    axes.set_ylabel("% of requests beyond a limit")
    axes.set_title("Service against cost; the line joins those that nothing beats", loc="left")
