"""Quantiles of times that are partly unknown: a start still under way took at least so long.

Theory of operation
1. The product-limit curve (Kaplan & Meier, JASA 53, 1958): at each event time, survival shrinks by
   the share of those at risk that had the event. A censored time counts among those at risk until
   then, and no longer.
2. The quantile is read off with mean ranks (Herd 1960; Johnson 1964; Meeker & Escobar, "Statistical
   Methods for Reliability Data", 6.4): (r - d + 1) / (r + 1) in place of (r - d) / r, which is the
   same curve with one more start that never ends. Without it the 0.9 quantile of 30 starts covers
   0.871 of the next ones; with it, and straight lines between the steps, 0.90.
3. Its interval is Brookmeyer and Crowley's (Biometrics 38, 1982) on the log(-log) scale: those
   times at which the pointwise interval of the curve holds the level.

Weights let old starts count less. They are scaled so that they sum to the effective number of
starts (Kish 1965), since the curve takes a weight of one for one start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

MAX_EXTENSION = 2.0
ROUNDING = 1e-9

FloatVector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The share that has ended, at each event time; all vectors are as long as there are steps."""

    times: FloatVector
    ended: FloatVector  # by mean ranks: what quantiles are read off
    first_ended: FloatVector  # the same after the first of the starts that end at this step
    survival: FloatVector  # Kaplan and Meier's
    greenwood: FloatVector  # sum of d / (r (r - d)): the variance of log survival

    def quantile(self, level: float) -> float:
        """Return the time by which `level` of all starts have ended; inf when that is not known."""
        if not self.times.size or self.ended[-1] < level - ROUNDING:
            return inf
        # Starts of equal length (the API keeps whole seconds) are a level piece of the line.
        ranks = np.column_stack((self.first_ended, self.ended)).ravel()
        return float(np.interp(level, ranks, np.repeat(self.times, 2)))

    def extended_quantile(self, level: float) -> float:
        """Return the quantile, beyond the last step on an exponential tail.

        Where the longest starts are censored the curve ends early. The tail through its last point
        goes on from there (Brown, Hollander & Korwar 1974), at most to twice the last step.
        """
        known = self.quantile(level)
        if known < inf or not self.times.size:
            return known
        share = log(1 - level) / log(1 - float(self.ended[-1]))
        return float(self.times[-1]) * min(share, MAX_EXTENSION)

    def interval(self, level: float, confidence: float) -> tuple[float, float]:
        """Return the interval that holds the true quantile in `confidence` of all samples.

        The upper end is inf when there are too few starts to bound it.
        """
        if not self.times.size:
            return 0.0, inf
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        low, high = _log_log_bounds(self.survival, self.greenwood, z)
        return _first(self.times, low <= 1 - level), _first(self.times, high <= 1 - level)


def curve(
    seconds: Sequence[float], is_event: Sequence[bool], weights: Sequence[float] | None = None
) -> Curve:
    """Return the curve of `seconds`; where `is_event` is false it took at least so long."""
    times = np.asarray(seconds, dtype=np.float64)
    events = np.asarray(is_event, dtype=bool)
    weight = np.ones_like(times) if weights is None else _effective(np.asarray(weights, float))
    steps = np.unique(times[events])
    # One row a step: a start is at risk at a step that it has lasted until, its own included.
    at_risk = (times >= steps[:, None]) @ weight
    ending = ((times == steps[:, None]) & events) @ weight
    staying = np.clip(at_risk - ending, 0.0, None)
    survival = np.cumprod(staying / at_risk)
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(ending / (at_risk * staying))
    staying_by_rank = np.cumprod((staying + 1) / (at_risk + 1))
    first = ending / ((times == steps[:, None]) & events).sum(axis=1)
    before = np.concatenate(([1.0], staying_by_rank[:-1]))
    first_ended = 1 - before * (at_risk - first + 1) / (at_risk + 1)
    return Curve(steps, 1 - staying_by_rank, first_ended, survival, greenwood)


def _effective(weights: FloatVector) -> FloatVector:
    """Return the weights, scaled to sum to Kish's effective number."""
    largest = weights.max(initial=0.0)
    if not largest > 0:
        return np.ones_like(weights)
    ratios = weights / largest  # all may be tiny: their squares must not vanish
    scaled: FloatVector = ratios * float(ratios.sum() / np.square(ratios).sum())
    return scaled


def _log_log_bounds(
    survival: FloatVector, greenwood: FloatVector, z: float
) -> tuple[FloatVector, FloatVector]:
    """Return the lower and upper bound of survival at each step.

    Where nothing survives the bounds have no limit on this scale: those of the step before hold.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log_survival = np.log(survival)
        spread = z * np.sqrt(greenwood) / np.abs(log_survival)
        low = np.exp(log_survival * np.exp(spread))
        high = np.exp(log_survival * np.exp(-spread))
    is_known = survival > 0
    low = np.where(is_known, low, 0.0)
    last_known = high[is_known][-1] if is_known.any() else 1.0
    return low, np.where(is_known, high, last_known)


def _first(times: FloatVector, is_there: NDArray[np.bool_]) -> float:
    places = np.flatnonzero(is_there)
    return float(times[places[0]]) if places.size else inf
