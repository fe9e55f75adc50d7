"""The walk forward: what each expert said at one origin after another, and what it was worth.

At each origin only what was known then is used. So the walk is the memory of the mixture and its
backtest at once, and two processes with the same data walk the same way: a corrected bound rests
on the raw ones of three days, a weight on the corrected ones of three.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector
from forecasting.conformal import Residuals, mixture_weights, residuals, weighted_quantile
from forecasting.past import Past
from forecasting.scores import pinball_each

CALIBRATION_SECONDS = 3 * 86_400.0  # how long an outcome corrects bounds
WEIGHING_SECONDS = CALIBRATION_SECONDS  # how long it weighs experts: `answer` counts for both
WALK_SECONDS = CALIBRATION_SECONDS + WEIGHING_SECONDS
LARGEST_SECONDS = 14 * 86_400.0  # of the cap on a corrected bound
HALF_LIFE_SECONDS = 86_400.0  # of a loss in the weights
ROUND_SECONDS = 600.0
OTHER_MINUTE_WEIGHT = 0.3
LIFT_SECONDS = 6 * 3600.0  # half-life of an outcome that says whether the mixture held
LIFT_RATIO = 0.5
LIFT_SLACK = 0.05  # of the level: what chance explains is left alone
MIN_LIFT_OUTCOMES = 48
YOUNG_SECONDS = 2 * 86_400.0  # less than a walk remembers, so that a mature one is never young
YOUNG_TRUST = 20.0  # of the last value over each other expert, at first


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Bounds at past origins. `at` is (n,) in Unix seconds, the others (n_experts, n).

    `raw` is what the experts said, `bounds` the same corrected by what was known at the time;
    NaN where that was never needed.
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

    def before(self, at: float) -> "Walk":
        """Return the walk without the origins at or after `at`."""
        kept = int(np.searchsorted(self.at, at))
        return Walk(at=self.at[:kept], raw=self.raw[:, :kept], bounds=self.bounds[:, :kept])

    def grown(self, at: FloatVector, raw: FloatMatrix, bounds: FloatMatrix) -> "Walk":
        """Return the walk after further origins `at` (m,); the same one for none."""
        if at.size == 0:
            return self
        return Walk(
            at=np.concatenate((self.at, at)),
            raw=np.concatenate((self.raw, raw), axis=1),
            bounds=np.concatenate((self.bounds, bounds), axis=1),
        )


def empty_walk(n_experts: int) -> Walk:
    """Return the walk before its first origin."""
    nothing = np.empty((n_experts, 0))
    return Walk(at=np.empty(0), raw=nothing, bounds=nothing)


def walked(
    walk: Walk,
    past: Past,
    at: FloatVector,
    raw: FloatMatrix,
    is_additive: BoolVector,
    *,
    correct_from: float = -np.inf,
) -> Walk:
    """Return the walk after further origins `at` (m,) where the experts said `raw` (E, m).

    Bounds of origins before `correct_from` are left out: nothing will be weighed by them.
    """
    if at.size == 0:
        return walk
    grown = walk.grown(at, raw, np.full(raw.shape, np.nan))
    todo = at >= correct_from
    if todo.any():
        record = read_record(grown, past, is_additive)
        new = grown.bounds[:, walk.at.size :]
        new[:, todo] = record.correct(raw[:, todo], at[todo], past)
    return grown


class Said(NamedTuple):
    """The raw bounds of one time, (E,), not all NaN, and corrected where that is done."""

    raw: FloatVector
    bounds: FloatVector | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Origins whose outcome is known: `at`, `peaks` (n,), and what experts' bounds were worth.

    `bounds`, corrected, and their `losses` are (E, n).
    """

    at: FloatVector
    minute: FloatVector  # seconds since the last full ten minutes, (n,)
    peaks: FloatVector
    residuals: Residuals
    bounds: FloatMatrix
    losses: FloatMatrix

    def counts(self, now: FloatVector, past: Past, window: float) -> FloatMatrix:
        """Return how much each outcome counts at the times `now`, (m, n); 0 if not known then.

        Demand often changes on round minutes (schedules, billing periods, scrapes), and a window
        that begins on one is unlike a window that holds one. So origins at another minute of
        ten count less.
        """
        age = now[:, None] - self.at
        known = (age >= window_seconds(past)) & (age <= window)
        later = (now % ROUND_SECONDS)[:, None] - self.minute
        alike = (later >= 0.0) & (later < 0.5 * past.history.step_seconds)
        return np.where(alike, 1.0, OTHER_MINUTE_WEIGHT) * known

    def correct(self, raw: FloatMatrix, now: FloatVector, past: Past) -> FloatMatrix:
        """Return the bounds `raw` (E, m) of the times `now` (m,), corrected, (E, m)."""
        places = np.rint((now - past.history.start_at) / past.history.step_seconds)
        largest = past.maximum(places, LARGEST_SECONDS)
        counts = self.counts(now, past, CALIBRATION_SECONDS)
        return self.residuals.correct(raw, counts, largest, level=past.task.level)

    def prior(self, now: float) -> FloatVector:
        """Return how much each expert is trusted at `now` before its losses are asked, (E,).

        A prior that fades with evidence: a few hours of losses say little, and an expert that was
        lucky in them is believed for as long as they are all there is. The first expert, the last
        value, needs no past, so it counts more until `YOUNG_SECONDS` after the first outcome.
        """
        trust = np.ones(len(self.losses))
        age = now - float(self.at[0]) if self.at.size else 0.0
        trust[0] += YOUNG_TRUST * max(0.0, 1.0 - age / YOUNG_SECONDS)
        return trust

    def answer(
        self, said: Said, now: float, past: Past, *, level: float
    ) -> tuple[float, FloatVector]:
        """Return the mixed bound at `now` for a level, and what each expert counts in it, (E,).

        Mixed in logarithms. Weights and lift are those of the task's level.
        """
        counts, bounds = self.counts(np.array([now]), past, WEIGHING_SECONDS), said.bounds
        largest = past.maximum(np.array([len(past.history) - 1.0]), LARGEST_SECONDS)
        if bounds is None:
            raw = said.raw[:, None]
            bounds = self.residuals.correct(raw, counts, largest, level=level)[:, 0]
        usable, counts = ~np.isnan(bounds), counts[0]
        # Sums over the same outcomes, whatever else the record holds: a stretch of it, by age.
        n_use = int(np.count_nonzero(counts))
        first = int((counts > 0).argmax()) if n_use else 0
        use = slice(first, first + n_use)
        age, counts = now - self.at[use], counts[use]
        discount = counts * np.exp2(-age / HALF_LIFE_SECONDS)
        weights = mixture_weights(
            np.ascontiguousarray(self.losses[:, use]), discount, usable, prior=self.prior(now)
        )
        lift = self._lift(past, weights, use, counts * np.exp2(-age / LIFT_SECONDS))
        logs = past.logs(np.where(usable, bounds, 0.0))
        mean, lifted = (np.exp(weights @ logs + more) - past.offset for more in (0.0, lift))
        # A ratio seen from a bound near zero, times a busy level, was 100 times what ever came.
        return max(0.0, float(min(lifted, np.fmax(largest[0], mean)))), weights

    def _lift(self, past: Past, weights: FloatVector, use: slice, discount: FloatVector) -> float:
        """Return by how much, in logarithms, to lift a mixture that held too seldom of late.

        Each expert is calibrated over days; where demand drifts within hours all of them lag
        together. The present mixture is laid over the bounds of the last hours: where it did not
        hold as often as it says, half of what it lacked is added. Like adaptive conformal
        inference (Gibbs & Candes 2021) this follows the coverage online, but one-sided; and it
        carries no bound beyond the largest demand seen, see `answer`.
        """
        has_say = weights > 0
        bounds = self.bounds[:, use][has_say]
        lacked = past.logs(self.peaks[use]) - weights[has_say] @ past.logs(bounds)
        known = ~np.isnan(lacked)
        if np.count_nonzero(known) < MIN_LIFT_OUTCOMES:
            return 0.0
        lacked, count = lacked[known], discount[known]
        held = float(count[lacked <= 0].sum() / count.sum())
        if held >= past.task.level - LIFT_SLACK:
            return 0.0
        return LIFT_RATIO * max(0.0, weighted_quantile(lacked, count, past.task.level))


