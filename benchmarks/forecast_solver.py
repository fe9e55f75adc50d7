"""Our quantile regression against statsmodels on the rows of a real fit: time and objective.

PREWARM_TRACES=../shared/traces python benchmarks/forecast_solver.py
"""

import os
import warnings
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
from forecast_protocol import load_series
from statsmodels.regression.quantile_regression import QuantReg

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.forecaster import Task
from forecasting.origins import origins
from forecasting.past import Past, log_offset
from forecasting.regression import quantile_coefficients
from forecasting.shape import read_features

ROOT = Path(__file__).parents[1]


def rows(folder: Path, name: str) -> tuple[FloatMatrix, FloatVector]:
    """Return a design matrix and targets as a fit sees them, columns that differ only."""
    series = load_series(folder, name)
    task = Task(horizon_seconds=900.0, level=0.9, zone=ZoneInfo("UTC"))
    past = Past(history=series, task=task, offset=log_offset(series))
    places = origins(past, after_at=series.start_at + 8 * 86_400, until_at=series.end_at - 900)
    features = read_features(past, places)
    known = ~(np.isnan(features.rows).any(axis=1) | np.isnan(past.peak(places)))
    design = features.rows[known]
    design = (design - design.mean(axis=0)) / np.maximum(design.std(axis=0), 1e-9)
    kept = np.linalg.qr(design, mode="r")
    design = design[:, np.abs(np.diag(kept)) > 1e-6 * len(design)]
    target = past.logs(past.peak(places))[known] - features.log_level[known]
    return np.c_[np.ones(len(design)), design], target


def main() -> None:
    """Print one line a level."""
    default = os.environ.get("PREWARM_TRACES", str(ROOT.parent / "shared" / "traces"))
    design, target = rows(Path(default), "crane_input2_1min")
    warnings.simplefilter("ignore")
    print(f"{design.shape[0]} rows, {design.shape[1]} columns")
    for level in (0.5, 0.9, 0.95):

        def loss(coefficients: FloatVector, level: float = level) -> float:
            short = target - design @ coefficients
            return float(np.maximum(level * short, (level - 1) * short).sum())

        begun = perf_counter()
        ours = quantile_coefficients(design, target, level)
        between = perf_counter()
        theirs = np.asarray(QuantReg(target, design).fit(level, max_iter=5000).params)
        ended = perf_counter()
        print(
            f"level {level}: {between - begun:.3f} s against {ended - between:.3f} s "
            f"({(ended - between) / (between - begun):.0f} times faster), "
            f"objective {loss(ours) / loss(theirs) - 1:+.1e}"
        )


if __name__ == "__main__":
    main()
