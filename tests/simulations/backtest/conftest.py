"""A week of demand with a rise every morning, as a file and as a series."""

from pathlib import Path

import numpy as np
import pytest

from data_files import write_csv
from forecasting.series import Series

MONDAY = 1_736_121_600.0  # 2025-01-06 00:00 UTC
STEP = 300.0


@pytest.fixture(scope="session")
def week() -> Series:
    """Six days at five minutes: quiet nights, a steep rise at 09:00, gamma noise."""
    n = 6 * 288
    hours = STEP * np.arange(n) % 86_400 / 3600.0
    level = np.where((hours >= 9.0) & (hours < 17.0), 80.0, 10.0)
    noise = np.random.default_rng(5).gamma(200.0, 1 / 200.0, n)
    return Series(start_at=MONDAY, step_seconds=STEP, values=level * noise)


@pytest.fixture(scope="session")
def week_csv(week: Series, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The week as a CSV file."""
    return write_csv(tmp_path_factory.mktemp("week") / "week.csv", week)
