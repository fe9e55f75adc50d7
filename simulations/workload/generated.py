"""Made-up traffic with the shapes that real traffic has, as counts by the minute."""

from dataclasses import dataclass
from math import pi

import numpy as np
from scipy.special import pdtr, pdtrik

from forecasting.arrays import FloatVector
from forecasting.localtime import DAY_SECONDS
from simulations.workload.bins import Bins
from simulations.workload.errors import BadWorkload
from simulations.workload.streams import stream

EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0
SATURDAY = 5
COUNTS, BURSTS, WOBBLE = "counts of a bin", "bursts", "wobble of the rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """From `at_seconds` on traffic is `factor` times what it was; it gets there in a ramp."""

    at_seconds: float
    factor: float
    ramp_seconds: float = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Nothing arrives in [begin_seconds, end_seconds), or, `is_unknown`, nobody knows what did."""

    begin_seconds: float
    end_seconds: float
    is_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The shape of a workload. Rates are requests per second; ratios are of the rate before them.

    `swing_ratio` is the day's: the rate goes from 1 - s before dawn to 1 + s in the afternoon.
    Bursts come at random, a Poisson number a day: each multiplies the rate by `burst_factor` and
    then dies away. `wobble_ratio`: noise of the rate itself, beyond Poisson arrivals.
    """

    mean_per_second: float = 3.3
    swing_ratio: float = 0.6
    weekend_ratio: float = 0.6
    growth_per_week: float = 0.0
    wobble_ratio: float = 0.05
    bursts_per_day: float = 0.0
    burst_factor: float = 3.0
    burst_seconds: float = 600.0  # the time constant with which it dies away
    launches: tuple[Launch, ...] = ()
    outages: tuple[Outage, ...] = ()

    def __post_init__(self) -> None:
        if not self.mean_per_second > 0:
            raise BadWorkload(
                f"mean_per_second: {self.mean_per_second:g} is not allowed; allowed is a number > 0"
            )
        if not 0 <= self.swing_ratio <= 1:
            raise BadWorkload(
                f"swing_ratio: {self.swing_ratio:g} is not allowed; allowed is 0 to 1"
            )
        if self.growth_per_week <= -1:
            raise BadWorkload(
                f"growth_per_week: {self.growth_per_week:g} is not allowed; allowed is more than -1"
            )


def generate(
    traffic: Traffic, *, start_at: float, seconds: float, seed: int, step_seconds: float = 60.0
) -> Bins:
    """Return the counts of a workload of that shape. Equal for equal arguments."""
    n = round(seconds / step_seconds)
    if n < 1:
        raise BadWorkload(
            f"seconds: {seconds:g} is not allowed; allowed is {step_seconds:g} or more"
        )
    offsets: FloatVector = (np.arange(n, dtype=np.float64) + 0.5) * step_seconds
    rate: FloatVector = traffic.mean_per_second * _calendar(start_at + offsets, traffic)
    rate = rate * (1.0 + traffic.growth_per_week) ** (offsets / (7 * DAY_SECONDS))
    for launch in traffic.launches:
        risen = np.clip((offsets - launch.at_seconds) / launch.ramp_seconds, 0.0, 1.0)
        rate = rate * (1.0 + (launch.factor - 1.0) * risen)
    rate = rate * _bursts(offsets, traffic, stream(seed, BURSTS))
    wobble = stream(seed, WOBBLE).normal(0.0, traffic.wobble_ratio, n)
    means = rate * np.exp(wobble) * step_seconds
    counts = _poisson(means, stream(seed, COUNTS).random(n))
    for outage in traffic.outages:
        hit = (offsets >= outage.begin_seconds) & (offsets < outage.end_seconds)
        counts[hit] = np.nan if outage.is_unknown else 0.0
    return Bins(start_at=start_at, step_seconds=step_seconds, counts=counts)


def _poisson(means: FloatVector, uniform: FloatVector) -> FloatVector:
    """Return Poisson counts from one uniform number each, (n,).

    A generator's own `poisson` takes as many numbers as the rate needs: one burst would reshuffle
    all that comes after it.
    """
    upper = np.ceil(np.maximum(pdtrik(uniform, means), 0.0))
    lower = np.maximum(upper - 1.0, 0.0)
    counts: FloatVector = np.where(pdtr(lower, means) >= uniform, lower, upper)
    return counts


def _calendar(times: FloatVector, traffic: Traffic) -> FloatVector:
    day = (times % DAY_SECONDS) / DAY_SECONDS
    weekday = (times // DAY_SECONDS + EPOCH_WEEKDAY) % 7
    weight = np.where(weekday >= SATURDAY, traffic.weekend_ratio, 1.0)
    shape: FloatVector = weight * (1.0 + traffic.swing_ratio * np.sin(2 * pi * (day - 0.35)))
    return shape


def _bursts(offsets: FloatVector, traffic: Traffic, rng: np.random.Generator) -> FloatVector:
    seconds = float(offsets[-1] + offsets[0])
    n_bursts = rng.poisson(traffic.bursts_per_day * seconds / DAY_SECONDS)
    factor = np.ones_like(offsets)
    for begin in np.sort(rng.uniform(0.0, seconds, n_bursts)):
        since = offsets - begin
        shape = np.where(since >= 0, np.exp(-np.maximum(since, 0.0) / traffic.burst_seconds), 0.0)
        factor = np.maximum(factor, 1.0 + (traffic.burst_factor - 1.0) * shape)
    return factor
