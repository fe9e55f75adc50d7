"""Demand on a regular time grid. NaN = not observed, which is never the same as zero."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import FloatVector, read_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Observations at `start_at`, `start_at + step_seconds`, ... in time order.

    `start_at` is in Unix seconds and a multiple of `step_seconds`, so that two series of the
    same step always share one grid. Values are NaN (not observed) or finite and >= 0.

    `leading` are series that may run ahead of this one (requests at a gateway, an upstream's
    traffic), by name and on the same grid: a history with its companions is one value. A
    forecaster that knows nothing of them reads `values` alone.
    """

    start_at: float
    step_seconds: float
    values: FloatVector  # (n,)
    leading: tuple[tuple[str, FloatVector], ...] = ()  # (n,) each, sorted by name

    def __post_init__(self) -> None:
        if not self.step_seconds > 0:
            raise ValueError(f"step_seconds must be > 0, got {self.step_seconds!r}")
        if self.start_at % self.step_seconds != 0:
            raise ValueError(
                f"start_at must be a multiple of step_seconds={self.step_seconds!r}, "
                f"got {self.start_at!r}"
            )
        object.__setattr__(self, "values", _checked(self.values))
        if self.leading:
            object.__setattr__(self, "leading", _companions(self.leading, len(self)))

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
    def leading_names(self) -> tuple[str, ...]:
        """Names of the companions, sorted."""
        return tuple(name for name, _ in self.leading)

    @property
    def last_observed_at(self) -> float:
        """Time of the newest observation; NaN when nothing was observed."""
        place = self._last_place()
        return float("nan") if place is None else self.start_at + place * self.step_seconds

    @property
    def observed_seconds(self) -> float:
        """How long after the oldest observation the newest one was made; 0 without any."""
        last = self._last_place()
        if last is None:
            return 0.0
        first = float(np.argmax(~np.isnan(self.values)))
        return (self.start_at + last * self.step_seconds) - (
            self.start_at + first * self.step_seconds
        )

    @property
    def last_observed(self) -> float:
        """The newest observation; NaN when nothing was observed."""
        place = self._last_place()
        return float("nan") if place is None else float(self.values[int(place)])

    def between(self, start_at: float, end_at: float) -> "Series":
        """Return the grid points in [start_at, end_at]; never invents points outside the series."""
        step = self.step_seconds
        first = max(0, int(np.ceil((start_at - self.start_at) / step)))
        last = min(len(self) - 1, int(np.floor((end_at - self.start_at) / step)))
        kept = slice(first, last + 1) if last >= first else slice(0, 0)
        part = object.__new__(Series)  # checked once, when the whole was made
        object.__setattr__(part, "start_at", self.start_at + first * step)
        object.__setattr__(part, "step_seconds", step)
        object.__setattr__(part, "values", self.values[kept])
        leading = tuple((name, values[kept]) for name, values in self.leading)
        object.__setattr__(part, "leading", leading)
        return part

    def led_by(self, indicators: Mapping[str, "Series"]) -> "Series":
        """Return this series with companions, each brought onto its grid: NaN where it has none.

        Raises ValueError when an indicator has another step.
        """
        return replace(
            self, leading=tuple((name, self._laid(other)) for name, other in indicators.items())
        )

    def alone(self) -> "Series":
        """Return this series without companions."""
        return replace(self, leading=()) if self.leading else self

    def is_same(self, other: "Series") -> bool:
        """Return whether both hold the same bits at the same times, companions included."""
        return len(self) == len(other) and self.continues(other)

    def continues(self, earlier: "Series") -> bool:
        """Return whether this series begins with `earlier`, bit by bit, companions included."""
        n = len(earlier)
        if (earlier.start_at, earlier.step_seconds) != (self.start_at, self.step_seconds):
            return False
        if len(self) < n or earlier.leading_names != self.leading_names:
            return False
        mine = [self.values, *(values for _, values in self.leading)]
        theirs = [earlier.values, *(values for _, values in earlier.leading)]
        pairs = zip(mine, theirs, strict=True)
        return all(_is_same(a[:n], b) for a, b in pairs)

    def _last_place(self) -> float | None:
        """Return where the newest observation is; most often it is the last point."""
        if len(self) == 0:
            return None
        if not np.isnan(self.values[-1]):
            return len(self) - 1.0
        from_end = ~np.isnan(self.values[::-1])
        place = int(np.argmax(from_end))
        return float(len(self) - 1 - place) if from_end[place] else None

    def _laid(self, other: "Series") -> FloatVector:
        if other.step_seconds != self.step_seconds:
            raise ValueError(
                f"an indicator must have step_seconds={self.step_seconds!r}, "
                f"got {other.step_seconds!r}"
            )
        values = np.full(len(self), np.nan)
        shift = round((other.start_at - self.start_at) / self.step_seconds)
        first, last = max(0, shift), min(len(self), shift + len(other))
        if last > first:
            values[first:last] = other.values[first - shift : last - shift]
        return values


def _checked(given: FloatVector) -> FloatVector:
    values = read_only(given)
    if values.ndim != 1:
        raise ValueError(f"values must have one dimension, got {values.ndim}")
    if np.isinf(values).any() or (values < 0).any():
        raise ValueError("values must be NaN (not observed) or finite and >= 0")
    return values


def _is_same(one: FloatVector, other: FloatVector) -> bool:
    """Return whether both hold the same bits; two views of one place do, nobody writes there."""
    if one.size == other.size and one.__array_interface__ == other.__array_interface__:
        return True
    return bool(np.array_equal(one.view(np.int64), other.view(np.int64)))


def _companions(
    leading: tuple[tuple[str, FloatVector], ...], n: int
) -> tuple[tuple[str, FloatVector], ...]:
    checked = tuple(
        (name, _checked(values)) for name, values in sorted(leading, key=lambda pair: pair[0])
    )
    if len({name for name, _ in checked}) < len(checked):
        raise ValueError(
            f"names of leading series must differ, got {[name for name, _ in checked]}"
        )
    if any(values.size != n for _, values in checked):
        raise ValueError(f"leading series must have {n} values, as the series that they lead")
    return checked
