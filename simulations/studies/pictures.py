"""The pictures of the notebooks."""

import io
from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simulations.run import Run
from simulations.studies.traffic import Study, by_hour

DEMAND, READY, OTHER, SHORT = "#4c72b0", "#1a7f37", "#57606a", "#cf222e"
PNG_DPI = 80


class Picture(Figure):
    """A figure that a notebook shows as it is, without a backend chosen first."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def _figure(width: float = 9.0, height: float = 3.6) -> tuple[Picture, Any]:
    figure = Picture(figsize=(width, height), dpi=PNG_DPI, layout="constrained")
    axes: Any = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw_demand(study: Study) -> Picture:
    """Draw the demand of history and run; the run is shaded."""
    figure, axes = _figure()
    axes.plot(pd.to_datetime(study.demand.times, unit="s"), study.demand.values, lw=0.6, c=DEMAND)
    begin, end = (
        pd.to_datetime(at, unit="s") for at in (study.requests.start_at, study.demand.end_at)
    )
    axes.axvspan(begin, end, color=READY, alpha=0.12, label="the days that are run")
    axes.set_ylabel("requests a second")
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    dates: Any = mdates
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    return figure


def draw_hours(study: Study) -> Picture:
    """Draw mean demand by weekday and hour."""
    table = by_hour(study)
    figure, axes = _figure(height=3.0)
    image = axes.imshow(table.to_numpy(), aspect="auto", cmap="viridis")
    axes.set_yticks(range(len(table.index)), list(table.index))
    axes.set_xlabel("hour of the day, UTC")
    figure.colorbar(image, label="requests a second")
    return figure


def draw_run(run: Run, *, hours: float = 24.0) -> Picture:
    """Draw what was needed and what was ready over the first hours of a run."""
    outcome = run.outcome
    shown = outcome.at <= hours * 3_600.0
    at = outcome.at[shown] / 3_600.0  # noqa: PD008 - no frame
    figure, axes = _figure()
    need = np.ceil(outcome.demand[shown] / run.carried)
    axes.step(at, need, where="post", c=DEMAND, lw=0.6, label="needed")
    axes.step(at, outcome.ready[shown], where="post", c=READY, lw=1.4, label="ready")
    axes.set_xlabel("hours from the start")
    axes.set_ylabel("replicas")
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return figure


def draw_front(table: pd.DataFrame, *, miss: str = "shortage") -> Picture:
    """Draw each row of a table of runs on the plane of GPU-hours and what was missed."""
    figure, axes = _figure(height=4.2)
    for place, (name, row) in enumerate(table.sort_values("gpu_hours").iterrows()):
        colour = READY if name == "prewarm" else OTHER
        axes.plot(row["gpu_hours"], row[miss], "o", c=colour)
        spot = (row["gpu_hours"], row[miss])
        away = (5, 5 if place % 2 else -13)  # neighbours' names don't run into one another
        axes.annotate(str(name), spot, xytext=away, textcoords="offset points", color=colour)
    axes.margins(x=0.18, y=0.12)
    axes.set_xlabel("GPU-hours")
    if table.index.name is not None:
        axes.set_title(str(table.index.name))
    axes.set_ylabel(f"{miss}, requests" if miss == "shortage" else miss)
    return figure


def draw_heat(table: pd.DataFrame, *, rows: str, columns: str, value: str) -> Picture:
    """Draw a value over two keys of a grid, the figure in each cell."""
    cells = table.pivot_table(index=rows, columns=columns, values=value)
    figure, axes = _figure(width=6.5)
    axes.imshow(cells.to_numpy(), aspect="auto", cmap="viridis_r", alpha=0.6)
    axes.set_xticks(range(cells.shape[1]), [f"{each:g}" for each in cells.columns])
    axes.set_yticks(range(cells.shape[0]), [f"{each:g}" for each in cells.index])
    axes.set_xlabel(columns)
    axes.set_ylabel(rows)
    axes.set_title(value)
    for (i, j), figure_of in np.ndenumerate(cells.to_numpy()):
        axes.text(j, i, f"{figure_of:,.1f}", ha="center", va="center")
    return figure
