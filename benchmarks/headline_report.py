"""Writes the tables of docs/results.md, between its marks, and draws docs/img/headline.png.

python benchmarks/headline_report.py     # after headline.py
"""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from headline_equal import compared, curve, families
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "headline.json"
DOCUMENT, PICTURE = ROOT / "docs" / "results.md", ROOT / "docs" / "img" / "headline.png"
BEGIN, END = "<!-- {}: made by benchmarks/headline_report.py -->\n", "<!-- end of {} -->"
REACTIVE_GOAL, BEST_GOAL, REGRET_GOAL = 0.2, 0.5, 0.15
SHOWN = ("prewarm", "keda-reactive", "holt-winters", "cron-24x7", "crane-like", "mimir-like")
COLOURS = ("#1a7f37", "#cf222e", "#8250df", "#4c72b0", "#8a6d00", "#57606a")
Case = dict[str, Any]


def goals(cases: list[Case]) -> str:
    """Return how often each goal was met, by cold start."""
    lines = [
        (
            "| cold start | traces | <= 20 % of reactive KEDA's shortage | median "
            "| <= half of the best rival's | median | <= 15 % above the optimum | median |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for cold in sorted({case["cold_start_seconds"] for case in cases}):
        told = [c["compared"] for c in cases if c["cold_start_seconds"] == cold]
        cells = [
            _met((one["to_reactive"] for one in told), REACTIVE_GOAL, "{:.0%}"),
            _met((one["to_best"] for one in told), BEST_GOAL, "{:.0%}"),
            _met((one["regret"] for one in told), REGRET_GOAL, "+{:.0%}"),
        ]
        lines.append(f"| {cold:.0f} s | {len(told)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _met(values: Iterable[float | None], goal: float, form: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "none compared | "
    return f"{sum(value <= goal for value in known)} of {len(known)} | {form.format(median(known))}"


def by_trace(cases: list[Case]) -> str:
    """Return a row for each case."""
    lines = [
        (
            "| trace | cold start | GPU-hours | above the optimum | under static peak | shortage "
            "| of reactive KEDA's | of the best rival's | which |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in sorted(cases, key=lambda c: (c["cold_start_seconds"], c["trace"])):
        one = case["compared"]
        demand = case["rows"][0]["demand"]
        lines.append(
            f"| {case['trace']} | {case['cold_start_seconds']:.0f} s | {one['gpu_hours']:.0f} "
            f"| {one['regret']:+.0%} | {one['saving']:.0%} | {one['shortage'] / demand:.3%} "
            f"| {_ratio(one['to_reactive'])} | {_ratio(one['to_best'])} "
            f"| {one['best_rival'] or '-'} |"
        )
    return "\n".join(lines) + "\n"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def by_policy(cases: list[Case]) -> str:
    """Return a row for each policy: medians over the cases, against the optimum's GPU-hours."""
    rows: dict[str, list[tuple[dict[str, Any], float]]] = {}
    for case in cases:
        best = next(r["gpu_hours"] for r in case["rows"] if r["policy"] == "clairvoyant")
        for row in case["rows"]:
            rows.setdefault(row["policy"], []).append((row, best))

    def middle(name: str, of: Callable[[dict[str, Any]], float]) -> float:
        return median(of(row) for row, _ in rows[name])

    lines = [
        (
            "| policy | GPU-hours / optimum | shortage of demand | SLO met | busy | floor "
            "| starting | idle | changes a day |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    names = sorted(rows, key=lambda n: median(row["gpu_hours"] / best for row, best in rows[n]))
    for name in names:
        times = median(row["gpu_hours"] / best for row, best in rows[name])
        parts = [
            f"{middle(name, lambda row, part=part: row[part] / row['gpu_hours']):.0%}"
            for part in ("busy", "floor", "starting", "idle")
        ]
        lines.append(
            f"| {name} | {times:.2f} "
            f"| {middle(name, lambda row: row['shortage'] / row['demand']):.3%} "
            f"| {middle(name, lambda row: row['attainment']):.2%} | {' | '.join(parts)} "
            f"| {middle(name, lambda row: row['changes_per_day']):.0f} |"
        )
    return "\n".join(lines) + "\n"


def engines(cases: list[Case]) -> str:
    """Return how the engines agree on the cases that both ran."""
    fluid = {(c["trace"], c["cold_start_seconds"]): c for c in cases if c["engine"] == "fluid"}
    lines = [
        (
            "| trace | policies | GPU-hours differ by at most | shortage ranked alike "
            "| SLO met, fluid less events, median |"
        ),
        "|---|---|---|---|---|",
    ]
    for case in (c for c in cases if c["engine"] == "events"):
        twin = fluid.get((case["trace"], case["cold_start_seconds"]))
        if twin is None:
            continue
        theirs = {row["policy"]: row for row in twin["rows"]}
        pairs = [(row, theirs[row["policy"]]) for row in case["rows"]]
        most = max(abs(a["gpu_hours"] / b["gpu_hours"] - 1) for a, b in pairs)
        both = [(a["shortage"], b["shortage"]) for a, b in pairs]
        couples = [(x, y) for i, x in enumerate(both) for y in both[:i]]
        alike = sum((x[0] - y[0]) * (x[1] - y[1]) >= 0 for x, y in couples) / len(couples)
        met = median(b["attainment"] - a["attainment"] for a, b in pairs)
        lines.append(f"| {case['trace']} | {len(pairs)} | {most:.1%} | {alike:.0%} of pairs "
                     f"| {100 * met:+.1f} points |")  # fmt: skip
    return "\n".join(lines) + "\n"


def draw(cases: list[Case], path: Path, cold: float = 120.0) -> None:
    """Draw shortage against GPU-hours, a panel for each trace."""
    shown = [case for case in cases if case["cold_start_seconds"] == cold]
    n_columns = 4
    n_rows = -(-len(shown) // n_columns)
    figure = Figure(figsize=(15, 3.1 * n_rows), dpi=90, layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, case in zip(panels, shown, strict=False):
        optimum = next(r["gpu_hours"] for r in case["rows"] if r["policy"] == "clairvoyant")
        groups = {**families(case["rows"])}
        groups["prewarm"] = [row for row in case["rows"] if row["family"] == "prewarm"]
        for family, colour in zip(SHOWN, COLOURS, strict=True):
            points = curve(groups.get(family, []))
            demand = case["rows"][0]["demand"]
            hours = [point[0] / optimum for point in points]
            short = [max(100 * point[1] / demand, 1e-4) for point in points]
            axes.plot(hours, short, "o-", ms=3.5, lw=1.4 if family == "prewarm" else 0.9,
                      c=colour, label=family)  # fmt: skip
        axes.set(yscale="log", xlim=(0.9, 3.0), title=case["trace"])
        axes.axvline(1.0, c="#d0d7de", lw=1)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.supxlabel(f"GPU-hours / clairvoyant optimum (cold start {cold:.0f} s)")
    figure.supylabel("shortage, % of demand")
    figure.savefig(path)


def placed(text: str, name: str, content: str) -> str:
    """Return the text with the content between the marks of that name."""
    begin, end = BEGIN.format(name), END.format(name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{DOCUMENT}: needed are {begin!r} and {end!r}")
    return f"{before}{begin}{content}{end}{after}"


def main() -> None:
    """Write tables and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", type=Path, default=RESULT)
    given = parser.parse_args()
    cases = json.loads(given.result.read_text(encoding="utf-8"))["cases"]
    fluid = [case for case in cases if case["engine"] == "fluid"]
    for case in fluid:
        case["compared"] = compared(case["rows"])
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, content in (
        ("goals", goals(fluid)),
        ("policies", by_policy([c for c in fluid if c["cold_start_seconds"] == 120.0])),  # noqa: PLR2004
        ("engines", engines(cases)),
        ("traces", by_trace(fluid)),
    ):
        text = placed(text, name, content)
    DOCUMENT.write_text(text, encoding="utf-8")
    draw(fluid, PICTURE)


if __name__ == "__main__":
    main()
