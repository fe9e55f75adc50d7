"""A user's own file becomes history and the days that are run."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.localtime import DAY_SECONDS
from simulations.studies.traffic import study
from simulations.workload.errors import BadWorkload

MINUTES_A_DAY = 1_440


@pytest.fixture
def three_days(tmp_path: Path) -> Path:
    """A count a minute for three days: 60 a minute, and 240 in the last minute of all."""
    times = np.datetime64("2026-01-05T00:00") + np.arange(3 * MINUTES_A_DAY).astype("m8[m]")
    counts = [60] * (times.size - 1) + [240]
    rows = [f"{time}Z,{count}" for time, count in zip(times, counts, strict=True)]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["timestamp,requests", *rows]) + "\n", encoding="utf-8")
    return path


def test_the_last_days_are_run_and_those_before_are_history(three_days: Path) -> None:
    told = study(str(three_days), days=0.5, history_days=2.0, seed=1)
    assert told.history.seconds == 2.0 * DAY_SECONDS
    assert told.requests.seconds == 0.5 * DAY_SECONDS
    assert told.requests.arrivals.size == 60 * (MINUTES_A_DAY // 2 - 1) + 240
    assert told.peak_per_second == pytest.approx(4.0)


def test_too_short_a_trace_says_what_to_change(three_days: Path) -> None:
    with pytest.raises(BadWorkload, match=r"has 3\.0 days.*fewer DAYS"):
        study(str(three_days), days=2.5, history_days=1.0, seed=1)
