"""The pictures of a backtest: forecast and outcome, calibration, shortage and excess, residuals."""

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from forecasting.arrays import FloatVector
from forecasting.localtime import DAY_SECONDS, day_angle
from scaler.words import number
from simulations.backtest.methods import CALIBRATED, OURS, REACTIVE
from simulations.backtest.result import Result
from simulations.backtest.scoring import Asked, Row, Scored
from simulations.backtest.units import words

DOTS_PER_INCH = 110
DEMAND, BOUND, OTHER, SHORT, GREY = "#4c72b0", "#8a6d00", "#57606a", "#cf222e", "#8c959f"
OURS_COLOUR = "#1a7f37"
STYLE: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
SHOWN_DAYS = 2.0
HOURS = 24
LEAST_IN_HOUR = 3


Draw = Callable[[Any, Result], None]


def save_plot(result: Result, path: Path) -> None:
    """Write the four pictures as one PNG. Raises OSError when it can't be written."""
    path.write_bytes(_png(result, list(PICTURES.values()), rows=2, size=(15.0, 9.5)))


def pictures(result: Result) -> dict[str, bytes]:
    """Return each picture as PNG, by its caption."""
    return {
        caption: _png(result, [draw], rows=1, size=(9.6, 4.6)) for caption, draw in PICTURES.items()
    }


def _png(result: Result, draws: list[Draw], *, rows: int, size: tuple[float, float]) -> bytes:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        cells = np.atleast_1d(figure.subplots(rows, len(draws) // rows)).ravel()
        for axes, draw in zip(cells, draws, strict=True):
            draw(axes, result)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def draw_bounds(axes: Any, result: Result) -> None:
    """Draw the outcome at each origin and our bound for it, over the last days."""
    case, asked = result.scored.case, result.scored.main
    at, peaks = case.origins(), case.outcomes(asked.horizon_seconds)
    line = result.line(asked)
    shown = at >= (at[-1] - SHOWN_DAYS * DAY_SECONDS if at.size else 0.0)
    times: Any = [datetime.fromtimestamp(moment, case.zone) for moment in at[shown].tolist()]
    axes.plot(times, peaks[shown], color=DEMAND, linewidth=1.3, label="outcome: the window's peak")
    if line is not None:
        bound = line[shown]
        axes.plot(times, bound, color=BOUND, linewidth=1.2, label=f"{asked.quantile:g} bound")
        is_short = peaks[shown] > bound
        axes.plot(
            np.array(times, dtype=object)[is_short],
            peaks[shown][is_short],
            "o",
            color=SHORT,
            markersize=3.5,
            label=f"beyond the bound, {is_short.mean():.1%} of these" if is_short.size else None,
        )
    zoned: Any = mdates.AutoDateLocator
    locator = zoned(tz=case.zone)
    formatter: Any = mdates.ConciseDateFormatter
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter(locator, tz=case.zone))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("demand")
    axes.legend(frameon=False, loc="upper left", ncols=3, fontsize=9)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.15)
    axes.set_title(
        f"Forecast of the next {words(asked.horizon_seconds)} and what came", loc="left",
        fontweight="bold",
    )  # fmt: skip


def draw_calibration(axes: Any, result: Result) -> None:
    """Draw how often each bound held against how often it should have."""
    scored = result.scored
    horizons = scored.case.questions.horizons_seconds
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.0, label="ideal")
    shades = np.linspace(1.0, 0.45, len(horizons))
    levels = [*scored.case.questions.quantiles]
    observed: list[float] = []
    for horizon, shade in zip(horizons, shades.tolist(), strict=True):
        points = _coverage(scored, OURS, horizon)
        observed += points
        axes.plot(
            levels, points, "o-", color=OURS_COLOUR, alpha=shade,
            label=f"prewarm, {words(horizon)}",
        )  # fmt: skip
    for method, colour, mark in ((CALIBRATED, BOUND, "s:"), ("day-profile", DEMAND, "^:")):
        points = _coverage(scored, method, scored.main.horizon_seconds)
        if points:
            observed += points
            axes.plot(levels, points, mark, color=colour, markersize=4, label=method)
    low = min([*levels, *(each for each in observed if each == each), 0.9])  # noqa: PLR0124
    axes.set_xlim(max(0.0, low - 0.08), 1.01)
    axes.set_ylim(max(0.0, low - 0.08), 1.01)
    axes.set_xlabel("quantile asked for")
    axes.set_ylabel("share of windows at or below the bound")
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    axes.set_title("Calibration: does the bound hold as often as asked?", loc="left",
                   fontweight="bold")  # fmt: skip


def _coverage(scored: Scored, method: str, horizon_seconds: float) -> list[float]:
    found = []
    for quantile in scored.case.questions.quantiles:
        row = scored.row(method, Asked(horizon_seconds=horizon_seconds, quantile=quantile))
        if row is not None:
            found.append(row.score.coverage_ratio)
    return found


