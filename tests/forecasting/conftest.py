"""Shared histories: generated ones with a known shape, and the real traces where there are any."""

import os
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from forecasting.forecaster import Task
from forecasting.series import Series

MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC
DAY = 86_400.0


@pytest.fixture(scope="session")
def office() -> Callable[..., Series]:
    """Return a maker of histories with quiet nights, busy working days and gamma noise."""

    def make(
        *, days: float, step_seconds: float = 60.0, scale: float = 1.0, seed: int = 0
    ) -> Series:
        n = int(days * DAY / step_seconds)
        times = MONDAY + step_seconds * np.arange(n)
        hour = times % DAY / 3600.0
        weekend = (np.floor((times - MONDAY) / DAY) % 7) >= 5
        busy = np.exp(-0.5 * ((hour - 14.0) / 3.0) ** 2) * np.where(weekend, 0.3, 1.0)
        noise = np.random.default_rng(seed).gamma(30.0, 1 / 30.0, n)
        return Series(
            start_at=MONDAY, step_seconds=step_seconds, values=scale * (5 + 95 * busy) * noise
        )

    return make


@pytest.fixture(scope="session")
def task() -> Callable[..., Task]:
    """Return a maker of tasks: p95 of the next quarter of an hour unless said otherwise."""

    def make(*, horizon_seconds: float = 900.0, level: float = 0.95, zone: str = "UTC") -> Task:
        return Task(horizon_seconds=horizon_seconds, level=level, zone=ZoneInfo(zone))

    return make


@pytest.fixture(scope="session")
def trace() -> Callable[[str], Series]:
    """Return a reader of real traces by file name; skips the test where there are none."""
    default = Path(__file__).parents[2].parent / "shared" / "traces"
    folder = Path(os.environ.get("PREWARM_TRACES", default))

    def read(name: str) -> Series:
        path = folder / name
        if not path.exists():
            pytest.skip(f"no trace {name}: set PREWARM_TRACES to the folder that holds it")
        frame = pd.read_csv(path, index_col="timestamp", parse_dates=True)
        step = (frame.index[1] - frame.index[0]).total_seconds()
        start = frame.index[0].timestamp() // step * step
        return Series(
            start_at=start, step_seconds=step, values=frame.iloc[:, 0].to_numpy(dtype=float)
        )

    return read
