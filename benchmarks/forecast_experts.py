"""Whether a reference expert pays: the default mixture with and without it, on real traces.

    PREWARM_TRACES=../shared/traces python benchmarks/forecast_experts.py --expert boosted

p90 of the next 15 minutes, the last `--days` of each trace under the protocol of `forecast.py`
(every `--every` minutes). Prints loss and cost beside each other, and writes them to
`benchmarks/results/forecast_EXPERT.json`. Run it with OPENBLAS_NUM_THREADS=1.
"""

import argparse
import json
import os
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import DAY_SECONDS, geometric_mean, load_series
from machine import machine

from forecasting.backtest import backtest
from forecasting.default import default_experts
from forecasting.experts import Expert
from forecasting.forecaster import Task
from forecasting.mixture import Mixture
from forecasting.plugins import experts_named
from forecasting.series import Series

ROOT = Path(__file__).parents[1]
TRACES = (
    "crane_input2_1min",
    "servegen_m-large_1min_resampled",
    "nab_elb_request_count_5min",
)


def measured(series: Series, experts: tuple[Expert, ...], given: argparse.Namespace) -> list[float]:
    """Return the loss over that of seasonal naive, the coverage, and seconds for all of it."""
    task = Task(horizon_seconds=900.0, level=0.9, zone=ZoneInfo("UTC"))
    begun = process_time()
    found = backtest(
        series,
        task,
        Mixture(experts=experts),
        begin_at=series.end_at - given.days * DAY_SECONDS,
        every_seconds=given.every * 60.0,
    )
    return [found.score.pinball, found.score.coverage_ratio, process_time() - begun]


def main() -> None:
    """Print the table and write it."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=Path(default), help="folder of the traces")
    parser.add_argument("--expert", default="boosted")
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--every", type=float, default=20.0, help="minutes between origins")
    given = parser.parse_args()
    extra = experts_named([given.expert])
    rows = []
    print(f"{'trace':34s} {'loss ratio':>10s} {'held':>6s} {'with':>6s} {'cost ratio':>10s}")
    for name in TRACES:
        series = load_series(given.traces, name)
        plain = measured(series, default_experts(), given)
        more = measured(series, (*default_experts(), *extra), given)
        row = [more[0] / plain[0], plain[1], more[1], more[2] / plain[2]]
        rows.append({"trace": name, "loss_ratio": row[0], "coverage_without": row[1],
                     "coverage_with": row[2], "cost_ratio": row[3]})  # fmt: skip
        print(f"{name:34s} {row[0]:10.3f} {row[1]:6.3f} {row[2]:6.3f} {row[3]:10.2f}", flush=True)
    mean = geometric_mean([float(np.float64(row["loss_ratio"])) for row in rows])
    print(f"geometric mean of the loss ratio {mean:.3f}")
    result = {"machine": machine("numpy"), "expert": given.expert, "loss_ratio": mean, "rows": rows}
    output = ROOT / "benchmarks" / "results" / f"forecast_{given.expert}.json"
    output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