def read_record(walk: Walk, past: Past, is_additive: BoolVector) -> Record:
    """Return the record of a walk, of the outcomes that the history of `past` holds."""
    n = known_origins(walk.at, past)
    peaks, level = _peaks(walk.at[:n], past), past.task.level
    said = residuals(walk.raw[:, :n], peaks, offset=past.offset, is_additive=is_additive)
    bounds = walk.bounds[:, :n]
    losses = pinball_each(peaks, bounds, level)
    return Record(
        at=walk.at[:n],
        minute=walk.at[:n] % ROUND_SECONDS,
        peaks=peaks,
        residuals=said,
        bounds=bounds,
        losses=losses,
    )


def extended(record: Record, walk: Walk, past: Past) -> Record:
    """Return the record with the outcomes of a walk that have become known since."""
    n, n_known = record.at.size, known_origins(walk.at, past)
    if n_known == n:
        return record
    peaks = _peaks(walk.at[n:n_known], past)
    said = record.residuals
    for number, peak in enumerate(peaks):
        said = said.with_one_more(walk.raw[:, n + number], float(peak))
    bounds = walk.bounds[:, :n_known]
    losses = pinball_each(peaks, bounds[:, n:], past.task.level)
    return Record(
        at=walk.at[:n_known],
        minute=walk.at[:n_known] % ROUND_SECONDS,
        peaks=np.concatenate((record.peaks, peaks)),
        residuals=said,
        bounds=bounds,
        losses=np.concatenate((record.losses, losses), axis=1),
    )


def scored(record: Record, walk: Walk, past: Past) -> Record:
    """Return the record with the bounds of the walk, where they were filled in after it."""
    bounds = walk.bounds[:, : record.at.size]
    losses = pinball_each(record.peaks, bounds, past.task.level)
    return replace(record, bounds=bounds, losses=losses)


def _peaks(at: FloatVector, past: Past) -> FloatVector:
    return past.peak(np.rint((at - past.history.start_at) / past.history.step_seconds))


def known_origins(at: FloatVector, past: Past) -> int:
    """Return how many of the origins have their whole window inside the history."""
    last_at = past.history.end_at - window_seconds(past)
    return int(np.searchsorted(at, last_at + 0.5 * past.history.step_seconds))


def window_seconds(past: Past) -> float:
    """Return the length of the window ahead in whole steps."""
    return past.n_horizon * past.history.step_seconds
