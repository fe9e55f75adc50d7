"""Made-up demand with the shape of real LLM traffic: days, weeks, noise, and a spike.

What a point says is what `rate(...[1m])` would: arrivals of the last minute, per second. Arrivals
are Poisson around an intensity that wobbles a little by itself (more than Poisson alone, as
measured traffic does).

Concerns draw from generators of their own, so that changing one does not reshuffle the others.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.series import Series

DAY_SECONDS = 86_400.0
WORKING_DAYS = 5
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0
STEP_SECONDS = 15.0  # a usual scrape interval
RATE_POINTS = 4  # of which a rate over one minute takes this many


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """Demand that comes on top at the same time every working day; all times in seconds (UTC)."""

    starts_at: float = 9 * 3_600.0  # after midnight
    height: float = 43.0  # requests per second
    rise_seconds: float = 180.0
    top_seconds: float = 1_500.0
    fall_seconds: float = 900.0  # time constant
    punctuality_seconds: float = 20.0  # standard deviation of the start from day to day
    height_ratio: float = 0.03  # and of the height


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What demand would be without chance."""

    mean: float = 12.0  # requests per second on a working day
    swing: float = 5.0  # from night to afternoon, up and down
    weekend_ratio: float = 0.55
    wobble_ratio: float = 0.03  # of the intensity itself, beyond Poisson noise
    spike: Spike = Spike()


def generate(rng: np.random.Generator, shape: Shape, *, start_at: float, end_at: float) -> Series:
    """Return demand from `start_at` to `end_at`, both multiples of `STEP_SECONDS`.

    Equal for equal generators. Raises ValueError when the span is empty.
    """
    n = round((end_at - start_at) / STEP_SECONDS) + 1
    if n < 1:
        raise ValueError(f"end_at must not lie before start_at, got {end_at!r} and {start_at!r}")
    spikes, wobble, arrivals = rng.spawn(3)
    # A rate needs the arrivals of the minute before its first point, too.
    times = start_at + STEP_SECONDS * np.arange(1 - RATE_POINTS, n, dtype=np.float64)
    intensity = baseline(times, shape) + spike_train(times, shape.spike, spikes)
    intensity = intensity * np.exp(wobble.normal(0.0, shape.wobble_ratio, times.size))
    counts = arrivals.poisson(intensity * STEP_SECONDS)
    sums = np.convolve(counts, np.ones(RATE_POINTS), mode="valid")
    rates = sums / (RATE_POINTS * STEP_SECONDS)
    return Series(start_at=start_at, step_seconds=STEP_SECONDS, values=rates)


def baseline(times: FloatVector, shape: Shape) -> FloatVector:
    """Return the intensity without the spike: lowest before dawn, highest in the afternoon."""
    day = (times % DAY_SECONDS) / DAY_SECONDS
    weight = np.where(is_working_day(times), 1.0, shape.weekend_ratio)
    level: FloatVector = weight * (shape.mean + shape.swing * np.sin(2 * np.pi * (day - 0.35)))
    return level


def spike_train(times: FloatVector, spike: Spike, rng: np.random.Generator) -> FloatVector:
    """Return the intensity that spikes add, each a little early or late, larger or smaller."""
    added = np.zeros_like(times)
    first = float(times[0]) // DAY_SECONDS
    n_days = int(float(times[-1]) // DAY_SECONDS - first) + 1
    offsets = rng.normal(0.0, spike.punctuality_seconds, n_days)
    sizes = spike.height * np.exp(rng.normal(0.0, spike.height_ratio, n_days))
    for day in range(n_days):
        midnight = (first + day) * DAY_SECONDS
        if bool(is_working_day(np.array([midnight]))[0]):
            added += sizes[day] * profile(times - midnight - spike.starts_at - offsets[day], spike)
    return added


def profile(since: FloatVector, spike: Spike) -> FloatVector:
    """Return the spike's height, 0 to 1, `since` seconds after its start: up, level, away."""
    rising = np.clip(since / spike.rise_seconds, 0.0, 1.0)
    over = np.maximum(since - spike.rise_seconds - spike.top_seconds, 0.0)
    height: FloatVector = rising * np.exp(-over / spike.fall_seconds)
    return height


def is_working_day(times: FloatVector) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each time (Unix seconds, UTC) lies on Monday to Friday."""
    weekday = (times // DAY_SECONDS + EPOCH_WEEKDAY) % 7
    return np.asarray(weekday < WORKING_DAYS)


def write_csv(series: Series, path: Path, *, column: str) -> None:
    """Write a history file: Unix seconds and one column of demand."""
    rows = zip(series.times.tolist(), series.values.tolist(), strict=True)
    lines = [f"timestamp,{column}", *(f"{at:.0f},{value:.6g}" for at, value in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
