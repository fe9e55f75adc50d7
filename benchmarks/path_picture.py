"""Draw `docs/img/path.png`: three days of a real trace and the path of the two days after.

PREWARM_TRACES=../shared/traces python benchmarks/path_picture.py
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from forecast_protocol import load_series

mpl.use("Agg")
import matplotlib.pyplot as plt

from forecasting.path import PathTask, path

ROOT = Path(__file__).parents[1]
DAY_SECONDS = 86_400.0


def main() -> None:
    """Write the picture."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    series = load_series(Path(default), "nab_elb_request_count_5min")
    known = series.between(series.start_at, series.end_at - 3 * DAY_SECONDS)
    task = PathTask(until_seconds=2 * DAY_SECONDS, step_seconds=1800.0, levels=(0.5, 0.9, 0.95),
                    zone=ZoneInfo("UTC"))  # fmt: skip
    found = path(known, task)
    shown = series.between(known.end_at - 3 * DAY_SECONDS, found.ends_at[-1])
    stride = round(found.step_seconds / series.step_seconds)
    rows = shown.values[1 : 1 + (len(shown) - 1) // stride * stride].reshape(-1, stride)
    ends = shown.start_at + found.step_seconds * np.arange(1, len(rows) + 1)
    figure, axes = plt.subplots(figsize=(10, 4), dpi=110, layout="constrained")
    axes.plot([_at(end) for end in ends], rows.max(axis=1), color="#4c72b0", label="what came")
    times = [_at(end) for end in found.ends_at]
    for level, colour in zip(found.levels, ("#d4a72c", "#8a6d00", "#5c3d00"), strict=True):
        axes.plot(times, found.level(level), color=colour, label=f"quantile {level:g}")
    axes.fill_between(times, found.level(0.5), found.level(0.95), color="#d4a72c", alpha=0.15)
    axes.axvline(_at(known.end_at), color="#8c959f", linestyle=":")
    axes.set_ylabel("requests, peak of each half hour")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left", ncols=4, fontsize=9)
    figure.savefig(ROOT / "docs" / "img" / "path.png")


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


if __name__ == "__main__":
    main()
