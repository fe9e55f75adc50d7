"""Random histories and questions for the laws of forecasting."""

from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from forecasting.forecaster import Task
from forecasting.series import Series

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]


@st.composite
def histories(draw: st.DrawFn, *, max_days: float = 6.0) -> Series:
    """Histories of every length and step, with gaps, zeros, level shifts and flat stretches."""
    step = draw(st.sampled_from([10.0, 60.0, 300.0, 900.0, 3600.0]))
    n = draw(st.integers(0, min(4000, int(max_days * 86400 / step))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    times = step * np.arange(n)
    kind = draw(st.sampled_from(["wave", "zeros", "flat", "bursts", "shift", "nothing"]))
    values = {
        "wave": (2 + np.sin(times * 2 * np.pi / 86400)) * rng.gamma(9, 1, n),
        "zeros": np.zeros(n),
        "flat": np.full(n, 7.0),
        "bursts": np.where(rng.random(n) < 0.01, 1e4 * rng.random(n), 0.0),
        "shift": np.where(np.arange(n) > n // 2, 1e6, 1.0) * rng.random(n),
        "nothing": np.full(n, np.nan),
    }[kind]
    if n and draw(st.booleans()):
        values[rng.random(n) < draw(st.sampled_from([0.01, 0.3, 0.95]))] = np.nan
    if n and draw(st.booleans()):
        first = draw(st.integers(0, n - 1))
        values[first : first + draw(st.integers(1, n))] = np.nan
    return Series(
        start_at=step * draw(st.integers(400_000, 500_000)), step_seconds=step, values=values
    )


tasks = st.builds(
    Task,
    horizon_seconds=st.sampled_from([1.0, 60.0, 300.0, 900.0, 7200.0, 50_000.0, 200_000.0]),
    level=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
