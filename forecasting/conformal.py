"""Split-conformal correction of raw bounds, weighted towards forecasts of like level.

A residual says how far the peak went beyond a raw bound, on outcomes that the model was not
fitted on: ``log(Y + c) - log(q + c)``, or ``Y - q`` for an additive expert. The `level` quantile
of past residuals, added to the next bound, makes it cover as often as it says (Vovk, Gammerman &
Shafer 2005; Romano, Patterson & Candes 2019), and letting old residuals go follows drift (Gibbs &
Candes 2021). Residuals of bounds near the present one count more (localised conformal
prediction, Guan 2023): the large ratios of quiet hours would otherwise lift the bound of a busy
one, and the other way round. A cap holds what remains.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import BoolMatrix, BoolVector, FloatMatrix, FloatVector, IndexVector

T = TypeVar("T", bound=np.generic)

MIN_RESIDUALS = 12
ETA = 8.0  # an expert a quarter worse than the best counts an eighth
MIN_SHARE_SCORED = 0.25  # of the origins of the most scored expert
_HOPELESS = 40.0  # exp(-8 * 40) is still a number
_FAR_WEIGHT = 0.01  # what a residual at a wholly different level still counts
_CAP_OVER_BOUND = 1.5  # beyond the largest peak seen, at most this times the raw bound
_N_LINES = 16  # origins corrected at once: what fits into the cache is twice as fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """What experts said at past origins and what came, for each expert sorted by the residual.

    All are (n_experts, n): `errors`, `logs` of the raw bound plus offset, `rank`, the origin of
    each, and `known`, whether there is one. `is_additive` is (n_experts,).
    """

    offset: float
    is_additive: BoolVector
    errors: FloatMatrix
    logs: FloatMatrix
    rank: IndexVector
    known: BoolMatrix

    def correct(
        self, raw: FloatMatrix, counts: FloatMatrix, largest: FloatVector, *, level: float
    ) -> FloatMatrix:
        """Return corrected bounds, (n_experts, m); a raw one as it is where too little is known.

        `raw` is (n_experts, m), `counts` (m, n_origins) says how much each outcome counts for
        each bound, 0 if it was not known then, and `largest` (m,) is the largest demand seen of
        late. NaN stays NaN; nothing is below zero. A higher level gives no lower bound.
        """
        found = np.array(raw, dtype=np.float64)
        for first in range(0, raw.shape[1], _N_LINES):
            lines = slice(first, first + _N_LINES)
            found[:, lines] = self._correct(raw[:, lines], counts[lines], largest[lines], level)
        return found

    def _correct(
        self, raw: FloatMatrix, counts: FloatMatrix, largest: FloatVector, level: float
    ) -> FloatMatrix:
        here = np.log(np.maximum(raw, 0.0) + self.offset)
        experts, places = (~np.isnan(raw)).nonzero()
        shifts = np.full(raw.shape, np.nan)
        if experts.size and self.errors.shape[1] >= MIN_RESIDUALS:
            # Only what is needed of it, and a line for each bound: a tick is a handful of them.
            said = slice(None) if experts.size == len(raw) == raw.size else experts
            rank, logs = self.rank[said], self.logs[said]
            mass = counts[0].take(rank) if len(counts) == 1 else counts[places[:, None], rank]
            mass *= self.known[said]
            apart = logs - here[experts, places][:, None]
            apart *= apart
            apart *= -0.5
            near = np.exp(apart, out=apart)
            near *= 1.0 - _FAR_WEIGHT
            near += _FAR_WEIGHT
            is_enough = np.add.reduce(mass > 0, axis=1, dtype=np.intp) >= MIN_RESIDUALS
            mass *= near
            found = _midpoint_quantiles(self.errors[said], mass, level)
            shifts[experts, places] = np.where(is_enough, found, np.nan)
        additive = self.is_additive[:, None]
        ratios = np.exp(here + np.where(additive, 0.0, shifts)) - self.offset
        moved = np.where(additive, raw + shifts, ratios)
        cap = np.fmax(largest, _CAP_OVER_BOUND * raw)
        return np.where(np.isnan(shifts), raw, np.minimum(np.maximum(moved, 0.0), cap))

    def with_one_more(self, raw: FloatVector, peak: float) -> "Residuals":
        """Return the residuals with those of one more origin, raw bounds (n_experts,).

        What `residuals` would give, without sorting all anew.
        """
        logs = np.log(np.maximum(raw, 0.0) + self.offset)
        ratios = np.log(peak + self.offset) - logs
        errors = np.where(self.is_additive, peak - raw, ratios)
        known = ~np.isnan(errors)
        n_experts, n = self.errors.shape
        if n == 0:
            n_below = np.zeros(n_experts, dtype=np.intp)
        else:
            below = (self.errors <= errors[:, None]) & self.known
            n_below = np.count_nonzero(below, axis=1)
        lines = np.arange(n_experts)
        at = np.where(known, n_below, n)  # behind those that are equal
        column = np.arange(n + 1)
        source = column - (column > at[:, None])
        source += lines[:, None] * n
        source[lines, at] = 0  # replaced below; nothing is read where there is nothing

        def insert(old: NDArray[T], new: NDArray[T]) -> NDArray[T]:
            grown = old.take(source) if n else np.empty((n_experts, 1), dtype=old.dtype)
            grown[lines, at] = new
            return grown

        return replace(
            self,
            errors=insert(self.errors, np.where(known, errors, 0.0)),
            logs=insert(self.logs, np.where(known, logs, 0.0)),
            rank=insert(self.rank, np.full(raw.size, n, dtype=np.intp)),
            known=insert(self.known, known),
        )


def residuals(
    raw: FloatMatrix, peaks: FloatVector, *, offset: float, is_additive: BoolVector
) -> Residuals:
    """Return the residuals of raw bounds (n_experts, n) against peaks (n,), NaN where unknown."""
    logs = np.log(np.maximum(raw, 0.0) + offset)
    errors = np.where(is_additive[:, None], peaks - raw, np.log(peaks + offset) - logs)
    rank = np.argsort(errors, axis=1, kind="stable")  # NaN last
    errors = np.take_along_axis(errors, rank, axis=1)
    known = ~np.isnan(errors)
    return Residuals(
        offset=offset,
        is_additive=is_additive,
        errors=np.where(known, errors, 0.0),
        logs=np.where(known, np.take_along_axis(logs, rank, axis=1), 0.0),
        rank=rank,
        known=known,
    )


def weighted_quantile(values: FloatVector, weights: FloatVector, level: float) -> float:
    """Return the weighted `level` quantile by the midpoint rule, linear between points.

    `values` is (n,) with n >= 1. Each value sits in the middle of its weight.
    """
    order = np.argsort(values, kind="stable")
    return float(_midpoint_quantiles(values[None, order], weights[None, order], level)[0])


def _midpoint_quantiles(ranked: FloatMatrix, weights: FloatMatrix, level: float) -> FloatVector:
    """Return the quantile of each line of `ranked` (m, n) by its weights; NaN without weight.

    The running sum goes from left to right, so that entries without weight change no bit.
    """
    lines = np.arange(len(weights))
    upper = np.empty_like(weights)
    np.add.accumulate(weights.T, axis=0, out=upper.T)  # all lines abreast: no sum waits for its own
    wanted = level * upper[:, -1]
    reached = np.add.reduce(upper < wanted[:, None], axis=1, dtype=np.intp)
    is_below = upper[lines, reached] - 0.5 * weights[lines, reached] < wanted
    low, high, has_low, has_high = _around(weights, reached + is_below)
    low, high = np.where(has_low, low, high), np.where(has_high, high, low)
    of_low = upper[lines, low] - 0.5 * weights[lines, low]
    apart = upper[lines, high] - 0.5 * weights[lines, high] - of_low
    share = np.minimum((wanted - of_low) / np.where(apart > 0, apart, np.inf), 1.0)
    first, second = ranked[lines, low], ranked[lines, high]
    found = np.minimum(first + share * (second - first), second)
    return np.where(has_low | has_high, found, np.nan)


def _around(
    weights: FloatMatrix, places: IndexVector
) -> tuple[IndexVector, IndexVector, BoolVector, BoolVector]:
    """Return, line by line, the last column before `places` with weight and the first from it on.

    And whether there is one.
    """
    lines, last = np.arange(len(places)), weights.shape[1] - 1
    low, high = np.maximum(places - 1, 0), np.minimum(places, last)
    has_low = (weights[lines, low] > 0) & (places > 0)
    has_high = (weights[lines, high] > 0) & (places <= last)
    if has_low.all() and has_high.all():
        return low, high, has_low, has_high
    is_after, has_some = np.arange(last + 1) >= places[:, None], weights > 0
    before, after = has_some & ~is_after, has_some & is_after
    low, high = last - before[:, ::-1].argmax(axis=1), after.argmax(axis=1)
    return low, high, before[lines, low], after[lines, high]


def mixture_weights(
    losses: FloatMatrix, discount: FloatVector, usable: BoolVector, *, prior: FloatVector
) -> FloatVector:
    """Return how much each expert counts, (n_experts,), summing to 1.

    Exponential weights on the discounted mean loss (Vovk 1990; Cesa-Bianchi & Lugosi 2006),
    in units of the best one's, so that scaling the series changes nothing:
    ``prior exp(-ETA (L - L_best) / L_best)``. `losses` is (n_experts, n_origins), NaN = not known;
    `discount` (n_origins,) says how much each origin counts, `usable` (n_experts,) who has a
    bound now, and `prior` (n_experts,), > 0, who is trusted before any loss is known. An expert
    that was scored much less than others has not earned a say.
    """
    known = ~np.isnan(losses)
    counts = known @ discount
    totals = np.where(known, losses, 0.0) @ discount
    scored = usable & (counts > 0) & (counts >= MIN_SHARE_SCORED * counts.max(initial=0.0))
    if not scored.any():
        trusted = prior * usable
        return np.asarray(trusted / trusted.sum() if usable.any() else trusted)
    means = totals[scored] / counts[scored]
    best = float(means.min())
    behind = (means - best) / best if best > 0 else np.where(means > 0, _HOPELESS, 0.0)
    weights = np.zeros(len(losses))
    weights[scored] = prior[scored] * np.exp(-ETA * np.minimum(behind, _HOPELESS))
    return np.asarray(weights / weights.sum())
