"""Rivals that forecast a path and are refitted every 24 hours on what was known then."""

from collections.abc import Callable
from math import ceil
from typing import TypeAlias

import numpy as np
from forecast_protocol import HORIZONS, FloatCube, Said, Stopwatch, Trace

from forecasting.arrays import FloatMatrix, FloatVector

QUARTER_SECONDS = 900.0
HOUR_SECONDS = 3600.0
Path: TypeAlias = Callable[[Trace, FloatVector, int], FloatMatrix]
"""Takes what is known and a number of bins; gives paths after it, (n_paths, n_bins).

The first path is the plain forecast, the others are its own bounds, one for each level.
"""

QuarterModel: TypeAlias = Callable[[FloatVector, int, float], FloatMatrix]
"""Takes means of 15 minutes, a number of steps and when the last mean ended; gives paths."""


def by_path(path: Path) -> Callable[[Trace], Said]:
    """Return the source that takes peaks from a path."""

    def source(trace: Trace) -> Said:
        watch = Stopwatch()
        paths: FloatMatrix = np.empty((0, 0))
        columns: list[FloatMatrix] = []
        longest = trace.bins(HORIZONS[-1] * 60)
        begin = -1
        for place in trace.origins:
            if begin < 0 or place - begin >= trace.bins_per_day:
                begin = int(place)
                with watch.fit():
                    known = trace.series.values[: begin + 1]
                    paths = path(trace, known, trace.bins_per_day + longest)
            with watch.tick():
                first = place - begin
                ends = [first + trace.bins(minutes * 60) for minutes in HORIZONS]
                columns.append(np.array([paths[:, first:end].max(axis=1) for end in ends]))
        found: FloatCube = np.stack(columns, axis=-1).transpose(1, 0, 2)
        return watch.said(found[:1], found[1:] if len(found) > 1 else None)

    return source


def fourier(trace: Trace, known: FloatVector, n_bins: int) -> FloatMatrix:
    """Return the 20 largest components with periods of an hour or more of 14 days: like Crane's."""
    known = known[-14 * trace.bins_per_day :]
    known = known[-(known.size // trace.bins_per_day) * trace.bins_per_day :]
    spectrum = np.fft.rfft(known)
    periods = known.size / np.maximum(np.arange(spectrum.size), 1)
    spectrum[periods * trace.series.step_seconds < HOUR_SECONDS] = 0
    weakest = np.argsort(np.abs(spectrum[1:]))[: max(0, spectrum.size - 1 - 20)] + 1
    spectrum[weakest] = 0
    return np.resize(np.fft.irfft(spectrum, known.size), n_bins)[None]


def by_quarters(model: QuarterModel, *, n_days: int) -> Callable[[Trace], Said]:
    """Return the source that fits a model to means of clock quarters of the last days."""

    def path(trace: Trace, known: FloatVector, n_bins: int) -> FloatMatrix:
        n_mean = trace.bins(QUARTER_SECONDS)
        rest = begun_bins(trace, known.size)
        means = quarters(trace, known[: known.size - rest], n_days)
        end_at = trace.series.start_at + (known.size - rest) * trace.series.step_seconds
        paths = model(means, ceil((rest + n_bins) / n_mean), end_at)
        return np.repeat(paths, n_mean, axis=1)[:, rest : rest + n_bins]

    return by_path(path)


def begun_bins(trace: Trace, n_known: int) -> int:
    """Return how many of the known bins belong to a quarter of an hour that is not over."""
    start = round(trace.series.start_at / trace.series.step_seconds)
    return (start + n_known) % trace.bins(QUARTER_SECONDS)


def quarters(trace: Trace, known: FloatVector, n_days: int) -> FloatVector:
    """Return means of 15 minutes over the last days, the last one ending with what is known."""
    n_mean = trace.bins(QUARTER_SECONDS)
    known = known[-n_days * trace.bins_per_day :]
    return np.asarray(known[known.size % n_mean :].reshape(-1, n_mean).mean(axis=1))
