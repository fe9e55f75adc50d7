"""What the forecaster costs: fit, refit (also with LightGBM), tick, state, memory.

    PREWARM_TRACES=../shared/traces python benchmarks/forecast_cost.py --targets 1000

28 days of one-minute data, made of a trace repeated; p90 of the next 15 minutes. Times are
processor seconds of one core. Run it with OPENBLAS_NUM_THREADS=1, as the scaler runs its fits.
"""

import argparse
import json
import os
import tracemalloc
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import load_series
from machine import machine

from forecasting.default import default_experts
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.plugins import experts_named
from forecasting.series import Series
from forecasting.state import from_bytes, to_bytes

ROOT = Path(__file__).parents[1]
DAY_SECONDS = 86_400.0


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


def main() -> None:
    """Print the figures and write them to `benchmarks/results/forecast_cost.json`."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--targets", type=int, default=1000)
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
    ticks = [
        cpu_seconds(lambda known=known: fitted.forecast(known))
        for known in [until(series, minutes) for minutes in range(239, 0, -1)]
    ]
    state = to_bytes(fitted)
    tracemalloc.start()
    many = [from_bytes(state, mixture.experts) for _ in range(min(20, given.targets))]
    for one in many:
        one.forecast(until(series, 2))
    memory = tracemalloc.get_traced_memory()[0] / len(many)
    tracemalloc.stop()
    many = [from_bytes(state, mixture.experts) for _ in range(given.targets)]
    for one in many:
        one.forecast(until(series, 2))
    now = until(series, 1)
    round_seconds = cpu_seconds(lambda: [one.forecast(now) for one in many])
    figures = {
        "first_fit_seconds": float(np.median(firsts)),
        "refit_seconds": refit,
        "refit_with_lightgbm_seconds": refit_with_trees,
        "tick_milliseconds_mean": 1e3 * float(np.mean(ticks)),
        "tick_milliseconds_p99": 1e3 * float(np.quantile(ticks, 0.99)),
        "state_bytes": len(state),
        "memory_bytes_per_target": memory,
        "targets": given.targets,
        "updates_per_second_per_core": given.targets / round_seconds,
    }
    for name, value in figures.items():
        print(f"{name:32s} {value:,.3f}")
    output = ROOT / "benchmarks" / "results" / "forecast_cost.json"
    output.write_text(json.dumps({"machine": machine("numpy"), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
