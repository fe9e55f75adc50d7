"""The walk forward: what each expert said at one origin after another, and what it was worth.

At each origin only what was known then is used. So the walk is the memory of the mixture and its
backtest at once, and two processes with the same data walk the same way.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.conformal import Residuals, mixture_weights, residuals
from forecasting.past import Past
from forecasting.scores import pinball_each

WINDOW_SECONDS = 4 * 86_400.0  # how long an outcome is remembered
HALF_LIFE_SECONDS = 86_400.0  # of a loss in the weights
ROUND_SECONDS = 600.0
OTHER_MINUTE_WEIGHT = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Bounds at past origins. `at` is (n,) in Unix seconds, the others (n_experts, n).

    `raw` is what the experts said, `bounds` the same corrected by what was known at the time.
    """

    at: FloatVector
    raw: FloatMatrix
    bounds: FloatMatrix

    @property
    def last_at(self) -> float:
        """Time of the last origin; minus infinity before the first."""
        return float(self.at[-1]) if self.at.size else -np.inf

    def since(self, at: float) -> "Walk":
        """Return the walk without the origins before `at`."""
        kept = int(np.searchsorted(self.at, at))
        return Walk(at=self.at[kept:], raw=self.raw[:, kept:], bounds=self.bounds[:, kept:])


def empty_walk(n_experts: int) -> Walk:
    """Return the walk before its first origin."""
    nothing = np.empty((n_experts, 0))
    return Walk(at=np.empty(0), raw=nothing, bounds=nothing)


def walked(
    walk: Walk, past: Past, at: FloatVector, raw: FloatMatrix, is_additive: tuple[bool, ...]
) -> Walk:
    """Return the walk after further origins `at` (m,) where the experts said `raw` (E, m)."""
    if at.size == 0:
        return walk
    whole_at = np.concatenate((walk.at, at))
    whole_raw = np.concatenate((walk.raw, raw), axis=1)
    record = read_record(whole_at, whole_raw, past, is_additive)
    bounds = record.correct(raw, at, past)
    return Walk(at=whole_at, raw=whole_raw, bounds=np.concatenate((walk.bounds, bounds), axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Origins with what came after them. `at` and `peaks` are (n,), `residuals` one an expert.

    `n_known` outcomes, the first ones, were known when the record was read.
    """

    at: FloatVector
    peaks: FloatVector
    n_known: int
    residuals: tuple[Residuals, ...]

    def counts(self, now: FloatVector, past: Past) -> FloatMatrix:
        """Return how much each outcome counts at the times `now`, (m, n); 0 if not known then.

        Demand often changes on round minutes (schedules, billing periods, scrapes), and a window
        that begins on one is unlike a window that holds one. So origins at another minute of
        ten count less.
        """
        age = now[:, None] - self.at
        known = (age >= window_seconds(past)) & (age <= WINDOW_SECONDS)
        unlike = np.abs(age % ROUND_SECONDS) >= 0.5 * past.history.step_seconds
        return np.where(known, np.where(unlike, OTHER_MINUTE_WEIGHT, 1.0), 0.0)

    def correct(self, raw: FloatMatrix, now: FloatVector, past: Past) -> FloatMatrix:
        """Return the bounds `raw` (E, m) of the times `now` (m,), corrected, (E, m)."""
        counts, largest = self.counts(now, past), _largest(past, now)
        pairs = zip(self.residuals, raw, strict=True)
        return np.stack([said.correct(line, counts, largest) for said, line in pairs])

    def mixed(
        self, walk: Walk, past: Past, now: float, bounds: FloatVector
    ) -> tuple[float, FloatVector]:
        """Return the mixed bound at `now` from corrected `bounds` (E,), and the weights (E,).

        Mixed in logarithms; NaN without any bound.
        """
        usable = ~np.isnan(bounds)
        if not usable.any():
            return float("nan"), np.zeros(bounds.size)
        counts = self.counts(np.array([now]), past)[0]
        peaks = np.where(counts > 0, self.peaks, np.nan)
        losses = pinball_each(peaks, walk.bounds, past.task.level)
        discount = counts * np.exp2(-(now - walk.at) / HALF_LIFE_SECONDS)
        weights = mixture_weights(losses, discount, usable)
        logs = past.logs(np.where(usable, bounds, 0.0))
        return max(0.0, float(np.exp(weights @ logs) - past.offset)), weights


def read_record(
    at: FloatVector, raw: FloatMatrix, past: Past, is_additive: tuple[bool, ...]
) -> Record:
    """Return the record of origins `at` (n,) where the experts said `raw` (E, n)."""
    peaks = past.peak(np.rint((at - past.history.start_at) / past.history.step_seconds))
    level, offset = past.task.level, past.offset
    return Record(
        at=at,
        peaks=peaks,
        n_known=known_origins(at, past),
        residuals=tuple(
            residuals(said, peaks, level=level, offset=offset, is_additive=additive)
            for said, additive in zip(raw, is_additive, strict=True)
        ),
    )


def known_origins(at: FloatVector, past: Past) -> int:
    """Return how many of the origins have their whole window inside the history."""
    last_at = past.history.end_at - window_seconds(past)
    return int(np.searchsorted(at, last_at + 0.5 * past.history.step_seconds))


def window_seconds(past: Past) -> float:
    """Return the length of the window ahead in whole steps."""
    return past.n_horizon * past.history.step_seconds


def _largest(past: Past, now: FloatVector) -> FloatVector:
    """Return the largest demand observed until the times `now`, (m,); NaN before any."""
    places = np.rint((now - past.history.start_at) / past.history.step_seconds)
    values = past.history.values[: int(places[-1]) + 1]
    if places.size == 1:
        return np.array([np.fmax.reduce(values, initial=np.nan)])
    return np.asarray(np.fmax.accumulate(values)[places.astype(np.intp)])
