"""How often the bounds of a path hold, by distance ahead, on real traces.

    PREWARM_TRACES=../shared/traces python benchmarks/forecast_path.py

From origins every `--every-hours` of the last ten days (with at least four days of history), the
0.9 bound of each ten minutes of the two days ahead is held against what came. Prints a line a trace
and the mean over traces: the share of windows that stayed below, for the hour around 1, 6, 24 and
48 hours ahead (the last ends there), and writes them to `benchmarks/results/forecast_path.json`.
"""

import argparse
import json
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import DAY_SECONDS, SHARED, load_series
from machine import machine

from forecasting.arrays import FloatVector
from forecasting.path import PathTask, path
from forecasting.series import Series
from forecasting.windows import n_steps, window_peak

ROOT = Path(__file__).parents[1]
WINDOW_SECONDS = 600.0
LEVEL = 0.9
HOURS_AHEAD = (1, 6, 24, 48)
SPAN_SECONDS = 10 * DAY_SECONDS
LEAST_SECONDS = 4 * DAY_SECONDS
TASK = PathTask(
    until_seconds=2 * DAY_SECONDS,
    step_seconds=WINDOW_SECONDS,
    levels=(LEVEL,),
    zone=ZoneInfo("UTC"),
)


def held(series: Series, every_seconds: float) -> tuple[FloatVector, int]:
    """Return the share of windows that held, (n_distances,), and from how many origins."""
    per_window = n_steps(WINDOW_SECONDS, series.step_seconds)
    peaks = window_peak(series.values, per_window)
    first_at = max(series.start_at + LEAST_SECONDS, series.end_at - SPAN_SECONDS)
    last_at = series.end_at - 2 * DAY_SECONDS - WINDOW_SECONDS
    shares = []
    for at in np.arange(first_at, last_at, every_seconds).tolist():
        known = series.between(series.start_at, at)
        bounds = path(known, TASK).level(LEVEL)
        came = peaks[len(known) - 1 + per_window * np.arange(bounds.size)]
        stayed = np.where(np.isnan(came), np.nan, came <= bounds)
        middles = [min(6 * hours, bounds.size - 3) for hours in HOURS_AHEAD]
        shares.append([np.nanmean(stayed[middle - 3 : middle + 3]) for middle in middles])
    return np.mean(shares, axis=0), len(shares)


def main() -> None:
    """Print the table and write it."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--every-hours", type=float, default=23.0, help="between origins")
    parser.add_argument("--names", nargs="*", default=list(SHARED))
    given = parser.parse_args()
    rows = []
    print(f"{'':40s}" + "".join(f"{hours:6d} h" for hours in HOURS_AHEAD) + "  origins")
    for name in given.names:
        found, n_origins = held(load_series(given.traces, name), given.every_hours * 3600.0)
        shares = [round(float(share), 3) for share in found]
        rows.append({"trace": name, "origins": n_origins, "held": shares})
        print(f"{name:40s}" + "".join(f"{s:8.2f}" for s in found) + f"{n_origins:9d}", flush=True)
    mean = np.mean([row["held"] for row in rows], axis=0)
    print(f"{'mean':40s}" + "".join(f"{share:8.2f}" for share in mean))
    result = {"machine": machine("numpy"), "level": LEVEL, "hours": HOURS_AHEAD, "rows": rows}
    output = ROOT / "benchmarks" / "results" / "forecast_path.json"
    output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
