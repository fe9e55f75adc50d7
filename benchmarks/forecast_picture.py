"""Draws docs/img/forecast.png: a day of a real trace, bounds ahead of it, and how often they hold.

PREWARM_TRACES=../shared/traces python benchmarks/forecast_picture.py
"""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from forecast_protocol import load_series

from forecasting.backtest import Backtest, backtest
from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.series import Series

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
NAME = "crane_input2_1min"
DAY_SECONDS = 86_400.0
LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95)


def look_ahead(series: Series, level: float) -> Backtest:
    """Return the last day's bounds on the next quarter of an hour."""
    task = Task(horizon_seconds=900.0, level=level, zone=ZoneInfo("UTC"))
    begin_at = series.end_at - DAY_SECONDS
    return backtest(series, task, default_forecaster(), begin_at=begin_at)


def main() -> None:
    """Draw the picture."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    series = load_series(Path(default), NAME)
    found = {level: look_ahead(series, level) for level in LEVELS}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 3.6), width_ratios=[3, 1], layout="constrained"
    )
    shown = series.times >= series.end_at - DAY_SECONDS
    hours = (series.times[shown] - series.end_at + DAY_SECONDS) / 3600
    left.plot(hours, series.values[shown], color="0.6", linewidth=0.8, label="demand")
    bound = found[0.95]
    left.step(
        (bound.at - series.end_at + DAY_SECONDS) / 3600, bound.bounds, where="post",
        label="bound on the next 15 minutes, 0.95",
    )  # fmt: skip
    left.set(xlabel="hours", ylabel="demand", title=f"{NAME}: the bound rises before the demand")
    left.legend(loc="upper right")
    right.plot([0.5, 1], [0.5, 1], color="0.8")
    covers = [found[level].score.coverage_ratio for level in LEVELS]
    right.plot(LEVELS, covers, marker="o")
    right.set(xlabel="asked for", ylabel="held", title="how often the bound held")
    target = ROOT / "docs" / "img" / "forecast.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)
    print(f"{target.name}: coverage {dict(zip(LEVELS, np.round(covers, 3), strict=True))}")


if __name__ == "__main__":
    main()
