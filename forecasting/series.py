"""Demand on a regular time grid. NaN = not observed, which is never the same as zero."""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatVector, read_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Observations at `start_at`, `start_at + step_seconds`, ... in time order.

    `start_at` is in Unix seconds and a multiple of `step_seconds`, so that two series of the
    same step always share one grid. Values are NaN (not observed) or finite and >= 0.
    """

    start_at: float
    step_seconds: float
    values: FloatVector  # (n,)

    def __post_init__(self) -> None:
        if not self.step_seconds > 0:
            raise ValueError(f"step_seconds must be > 0, got {self.step_seconds!r}")
        if self.start_at % self.step_seconds != 0:
            raise ValueError(
                f"start_at must be a multiple of step_seconds={self.step_seconds!r}, "
                f"got {self.start_at!r}"
            )
        values = read_only(self.values)
        if values.ndim != 1:
            raise ValueError(f"values must have one dimension, got {values.ndim}")
        if np.isinf(values).any() or (values < 0).any():
            raise ValueError("values must be NaN (not observed) or finite and >= 0")
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return int(self.values.size)

    @property
    def end_at(self) -> float:
        """Time of the last grid point; one step before `start_at` when there is none."""
        return self.start_at + (len(self) - 1) * self.step_seconds

    @property
    def times(self) -> FloatVector:
        """Unix seconds of each grid point, (n,)."""
        return self.start_at + self.step_seconds * np.arange(len(self), dtype=np.float64)

    @property
    def last_observed_at(self) -> float:
        """Time of the newest observation; NaN when nothing was observed."""
        observed = np.flatnonzero(~np.isnan(self.values))
        if observed.size == 0:
            return float("nan")
        return self.start_at + float(observed[-1]) * self.step_seconds

    @property
    def last_observed(self) -> float:
        """The newest observation; NaN when nothing was observed."""
        observed = self.values[~np.isnan(self.values)]
        return float(observed[-1]) if observed.size else float("nan")

    def between(self, start_at: float, end_at: float) -> "Series":
        """Return the grid points in [start_at, end_at]; never invents points outside the series."""
        step = self.step_seconds
        first = max(0, int(np.ceil((start_at - self.start_at) / step)))
        last = min(len(self) - 1, int(np.floor((end_at - self.start_at) / step)))
        kept = self.values[first : last + 1] if last >= first else self.values[:0]
        part = object.__new__(Series)  # checked once, when the whole was made
        object.__setattr__(part, "start_at", self.start_at + first * step)
        object.__setattr__(part, "step_seconds", step)
        object.__setattr__(part, "values", kept)
        return part
