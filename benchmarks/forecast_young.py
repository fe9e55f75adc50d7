"""The cold start of the forecaster: what a young history costs, on real traces.

    PREWARM_TRACES=../shared/traces python benchmarks/forecast_young.py

The same origins of the last days of each trace are asked of the default mixture and of the
calibrated last value, both shown only the history that began 1 hour to 4 days before the first
origin of a day, and of the mixture with the whole history. p90 of the next 15 minutes; origins are
scored for `--hours` after the fit, so that a history of an hour is one of that age. Prints the
loss over that of the calibrated last value, equally young, and over that of the whole history,
geometric means over traces, and writes them to `benchmarks/results/forecast_young.json`.
"""

import argparse
import json
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import DAY_SECONDS, SHARED, geometric_mean, load_series
from machine import machine

from forecasting.backtest import bounds_of_day, origin_times, peaks_after
from forecasting.baselines import last_value
from forecasting.default import default_experts
from forecasting.forecaster import Forecaster, Task
from forecasting.limited import Limited
from forecasting.mixture import Mixture
from forecasting.scores import pinball
from forecasting.series import Series

ROOT = Path(__file__).parents[1]
AGES_DAYS = (1 / 24, 0.25, 1.0, 2.0, 4.0)
START_HOURS = (7.0, 31.0, 58.0)  # before the end: fits at other times of the day


def loss(series: Series, forecaster: Forecaster, hours: float) -> float:
    """Return the mean pinball loss over the hours after each of some fits."""
    task = Task(horizon_seconds=900.0, level=0.9, zone=ZoneInfo("UTC"))
    losses = []
    for start in START_HOURS:
        begin_at = series.end_at - start * 3600.0
        at = origin_times(
            series,
            begin_at=begin_at,
            end_at=begin_at + hours * 3600.0,
            every_seconds=600.0,
            horizon_seconds=task.horizon_seconds,
        )
        bounds = bounds_of_day(series, task, forecaster, at)
        losses.append(pinball(peaks_after(series, at, task.horizon_seconds), bounds, task.level))
    return float(np.mean(losses))


def main() -> None:
    """Print the table and write it."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--hours", type=float, default=4.0, help="scored after each fit")
    parser.add_argument("--names", nargs="*", default=list(SHARED))
    given = parser.parse_args()
    ours, simple = Mixture(experts=default_experts()), last_value()
    rows: dict[float, list[tuple[float, float]]] = {age: [] for age in AGES_DAYS}
    for name in given.names:
        series = load_series(given.traces, name)
        whole = loss(series, ours, given.hours)
        for age in AGES_DAYS:
            if age * DAY_SECONDS + START_HOURS[-1] * 3600.0 > len(series) * series.step_seconds:
                continue
            mine = loss(series, Limited(forecaster=ours, days=age), given.hours)
            other = loss(series, Limited(forecaster=simple, days=age), given.hours)
            rows[age].append((mine / other, mine / whole))
        print(f"{name} done", flush=True)
    figures = []
    print(f"{'history':>10s} {'over last value':>16s} {'worst':>7s} {'over whole history':>19s}")
    for age, found in rows.items():
        over, worst = geometric_mean([pair[0] for pair in found]), max(pair[0] for pair in found)
        full = geometric_mean([pair[1] for pair in found])
        figures.append({"days": age, "traces": len(found), "loss_over_last_value": over,
                        "worst_over_last_value": worst, "loss_over_whole": full})  # fmt: skip
        print(f"{age * 24:8.0f} h {over:16.2f} {worst:7.2f} {full:19.2f}")
    output = ROOT / "benchmarks" / "results" / "forecast_young.json"
    output.write_text(json.dumps({"machine": machine("numpy"), "rows": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
