"""A short generated trace for the tests of the forecast benchmark."""

from collections.abc import Callable

import numpy as np
import pytest
from forecast_protocol import Trace

from forecasting.series import Series

MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC


def busy_days(n_days: float, *, step_seconds: float = 300.0, seed: int = 3) -> Trace:
    """A daily wave with noise, on a coarse step so that every rival is quick."""
    n = round(n_days * 86_400 / step_seconds)
    days = np.arange(n) * step_seconds / 86_400
    wave = 100 + 60 * np.sin(2 * np.pi * days) + 15 * np.sin(4 * np.pi * days)
    noise = np.random.default_rng(seed).gamma(20.0, 1 / 20.0, n)
    series = Series(start_at=MONDAY, step_seconds=step_seconds, values=wave * noise)
    return Trace(name="generated", series=series)


@pytest.fixture
def make_trace() -> Callable[..., Trace]:
    return busy_days
