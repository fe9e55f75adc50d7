"""Real traffic traces for the tests, where they are present.

They lie in the folder that PREWARM_TRACES names, else in `shared/traces` beside the repository.
Tests that need one skip without it, and fail where PREWARM_REQUIRE_PARTS=1 (continuous
integration) says that everything must be there.
"""

import csv
import gzip
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.series import Series
from required import skip_or_fail

REPOSITORY = Path(__file__).resolve().parents[2]


def traces_folder() -> Path:
    """Return where the traces lie, whether or not they are there."""
    named = os.environ.get("PREWARM_TRACES", "")
    return Path(named) if named else REPOSITORY.parent / "shared" / "traces"


def trace_file(name: str) -> Path:
    """Return the file of a trace such as `crane_input8_1min`; skips the test without it."""
    path = traces_folder() / f"{name}.csv.gz"
    if not path.is_file():
        skip_or_fail(f"no trace {name} in {traces_folder()}; PREWARM_TRACES names another folder")
    return path


def trace(name: str, *, ends_at: float | None = None) -> Series:
    """Return a trace's demand on its own step.

    `ends_at` shifts it in time so that its last point is the last of its grid at or before then.
    """
    with gzip.open(trace_file(name), "rt", newline="") as file:
        rows = list(csv.reader(file))[1:]
    times = [_seconds(row[0]) for row in (rows[0], rows[1])]
    step = times[1] - times[0]
    values = np.array([float(row[1]) if row[1] else math.nan for row in rows])
    start_at = times[0] if ends_at is None else ends_at - (len(rows) - 1) * step
    return Series(start_at=start_at // step * step, step_seconds=step, values=values)


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).replace(tzinfo=UTC).timestamp()