def draw_balance(axes: Any, result: Result) -> None:
    """Draw mean shortage and excess of each method at the main question, in demand."""
    rows = sorted(
        (
            row
            for row in result.scored.rows
            if row.asked == result.scored.main and row.score.n_origins
        ),
        key=lambda row: row.score.pinball,
        reverse=True,
    )
    places = np.arange(len(rows))
    excess = np.array([row.score.excess for row in rows])
    short = np.array([row.score.shortage for row in rows])
    colours = [OURS_COLOUR if row.method == OURS else GREY for row in rows]
    axes.barh(places, excess, color=colours, label="excess: bound above the peak")
    axes.barh(places, -short, color=SHORT, label="shortage: peak above the bound")
    left, right = _limit(short), _limit(excess)
    axes.set_xlim(-left, right)
    for place, row in zip(places.tolist(), rows, strict=True):
        if row.score.excess > right:
            _beyond(axes, right, place, f"{number(row.score.excess)} \u2192", side="right")
        if row.score.shortage > left:
            _beyond(axes, -left, place, f"\u2190 {number(row.score.shortage)}", side="left")
    axes.set_yticks(places, [_label(row) for row in rows])
    axes.axvline(0, color=OTHER, linewidth=0.8)
    axes.set_xlabel("\u2190 mean shortage      demand      mean excess \u2192")
    asked = result.scored.main
    axes.set_title(
        f"Shortage and excess by method, best pinball loss on top "
        f"({words(asked.horizon_seconds)}, {asked.quantile:g})",
        loc="left", fontweight="bold", fontsize=10,
    )  # fmt: skip


def _limit(sizes: FloatVector) -> float:
    """Return the end of an axis: an outlier among the methods must not flatten the rest."""
    if not sizes.size or not sizes.max() > 0:
        return 1.0
    return float(1.1 * min(sizes.max(), max(4.0 * np.median(sizes), 0.1 * sizes.max())))


def _beyond(axes: Any, end: float, place: float, text: str, *, side: str) -> None:
    """Write the size of a bar that ends beyond the axis."""
    axes.text(end, place, text, ha=side, va="center", fontsize=8, color="white",
              fontweight="bold")  # fmt: skip


def _label(row: Row) -> str:
    return f"{row.method} ({row.score.coverage_ratio:.0%} covered)"


def draw_residuals(axes: Any, result: Result) -> None:
    """Draw outcome minus bound by local hour: where in the day the bound is short."""
    case, asked = result.scored.case, result.scored.main
    at, peaks = case.origins(), case.outcomes(asked.horizon_seconds)
    hours = np.floor(day_angle(at, case.zone) / (2 * np.pi) * HOURS).astype(np.intp)
    n_boxes = 0
    for method, colour, width, shift in (
        (REACTIVE, GREY, 0.36, 0.2),
        (OURS, OURS_COLOUR, 0.36, -0.2),
    ):
        line = result.line(asked, method)
        if line is None:
            continue
        residuals = peaks - line
        known = ~np.isnan(residuals)
        groups = {
            hour: residuals[known & (hours == hour)]
            for hour in range(HOURS)
            if (known & (hours == hour)).sum() >= LEAST_IN_HOUR
        }
        n_boxes += len(groups)
        _boxes(axes, groups, colour=colour, width=width, shift=shift)
        axes.plot([], [], color=colour, linewidth=5, label=method)
    if not n_boxes:
        axes.text(0.5, 0.4, f"too few windows: a box needs {LEAST_IN_HOUR} in its hour",
                  transform=axes.transAxes, ha="center", color=OTHER)  # fmt: skip
    axes.axhline(0, color=SHORT, linewidth=0.9)
    axes.set_xticks(range(0, HOURS, 3), [f"{hour:02d}:00" for hour in range(0, HOURS, 3)])
    axes.set_xlim(-0.6, HOURS - 0.4)
    axes.set_xlabel(f"hour of the day, {case.zone.key}")
    axes.set_ylabel("outcome - bound (above 0: short)")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    axes.legend(frameon=False, loc="upper right", fontsize=9, ncols=2)
    axes.set_title("Residuals by hour: box of half, whiskers of nine in ten", loc="left",
                   fontweight="bold")  # fmt: skip


def _boxes(
    axes: Any, groups: Mapping[int, FloatVector], *, colour: str, width: float, shift: float
) -> None:
    for hour, values in groups.items():
        low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        place = hour + shift
        axes.vlines(place, low, high, color=colour, linewidth=1.0)
        axes.bar(place, third - first, width=width, bottom=first, color=colour, alpha=0.75)
        axes.hlines(middle, place - width / 2, place + width / 2, color="white", linewidth=1.2)


PICTURES: dict[str, Draw] = {
    "Forecast and outcome": draw_bounds,
    "Calibration": draw_calibration,
    "Shortage and excess": draw_balance,
    "Residuals by hour": draw_residuals,
}
