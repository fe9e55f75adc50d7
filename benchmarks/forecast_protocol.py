"""The protocol of the forecast benchmark: series, spans, origins, targets, scores.

For each series: the first column, cut to its last 31 days, gaps interpolated (for the benchmark
only). The test span is the last min(5, max(2, 0.3 n)) days, the calibration span before it
min(3, max(1, 0.2 n)) days. Every ten minutes a method bounds the maximum of the next H minutes;
its mean pinball loss over the test span is divided by that of seasonal naive (the same window
yesterday, as it is). Lower is better, and 1.0 is seasonal naive.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import exp, log
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.arrays import BoolVector, FloatVector, IndexVector
from forecasting.scores import coverage, pinball
from forecasting.series import Series

SHARED = (
    "burstgpt_week1_total_tokens_1min",
    "crane_input0_1min",
    "crane_input12_1min",
    "crane_input14_1min",
    "crane_input2_1min",
    "crane_input8_1min",
    "nab_elb_request_count_5min",
    "nab_twitter_AAPL_5min",
    "servegen_m-large_1min_resampled",
    "servegen_m-large_client142_1min_resampled",
    "servegen_m-large_client148_1min_resampled",
    "servegen_m-large_client61_1min_resampled",
    "servegen_m-small_1min_resampled",
    "servegen_m-small_client17_1min_resampled",
)
HORIZONS = (5, 15, 30)  # minutes
LEVELS = (0.9, 0.95)
LONGEST_DAYS = 31
DAY_SECONDS = 86_400.0
FloatCube: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One series of the benchmark with its spans and origins."""

    name: str
    series: Series

    @property
    def bins_per_day(self) -> int:
        """Grid points in a day."""
        return round(DAY_SECONDS / self.series.step_seconds)

    @property
    def n_days(self) -> float:
        """Length of the series."""
        return len(self.series) / self.bins_per_day

    @property
    def calibration_days(self) -> float:
        """Length of the calibration span, and of the rolling window of conformal rivals."""
        return min(3.0, max(1.0, 0.2 * self.n_days))

    @property
    def test_begin(self) -> int:
        """First grid point of the test span."""
        return int(len(self.series) - min(5.0, max(2.0, 0.3 * self.n_days)) * self.bins_per_day)

    @property
    def origins(self) -> IndexVector:
        """Grid points where a forecast is made, calibration span included."""
        begin = int(self.test_begin - self.calibration_days * self.bins_per_day)
        last = len(self.series) - round(1800 / self.series.step_seconds)
        return np.arange(begin, last, self.origin_bins)

    @property
    def origin_bins(self) -> int:
        """Grid points from origin to origin: ten minutes."""
        return self.bins(600)

    @property
    def is_scored(self) -> BoolVector:
        """Which origins lie in the test span."""
        return self.origins >= self.test_begin

    def bins(self, seconds: float) -> int:
        """Return how many grid points `seconds` are, at least one."""
        return max(1, round(seconds / self.series.step_seconds))

    def window_peaks(self, places: IndexVector, horizon_minutes: int) -> FloatVector:
        """Return the maximum of the `horizon_minutes` after each grid point."""
        ahead = places[..., None] + np.arange(1, self.bins(horizon_minutes * 60) + 1)
        return np.asarray(self.series.values[ahead].max(axis=-1))  # noqa: PD011 - not a frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Trace):
    """One series with one question: the `level` quantile of the peak of the next minutes."""

    horizon_minutes: int
    level: float

    @property
    def n_horizon(self) -> int:
        """Grid points in the window ahead."""
        return self.bins(self.horizon_minutes * 60)

    def peaks(self, places: IndexVector) -> FloatVector:
        """Return the maximum of the window after each grid point."""
        return self.window_peaks(places, self.horizon_minutes)

    def until(self, place: int) -> Series:
        """Return the history that is known at a grid point."""
        return self.series.between(
            self.series.start_at, self.series.start_at + place * self.series.step_seconds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a method scored on a case; seconds are processor time."""

    method: str
    series: str
    horizon_minutes: int
    level: float
    pinball_ratio: float
    coverage_ratio: float
    fit_seconds: float
    forecast_seconds: float


Method: TypeAlias = Callable[[Case], tuple[FloatVector, float, float]]
"""Takes a case; gives bounds at its origins, seconds per fit, seconds per forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a rival said at every origin of a trace, for each level and horizon of the protocol.

    `points` is its plain forecast of the peak, `own` its own upper bound where it has one. A first
    axis of length one stands for every level.
    """

    points: FloatCube  # (1 or n_levels, n_horizons, n_origins)
    own: FloatCube | None
    fit_seconds: float  # NaN where there is nothing to fit
    tick_seconds: float


Source: TypeAlias = Callable[[Trace], Said | None]
"""A rival's forecasts on a trace; None where the trace is too short for it."""


@dataclass(slots=True)
class Stopwatch:
    """Takes the processor time of fits and ticks."""

    fits: list[float] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)

    @contextmanager
    def fit(self) -> Iterator[None]:
        """Time one fit."""
        begun = cpu_seconds()
        yield
        self.fits.append(cpu_seconds() - begun)

    @contextmanager
    def tick(self, n_ticks: int = 1) -> Iterator[None]:
        """Time forecasts; `n_ticks` made at once count as so many."""
        begun = cpu_seconds()
        yield
        self.ticks += [(cpu_seconds() - begun) / n_ticks] * n_ticks

    def said(self, points: FloatCube, own: FloatCube | None = None) -> Said:
        """Return forecasts with the median times, so that first imports count as little."""
        return Said(
            points=points,
            own=own,
            fit_seconds=float(np.median(self.fits)) if self.fits else float("nan"),
            tick_seconds=float(np.median(self.ticks)) if self.ticks else float("nan"),
        )


def cpu_seconds() -> float:
    """Return the processor time used by this process, its threads and its ended children."""
    children = os.times()  # in hundredths of a second; Prophet's optimiser is a child
    return time.process_time() + children.children_user + children.children_system


def load_series(folder: Path, name: str) -> Series:
    """Return a trace as the protocol wants it."""
    frame = pd.read_csv(folder / f"{name}.csv.gz", index_col="timestamp", parse_dates=True)
    column = frame.iloc[:, 0].astype(float).interpolate(limit_direction="both")
    step = (frame.index[1] - frame.index[0]).total_seconds()
    column = column.iloc[-round(LONGEST_DAYS * DAY_SECONDS / step) :]
    start = column.index[0].timestamp() // step * step
    return Series(start_at=start, step_seconds=step, values=column.to_numpy())


def score(method: str, case: Case, bounds: FloatVector, costs: tuple[float, float]) -> Result:
    """Return the scores of bounds at the origins of a case."""
    places = case.origins[case.is_scored]
    peaks = case.peaks(places)
    clipped = np.maximum(bounds[case.is_scored], 0.0)
    naive = case.peaks(places - case.bins_per_day)
    return Result(
        method=method,
        series=case.name,
        horizon_minutes=case.horizon_minutes,
        level=case.level,
        pinball_ratio=pinball(peaks, clipped, case.level) / pinball(peaks, naive, case.level),
        coverage_ratio=coverage(peaks, clipped),
        fit_seconds=costs[0],
        forecast_seconds=costs[1],
    )


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean; a loss of zero counts as a millionth."""
    return exp(sum(log(max(value, 1e-6)) for value in values) / len(values))
