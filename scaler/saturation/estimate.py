"""What one replica carries, from the times when all of them had a queue.

A replica shows its capacity only while it is full: before that it serves what arrives. So

1. a step is *full* when every replica has a queue, their number has not changed for as long as the
   rate looks back, and all of that is known (a replica that has just started lowers the mean, and
   one hot replica among idle ones says nothing about the others);
2. full steps in a row are an episode; those less than ten minutes apart are one, because they are
   not independent;
3. an episode says the median of served / replicas over its steps;
4. the estimate is the mean of the episodes in logarithms with Student's interval: capacities vary
   by factors, with the length of requests and with prefix hits.

Below `MIN_EPISODES`, or while the interval is wider than a factor of `MAX_SPREAD`, there is no
estimate, and the refusal says what is missing.
"""

from dataclasses import dataclass
from math import exp, inf, isnan, log, sqrt

import numpy as np
from scipy.special import stdtrit

from forecasting.arrays import FloatVector
from scaler.types import Carried

LEVEL = 0.9
MIN_EPISODES = 4
MIN_FULL_STEPS = 3  # of an episode: less may be one batch of long prompts
APART_SECONDS = 600.0
MAX_SPREAD = 2.0
RATE_WINDOW_SECONDS = 120.0  # of the default queries
FULL_KV_CACHE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """Series over all replicas on one grid, each (n,); NaN where nothing was observed.

    `served` has the unit of demand, `queueing` counts replicas with a queue, `kv_cache_use` lies in
    [0, 1].
    """

    step_seconds: float
    end_at: float
    served: FloatVector
    replicas: FloatVector
    queueing: FloatVector
    kv_cache_use: FloatVector


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEnoughEvidence:
    """Why there is no estimate; `at_least`: what one replica served without being full, or NaN."""

    why: str
    n_episodes: int
    at_least: float


def estimate(seen: Observations) -> Carried | NotEnoughEvidence:
    """Return what one replica carries, or why that can't be said yet."""
    per_replica = _per_replica(seen)
    episodes = _episodes(_settled_full(seen), seen.step_seconds)
    said = [log(float(np.median(per_replica[steps]))) for steps in episodes]
    if len(said) < MIN_EPISODES:
        missing = MIN_EPISODES - len(said)
        why = (
            f"all replicas were full {len(said)} times for {MIN_FULL_STEPS} steps or more; "
            f"{missing} more such times are needed"
        )
        return _refusal(why, said, per_replica)
    middle = sum(said) / len(said)
    half = _half_width(said, middle)
    if exp(2 * half) > MAX_SPREAD:
        why = (
            f"{len(said)} times of saturation differ too much: {exp(middle - half):.3g} to "
            f"{exp(middle + half):.3g} for one replica; a factor of {MAX_SPREAD:g} is allowed"
        )
        return _refusal(why, said, per_replica)
    return Carried(
        low=exp(middle - half),
        middle=exp(middle),
        high=exp(middle + half),
        level=LEVEL,
        n_episodes=len(said),
        as_of=seen.end_at,
        limited_by=_limited_by(seen.kv_cache_use[np.concatenate(episodes)]),
    )


def _per_replica(seen: Observations) -> FloatVector:
    counts = np.where(seen.replicas >= 1, seen.replicas, np.nan)
    return np.asarray(seen.served / counts)


def _settled_full(seen: Observations) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return where every replica was full for as long as the rate looks back."""
    per_replica = _per_replica(seen)
    # Comparisons with NaN are False: an unknown step is not full.
    full = (seen.queueing >= seen.replicas) & (per_replica > 0)
    full &= np.concatenate(([False], seen.replicas[1:] == seen.replicas[:-1]))
    settled = full.copy()
    for lag in range(1, max(1, round(RATE_WINDOW_SECONDS / seen.step_seconds)) + 1):
        settled[lag:] &= full[:-lag]
        settled[:lag] = False
    return settled


def _episodes(
    full: np.ndarray[tuple[int], np.dtype[np.bool_]], step_seconds: float
) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return the steps of each episode."""
    steps = np.flatnonzero(full)
    apart = np.flatnonzero(np.diff(steps) * step_seconds > APART_SECONDS) + 1
    return [part for part in np.split(steps, apart) if part.size >= MIN_FULL_STEPS]


def _half_width(said: list[float], middle: float) -> float:
    variance = sum((each - middle) ** 2 for each in said) / (len(said) - 1)
    quantile = float(stdtrit(len(said) - 1, (1 + LEVEL) / 2))
    return quantile * sqrt(variance / len(said))


def _refusal(why: str, said: list[float], per_replica: FloatVector) -> NotEnoughEvidence:
    most = float(np.fmax.reduce(per_replica, initial=-inf))
    return NotEnoughEvidence(
        why=why, n_episodes=len(said), at_least=most if most > 0 else float("nan")
    )


def _limited_by(kv_cache_use: FloatVector) -> str:
    use = float(np.nanmedian(kv_cache_use)) if not np.isnan(kv_cache_use).all() else float("nan")
    if isnan(use):
        return "unknown"
    return "kv-cache" if use >= FULL_KV_CACHE else "compute"
