"""Draws docs/img/forecast-benchmark.png from the results: every method's loss at each horizon.

python benchmarks/forecast_plot.py
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from forecast_protocol import HORIZONS, geometric_mean
from forecast_rivals import RIVALS, Rival, calibrated_names, entries

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "forecast.json"
PICTURE = ROOT / "docs" / "img" / "forecast-benchmark.png"
OURS = "prewarm"
OUR_COLOUR, RIVAL_COLOUR = "tab:blue", "0.35"
TICKS = (0.1, 0.2, 0.5, 1, 2)
Ratios = Mapping[str, float]  # by series


def ratios(methods: Mapping[str, Any], name: str, question: str) -> dict[str, float]:
    """Return a method's pinball ratios by series; empty when it was not run."""
    by_series = methods.get(name, {}).get("scores", {})
    return {s: found[question][0] for s, found in by_series.items() if question in found}


def forms(methods: Mapping[str, Any], rival: Rival, question: str) -> tuple[Ratios, Ratios]:
    """Return the ratios of the form that users get and of the better calibrated one."""
    plain = ratios(methods, rival.name, question) if rival.name in entries(rival) else {}
    calibrated = [ratios(methods, name, question) for name in calibrated_names(rival)]
    calibrated = [found for found in calibrated if found]
    best = min(calibrated, key=lambda found: geometric_mean([*found.values()]), default={})
    return plain, best


def rows(methods: Mapping[str, Any], question: str) -> list[tuple[str, Ratios, Ratios]]:
    """Return label, plain and calibrated ratios of each method on all series, the worst first."""
    n_series = max(len(found["scores"]) for found in methods.values())
    found = [(rival.name, *forms(methods, rival, question)) for rival in RIVALS]
    found = [row for row in found if n_series in (len(row[1]), len(row[2]))]
    ours = ratios(methods, OURS, question)
    if ours:
        found.append(("Prewarm", ours, {}))
    return sorted(found, key=lambda row: -min(_mean(row[1]), _mean(row[2])))


def draw(axes: Axes, methods: Mapping[str, Any], names: list[str], question: str) -> None:
    """Draw one horizon."""
    by_name = {row[0]: row[1:] for row in rows(methods, question)}
    for line, name in enumerate(names):
        plain, calibrated = by_name[name]
        colour = OUR_COLOUR if name == "Prewarm" else RIVAL_COLOUR
        if name == "Prewarm":
            axes.axhspan(line - 0.5, line + 0.5, color=OUR_COLOUR, alpha=0.12, linewidth=0)
        ends = [_mean(found) for found in (plain, calibrated) if found]
        axes.plot([min(ends), max(ends)], [line, line], color="0.8", zorder=1)
        if plain:
            axes.plot(_mean(plain), line, "o", color=colour, markersize=6)
        if calibrated:
            axes.plot(_mean(calibrated), line, "o", color=colour, markerfacecolor="white")
    axes.axvline(1.0, color="tab:red", linewidth=1.2, linestyle="--", zorder=1)
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _mean(found: Ratios) -> float:
    return geometric_mean([*found.values()]) if found else float("inf")


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=PICTURE)
    parser.add_argument("--level", default="p90", choices=("p90", "p95"))
    given = parser.parse_args()
    methods = json.loads(given.results.read_text())["methods"]
    names = [row[0] for row in rows(methods, f"H15 {given.level}")]
    figure, panels = plt.subplots(
        1, len(HORIZONS), figsize=(12, 0.32 * len(names) + 1.6), sharey=True, sharex=True,
        layout="constrained",
    )  # fmt: skip
    for axes, minutes in zip(panels, HORIZONS, strict=True):
        draw(axes, methods, names, f"H{minutes} {given.level}")
        axes.set_title(f"the next {minutes} minutes", fontsize=10)
    panels[0].set_yticks(range(len(names)), names, fontsize=9)
    n_series = max(len(found["scores"]) for found in methods.values())
    panels[1].set_xlabel(
        f"{given.level} pinball loss over that of yesterday's window (red line), "
        f"geometric mean of {n_series} traces: left is better"
    )
    marks = [
        Line2D([], [], color=RIVAL_COLOUR, marker="o", linestyle="",
               label="as it is (with its own bound or margin)"),
        Line2D([], [], color=RIVAL_COLOUR, marker="o", markerfacecolor="white", linestyle="",
               label="with a conformal correction, which none ships"),
        Line2D([], [], color=OUR_COLOUR, marker="o", linestyle="", label="Prewarm"),
    ]  # fmt: skip
    figure.legend(handles=marks, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(given.output, dpi=110)


if __name__ == "__main__":
    main()
