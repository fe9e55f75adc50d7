"""What the forecaster costs: fit, refit (also with LightGBM), tick, state, memory.

    PREWARM_TRACES=../shared/traces python benchmarks/forecast_cost.py --targets 100

28 days of one-minute data, made of a trace repeated; the next 15 minutes. Times are processor
seconds of one core; ticks go round all targets, minute by minute, at p90 and at p95. Run it with
OPENBLAS_NUM_THREADS=1, as the scaler runs its fits.
"""

import argparse
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import load_series
from machine import machine

from forecasting.arrays import FloatVector
from forecasting.default import default_experts
from forecasting.fitted import FittedMixture
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.plugins import experts_named
from forecasting.series import Series
from forecasting.state import from_bytes, to_bytes

ROOT = Path(__file__).parents[1]
DAY_SECONDS = 86_400.0
LEVELS = (0.9, 0.95)
AT_MOST = {
    "refit_seconds": 0.06,
    "refit_with_lightgbm_seconds": 0.25,
    "tick_milliseconds_p99": 1.0,
}
AT_LEAST = {"updates_per_second_per_core": 1000.0}


def four_weeks(folder: Path) -> Series:
    """Return 29.4 days of a real trace, repeated."""
    series = load_series(folder, "crane_input2_1min")
    n = round(29.4 * 1440)
    values = np.tile(series.values, n // len(series) + 1)[-n:]
    return Series(start_at=series.start_at, step_seconds=60.0, values=values)


def until(series: Series, minutes_before_end: float) -> Series:
    """Return the last 28 days at a moment."""
    end_at = series.end_at - 60.0 * minutes_before_end
    return series.between(end_at - 28 * DAY_SECONDS, end_at)


def cpu_seconds(call: "object") -> float:
    """Return how long a call keeps the processor busy."""
    begun = process_time()
    call()  # type: ignore[operator]
    return process_time() - begun


def refit_seconds(mixture: Mixture, series: Series, task: Task) -> float:
    """Return what the daily refit takes that goes on from yesterday's and an hourly forecast."""
    today, taken = until(series, 240), []
    for _ in range(5):
        before = mixture.fit(until(series, 1680), task)
        for minutes in range(1680, 240, -60):
            before.forecast(until(series, minutes))
        taken.append(cpu_seconds(lambda one=before: mixture.fit(today, task, previous=one)))
    return float(np.median(taken))


def tick_seconds(fitted: list[FittedMixture], series: Series) -> FloatVector:
    """Return what each tick of four hours takes, round after round of all targets.

    Each history is a copy of its own, as a process gets it; the first round only warms up.
    """
    taken = []
    for minutes in range(240, 0, -1):
        known = until(series, minutes)
        for one in fitted:
            mine = replace(known, values=known.values.copy())
            taken.append(cpu_seconds(lambda one=one, mine=mine: one.forecast(mine)))
    return np.array(taken[len(fitted) :])


def verdict(name: str, value: float) -> str:
    """Return whether a figure meets the goal that there is for it."""
    for sense, goals in (("<=", AT_MOST), (">=", AT_LEAST)):
        for start, limit in goals.items():
            if name.startswith(start):
                is_met = value <= limit if goals is AT_MOST else value >= limit
                return f"{'met' if is_met else 'NOT met'}: {sense} {limit:,g}"
    return ""


def main() -> None:
    """Print the figures and write them to `benchmarks/results/forecast_cost.json`."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--targets", type=int, default=100, help="asked in turn, each minute")
    given = parser.parse_args()
    series, mixture = four_weeks(given.traces), Mixture(experts=default_experts())
    task = Task(horizon_seconds=900.0, level=0.9, zone=ZoneInfo("UTC"))
    today = until(series, 240)
    firsts = [cpu_seconds(lambda: mixture.fit(today, task)) for _ in range(3)]
    refit = refit_seconds(mixture, series, task)
    with_trees = Mixture(experts=(*default_experts(), *experts_named(["boosted"])))
    refit_with_trees = refit_seconds(with_trees, series, task)
    fitted = mixture.fit(today, task)
    fitted.forecast(today)
    state = to_bytes(fitted)
    tracemalloc.start()
    many = [from_bytes(state, mixture.experts) for _ in range(min(20, given.targets))]
    for one in many:
        one.forecast(until(series, 2))
    memory = tracemalloc.get_traced_memory()[0] / len(many)
    tracemalloc.stop()
    many = [from_bytes(state, mixture.experts) for _ in range(given.targets)]
    ticks = {level: tick_seconds([one.at_level(level) for one in many], series) for level in LEVELS}
    everything = np.concatenate(list(ticks.values()))
    figures = {
        "first_fit_seconds": float(np.median(firsts)),
        "refit_seconds": refit,
        "refit_with_lightgbm_seconds": refit_with_trees,
        "tick_milliseconds_median": 1e3 * float(np.median(everything)),
        **{
            f"tick_milliseconds_p99_level_{level:g}": 1e3 * float(np.quantile(taken, 0.99))
            for level, taken in ticks.items()
        },
        "state_bytes": len(state),
        "memory_bytes_per_target": memory,
        "targets": given.targets,
        "updates_per_second_per_core": everything.size / float(everything.sum()),
    }
    for name, value in figures.items():
        print(f"{name:36s} {value:12,.3f}  {verdict(name, value)}")
    output = ROOT / "benchmarks" / "results" / "forecast_cost.json"
    output.write_text(json.dumps({"machine": machine("numpy"), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
