"""Forecast benchmark: Prewarm and its rivals on real traces, one table, one run.

    PREWARM_TRACES=../shared/traces python benchmarks/forecast.py
    python benchmarks/forecast.py --horizons 15 --levels 0.9 --methods prewarm,last+conf

Writes `benchmarks/results/forecast.json` with every figure, the machine and the commit.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import warnings
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import numpy as np
from forecast_ours import by_protocol
from forecast_protocol import SHARED, Case, Method, Result, geometric_mean, load_series, score
from forecast_rivals import RIVALS

from forecasting.default import default_forecaster

ROOT = Path(__file__).parents[1]


def methods() -> dict[str, Method]:
    """Return every method by its name in the table, ours first."""
    return {"prewarm": by_protocol(default_forecaster), **RIVALS}


def run(folder: Path, names: list[str], horizons: list[int], levels: list[float],
        chosen: dict[str, Method]) -> list[Result]:  # fmt: skip
    """Return the results of every method on every case; progress goes to stderr."""
    results = []
    for name in names:
        series = load_series(folder, name)
        for horizon in horizons:
            for level in levels:
                case = Case(name=name, series=series, horizon_minutes=horizon, level=level)
                for method, bounds in chosen.items():
                    found, fit, ask = bounds(case)
                    results.append(score(method, case, found, (fit, ask)))
                print(f"{name} H{horizon} p{level * 100:g}", file=sys.stderr, flush=True)
    return results


def table(results: list[Result]) -> str:
    """Return the table: pinball ratio as geometric mean over series, the worst, coverage, cost."""
    groups: dict[tuple[float, str, int], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.level, result.method, result.horizon_minutes].append(result)
    horizons = sorted({horizon for _, _, horizon in groups})
    lines = []
    for level in sorted({level for level, _, _ in groups}):
        heads = [f"H{h}  worst  cover (min)" for h in horizons]
        lines.append(f"p{level * 100:g}".ljust(24) + "".join(head.ljust(32) for head in heads))
        for method in dict.fromkeys(result.method for result in results):
            cells = []
            for horizon in horizons:
                found = groups[level, method, horizon]
                ratios = [result.pinball_ratio for result in found]
                covers = [result.coverage_ratio for result in found]
                cells.append(
                    f"{geometric_mean(ratios):.3f}  {max(ratios):6.2f}  "
                    f"{np.mean(covers):.3f} ({min(covers):.2f})".ljust(32)
                )
            lines.append(method.ljust(24) + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Parse the arguments, run, print, write."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--series", help="comma-separated names, default: the shared 14")
    parser.add_argument("--horizons", default="5,15,30", help="minutes")
    parser.add_argument("--levels", default="0.9,0.95")
    parser.add_argument("--methods", help="comma-separated, default: all")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "forecast.json"
    )
    given = parser.parse_args()
    every = methods()
    chosen = {m: every[m] for m in given.methods.split(",")} if given.methods else every
    warnings.simplefilter("ignore")  # statsmodels on convergence
    results = run(
        given.traces,
        given.series.split(",") if given.series else list(SHARED),
        [int(minutes) for minutes in given.horizons.split(",")],
        [float(level) for level in given.levels.split(",")],
        chosen,
    )
    print(table(results))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, numpy {np.__version__}",
        "commit": subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"],
            capture_output=True, text=True, check=False,
        ).stdout.strip(),
        "results": [asdict(result) for result in results],
    }  # fmt: skip
    given.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
