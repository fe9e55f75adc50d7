"""Split-conformal correction of raw bounds, weighted towards forecasts of like level.

A residual says how far the peak went beyond a raw bound, on outcomes that the model was not
fitted on: ``log(Y + c) - log(q + c)``, or ``Y - q`` for an additive expert. The `level` quantile
of past residuals, added to the next bound, makes it cover as often as it says (Vovk, Gammerman &
Shafer 2005; Romano, Patterson & Candes 2019), and letting old residuals go follows drift (Gibbs &
Candes 2021). Residuals of bounds near the present one count more (localised conformal
prediction, Guan 2023): the large ratios of quiet hours would otherwise lift the bound of a busy
one, and the other way round. A cap holds what remains.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector, IndexVector

MIN_RESIDUALS = 12
ETA = 8.0  # an expert a quarter worse than the best counts an eighth
MIN_SHARE_SCORED = 0.25  # of the origins of the most scored expert
_HOPELESS = 40.0  # exp(-8 * 40) is still a number
_FAR_WEIGHT = 0.01  # what a residual at a wholly different level still counts
_CAP_OVER_BOUND = 1.5  # beyond the largest peak seen, at most this times the raw bound
_N_LINES = 256  # origins corrected at once, which bounds the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """What one expert said at past origins and what came, sorted by the residual.

    `errors` and `logs` (of the raw bound plus offset) are (n,), `rank` (n,) gives the origin of
    each.
    """

    level: float
    offset: float
    is_additive: bool
    errors: FloatVector
    logs: FloatVector
    rank: IndexVector

    def correct(self, raw: FloatVector, counts: FloatMatrix, largest: FloatVector) -> FloatVector:
        """Return corrected bounds, (m,); a raw bound as it is where too little is known.

        `raw` is (m,), `counts` (m, n_origins) says how much each outcome counts for each bound,
        0 if it was not known then, and `largest` (m,) is the largest demand seen until then.
        NaN stays NaN; nothing is below zero.
        """
        found = np.array(raw, dtype=np.float64)
        for first in range(0, raw.size, _N_LINES):
            lines = slice(first, first + _N_LINES)
            found[lines] = self._correct(raw[lines], counts[lines], largest[lines])
        return found

    def _correct(self, raw: FloatVector, counts: FloatMatrix, largest: FloatVector) -> FloatVector:
        here = np.log(np.maximum(raw, 0.0) + self.offset)
        count = counts[:, self.rank]
        use = count > 0
        near = np.exp(-0.5 * (self.logs - here[:, None]) ** 2)
        mass = count * (_FAR_WEIGHT + (1.0 - _FAR_WEIGHT) * near)
        shifts = _midpoint_quantiles(self.errors, mass, self.level)
        shifts[use.sum(axis=1) < MIN_RESIDUALS] = np.nan
        moved = raw + shifts if self.is_additive else np.exp(here + shifts) - self.offset
        cap = np.fmax(largest, _CAP_OVER_BOUND * raw)
        return np.where(np.isnan(shifts), raw, np.clip(moved, 0.0, cap))


def residuals(
    raw: FloatVector, peaks: FloatVector, *, level: float, offset: float, is_additive: bool
) -> Residuals:
    """Return the residuals of raw bounds (n,) against peaks (n,); NaN pairs are left out."""
    logs = np.log(np.maximum(raw, 0.0) + offset)
    errors = peaks - raw if is_additive else np.log(peaks + offset) - logs
    order = np.argsort(errors, kind="stable")  # NaN last
    order = order[: np.count_nonzero(~np.isnan(errors))]
    return Residuals(
        level=level,
        offset=offset,
        is_additive=is_additive,
        errors=errors[order],
        logs=logs[order],
        rank=order,
    )


def weighted_quantile(values: FloatVector, weights: FloatVector, level: float) -> float:
    """Return the weighted `level` quantile by the midpoint rule, linear between points.

    `values` is (n,) with n >= 1. Each value sits in the middle of its weight.
    """
    order = np.argsort(values, kind="stable")
    return float(_midpoint_quantiles(values[order], weights[None, order], level)[0])


def _midpoint_quantiles(ranked: FloatVector, weights: FloatMatrix, level: float) -> FloatVector:
    """Return the quantile of `ranked` (n,) for each line of weights (m, n); NaN without weight."""
    found = np.full(len(weights), np.nan)
    if ranked.size == 0:
        return found
    upper = np.cumsum(weights, axis=1)
    middle = upper - 0.5 * weights
    wanted = level * upper[:, -1:]
    counts = weights > 0
    above = counts & (middle >= wanted)
    below = counts & ~above
    lines = np.flatnonzero(counts.any(axis=1))
    high = above[lines].argmax(axis=1)
    low = ranked.size - 1 - below[lines, ::-1].argmax(axis=1)
    high = np.where(above[lines].any(axis=1), high, low)
    low = np.where(below[lines].any(axis=1), low, high)
    from_low = wanted[lines, 0] - middle[lines, low]
    apart = middle[lines, high] - middle[lines, low]
    share = np.where(apart > 0, from_low / np.where(apart > 0, apart, 1.0), 0.0)
    found[lines] = ranked[low] + share * (ranked[high] - ranked[low])
    return found


def mixture_weights(losses: FloatMatrix, discount: FloatVector, usable: BoolVector) -> FloatVector:
    """Return how much each expert counts, (n_experts,), summing to 1.

    Exponential weights on the discounted mean loss (Vovk 1990; Cesa-Bianchi & Lugosi 2006),
    in units of the best one's, so that scaling the series changes nothing:
    ``exp(-ETA (L - L_best) / L_best)``. `losses` is (n_experts, n_origins), NaN = not known;
    `discount` (n_origins,) says how much each origin counts and `usable` (n_experts,) who has a
    bound now. An expert that was scored much less than others has not earned a say.
    """
    known = ~np.isnan(losses)
    counts = known @ discount
    totals = np.where(known, losses, 0.0) @ discount
    scored = usable & (counts > 0) & (counts >= MIN_SHARE_SCORED * counts.max(initial=0.0))
    if not scored.any():
        return usable / max(int(usable.sum()), 1)
    means = totals[scored] / counts[scored]
    best = float(means.min())
    behind = (means - best) / best if best > 0 else np.where(means > 0, _HOPELESS, 0.0)
    weights = np.zeros(len(losses))
    weights[scored] = np.exp(-ETA * np.minimum(behind, _HOPELESS))
    return np.asarray(weights / weights.sum())
