"""Forecast benchmark: Prewarm and its rivals on real traces, one table, one run.

    make bench-forecast                     # everything, in a virtual environment of its own
    PREWARM_TRACES=../shared/traces python benchmarks/forecast.py
    python benchmarks/forecast.py --horizons 15 --methods prewarm,last,Prophet --output /tmp/it.json

Rivals are recalled from the user's cache folder when neither series, nor their source, nor their
libraries' versions changed; Prewarm is always run anew. Prints methods, costs and goals, and writes
`benchmarks/results/forecast.json` with every figure; `forecast_plot.py` draws it.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections import defaultdict
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import TypeVar

from forecast_cache import cache_folder
from forecast_goals import cost_goals, goals
from forecast_ours import by_protocol
from forecast_protocol import HORIZONS, LEVELS, SHARED, Method, Result
from forecast_rivals import RIVALS, Rival
from forecast_run import Plan, load_traces, run
from forecast_scores import Scores
from forecast_table import cost_table, goal_table, method_table, subset_table
from machine import machine

from forecasting.default import default_forecaster

ROOT = Path(__file__).parents[1]
OPTIONAL = ("prophet", "statsforecast", "lightgbm")
Number = TypeVar("Number", int, float)
OUTPUT = ROOT / "benchmarks" / "results" / "forecast.json"
OURS: dict[str, Method] = {"prewarm": by_protocol(default_forecaster)}


def arguments() -> argparse.Namespace:
    """Return the parsed arguments."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--series", help="comma-separated names, default: the shared 14")
    parser.add_argument("--horizons", default="5,15,30", help="of 5,15,30 minutes")
    parser.add_argument("--levels", default="0.9,0.95", help="of 0.9,0.95")
    parser.add_argument(
        "--methods", help="separated by commas, default all; a part of a name will do"
    )
    parser.add_argument("--no-cache", action="store_true", help="run every rival anew")
    parser.add_argument("--jobs", type=int, default=1, help="processes (timings are less steady)")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    given.horizons = chosen_of(given.horizons, HORIZONS, parser)
    given.levels = chosen_of(given.levels, LEVELS, parser)
    return given


def chosen_of(
    text: str, allowed: tuple[Number, ...], parser: argparse.ArgumentParser
) -> tuple[Number, ...]:
    """Return the values in a comma-separated text; says what is allowed."""
    known = {f"{value:g}": value for value in allowed}
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in known:
            parser.error(f"{part!r} is not one of {', '.join(known)}")
    return tuple(known[part] for part in parts)


def chosen(names: str | None) -> tuple[list[Rival], dict[str, Method]]:
    """Return the rivals and the own methods whose names hold one of the parts."""
    parts = [part.strip().lower() for part in names.split(",")] if names else [""]
    for part in parts:
        if not any(part in name.lower() for name in [*OURS, *(r.name for r in RIVALS)]):
            known = ", ".join([*OURS, *(rival.name for rival in RIVALS)])
            sys.exit(f"no method is named like {part!r}. There are: {known}")
    rivals = [r for r in RIVALS if any(part in r.name.lower() for part in parts)]
    ours = {n: m for n, m in OURS.items() if any(part in n.lower() for part in parts)}
    return rivals, ours


def installed(rivals: list[Rival]) -> tuple[list[Rival], list[str]]:
    """Return the rivals whose libraries are here, and the names of the others."""
    there = [rival for rival in rivals if all(map(find_spec, rival.packages))]
    return there, [rival.name for rival in rivals if rival not in there]


def record(results: list[Result], note: dict[str, str | int | float]) -> str:
    """Return the results as JSON: method, series and question, then ratio and coverage."""
    scores: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    costs: dict[str, dict[str, list[float | None]]] = defaultdict(dict)
    for one in results:
        question = f"H{one.horizon_minutes} p{one.level * 100:g}"
        figures = [round(one.pinball_ratio, 5), round(one.coverage_ratio, 4)]
        scores[one.method][one.series][question] = figures
        pair = [one.fit_seconds, one.forecast_seconds]
        costs[one.method][one.series] = [None if isnan(s) else float(f"{s:.3g}") for s in pair]
    head = {
        "machine": note,
        "columns": {
            "scores": ["pinball loss over that of seasonal naive", "coverage"],
            "costs": ["processor seconds per fit", "per tick"],
        },
    }
    lines = [
        f"  {json.dumps(method)}: {json.dumps({'scores': by_series, 'costs': costs[method]})}"
        for method, by_series in scores.items()
    ]
    body = ",\n".join(lines)
    return json.dumps(head, indent=1)[:-2] + f',\n "methods": {{\n{body}\n }}\n}}\n'


def main() -> None:
    """Parse the arguments, run, print, write."""
    given = arguments()
    warnings.simplefilter("ignore")  # rivals' libraries on convergence
    logging.disable(logging.WARNING)
    rivals, ours = chosen(given.methods)
    rivals, missing = installed(rivals)
    note = machine("numpy", "pandas", "statsmodels", *(p for p in OPTIONAL if find_spec(p)))
    cache = None if given.no_cache else cache_folder()
    traces = load_traces(given.traces, given.series.split(",") if given.series else SHARED)
    results, n_recalled, n_made = run(
        Plan(
            traces=traces, rivals=rivals, ours=ours, horizons=given.horizons,
            levels=given.levels, cache=cache, jobs=given.jobs,
        )
    )  # fmt: skip
    scores = Scores(results)
    for level in scores.levels:
        print(method_table(scores, level), end="\n\n")
        print(subset_table(scores, level), end="\n\n")
    print(cost_table(scores), end="\n\n")
    print(goal_table(goals(scores), scores.horizons))
    print(goal_table(cost_goals(scores), ()), end="\n\n")
    kept = "not used" if cache is None else f"{cache}: {n_recalled} of {n_recalled + n_made}"
    print(f"rival runs recalled from the cache {kept}; their times are those of the first run")
    for name in missing:
        print(f"not run, its library is not installed (make bench-forecast does): {name}")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(record(results, {**note, "rival_runs_recalled": n_recalled}))


if __name__ == "__main__":
    main()
