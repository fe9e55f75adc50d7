"""What a forecast is worth in replicas: demand against what would have been ready to carry it.

The span is played step by step. At each step the scaler wants what the newest bound and the
demand of the moment need, as the policy's rules `cover_forecast` and `cover_observed` do, within
warm floor and maxReplicas; the HPA lets that fall only after `STABILISATION_SECONDS`, its default.
A pod answers `start_seconds` after it was first wanted, if it was wanted all the time since. All
wanted pods are paid for, starting or ready. With the bound left out it is the reactive scaler.

Without a threshold capacity is a real number in the unit of demand instead of replicas.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from forecasting.windows import n_steps, trailing_maximum
from simulations.backtest.case import Terms

STABILISATION_SECONDS = 300.0  # kubernetes.io: horizontalPodAutoscaler, default scale-down behavior
NINE_DIGITS = 9  # as `scaler.capacity.replicas_for` rounds
MOST_HEADROOM = 50.0
BISECTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """The span that is played: demand at each step, (n,); NaN is not observed.

    `newest` (n,) are places among the origins, -1 before the first.
    """

    demand: FloatVector
    times: FloatVector
    newest: "np.ndarray[tuple[int], np.dtype[np.intp]]"
    step_seconds: float
    start_seconds: float
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """What came of it. `unserved` is demand times seconds that no ready replica carried.

    `capacity_seconds` are replica-seconds paid for, or demand times seconds without a threshold.
    `unserved_by_day` and `days` are (k,), the days numbered from 1970-01-01 (UTC).
    """

    unserved: float
    short_seconds: float
    capacity_seconds: float
    unserved_by_day: FloatVector
    days: FloatVector


def stage_of(series: Series, origins: FloatVector, terms: Terms, horizon_seconds: float) -> Stage:
    """Return the span from the first origin to the end of the last one's window."""
    shown = series.between(float(origins[0]), float(origins[-1]) + horizon_seconds)
    return Stage(
        demand=shown.values,
        times=shown.times,
        newest=np.searchsorted(origins, shown.times + 0.5 * series.step_seconds) - 1,
        step_seconds=series.step_seconds,
        start_seconds=terms.start_seconds or horizon_seconds,
        terms=terms,
    )


def play(stage: Stage, bounds: FloatVector | None, *, headroom: float = 1.0) -> Played:
    """Return what would have happened with `bounds` (n_origins,), or reactively without.

    `headroom` multiplies the demand that the reactive part goes by.
    """
    known = _held(stage.demand)
    needed = headroom * known
    if bounds is not None:
        needed = np.fmax(needed, np.where(stage.newest >= 0, bounds[stage.newest], np.nan))
    wanted = stabilised(_replicas(needed, stage.terms), stage.step_seconds)
    ready = ready_of(wanted, n_steps(stage.start_seconds, stage.step_seconds))
    carried = ready * (stage.terms.threshold or 1.0)
    gap = np.maximum(np.nan_to_num(stage.demand - carried), 0.0) * stage.step_seconds
    numbers = np.floor(stage.times / DAY_SECONDS)
    days = np.unique(numbers)
    return Played(
        unserved=float(gap.sum()),
        short_seconds=float((gap > 0).sum() * stage.step_seconds),
        capacity_seconds=float(np.nansum(wanted) * stage.step_seconds),
        unserved_by_day=np.array([gap[numbers == day].sum() for day in days]),
        days=days,
    )


def stabilised(wanted: FloatVector, step_seconds: float) -> FloatVector:
    """Return what the HPA sets: it falls only to the highest of the last five minutes."""
    return trailing_maximum(wanted, n_steps(STABILISATION_SECONDS, step_seconds) + 1)


def ready_of(wanted: FloatVector, n_start: int) -> FloatVector:
    """Return how many pods are ready, (n,), when one takes `n_start` steps to start.

    The k-th pod is ready when k were wanted all the time since. What was wanted at the first
    step is taken to be ready there.
    """
    padded = np.concatenate([np.full(n_start, wanted[0] if wanted.size else 0.0), wanted])
    return -trailing_maximum(-padded, n_start + 1)[n_start:]


def headroom_for(stage: Stage, unserved: float) -> tuple[float, Played]:
    """Return the least headroom with which a reactive scaler leaves no more unserved, and its play.

    `MOST_HEADROOM` where none is enough. Unserved demand never grows with headroom.
    """
    low, high = 1.0, MOST_HEADROOM
    if play(stage, None, headroom=high).unserved > unserved:
        return high, play(stage, None, headroom=high)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if play(stage, None, headroom=middle).unserved > unserved:
            low = middle
        else:
            high = middle
    return high, play(stage, None, headroom=high)


def _replicas(needed: FloatVector, terms: Terms) -> FloatVector:
    """Return replicas for demand as the policy bounds them; NaN where nothing was ever known."""
    if terms.threshold is not None:
        needed = np.ceil(np.round(needed / terms.threshold, NINE_DIGITS))
    highest = np.inf if terms.max_replicas is None else float(terms.max_replicas)
    floor = float(terms.warm_floor) if terms.threshold is not None else 0.0
    return np.minimum(np.fmax(needed, floor), highest)


def _held(demand: FloatVector) -> FloatVector:
    """Return demand with gaps held at the newest observation: unknown shrinks nothing."""
    places = np.where(np.isnan(demand), 0, np.arange(demand.size))
    np.maximum.accumulate(places, out=places)
    return demand[places]


def spared(before: float, after: float) -> float:
    """Return the share by which `after` is less, NaN when there was nothing before."""
    return 1.0 - after / before if before > 0 and not isnan(before) else float("nan")
