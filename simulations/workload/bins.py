"""Counts by bins of time, and the requests that they stand for."""

from dataclasses import dataclass, field

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.series import Series
from simulations.workload.lengths import Lengths
from simulations.workload.requests import Requests
from simulations.workload.streams import stream

PLACING, PROMPTS, COMPLETIONS, ROUNDING = (
    "arrivals within a bin",
    "prompt lengths",
    "completion lengths",
    "rounding of counts",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bins:
    """Requests in each bin of `step_seconds` from `start_at` on; NaN = unknown.

    `prompt_tokens` and `completion_tokens` are sums over a bin, None where nobody counted them.
    """

    start_at: float
    step_seconds: float
    counts: FloatVector  # (n,)
    prompt_tokens: FloatVector | None = field(default=None)  # (n,)
    completion_tokens: FloatVector | None = field(default=None)  # (n,)

    def __post_init__(self) -> None:
        if not self.step_seconds > 0:
            raise ValueError(f"step_seconds must be > 0, got {self.step_seconds!r}")
        for name in ("counts", "prompt_tokens", "completion_tokens"):
            values = getattr(self, name)
            if values is not None and ((values < 0).any() or np.isinf(values).any()):
                raise ValueError(f"{name} must be NaN (unknown) or finite and >= 0")

    def __len__(self) -> int:
        return int(self.counts.size)

    @property
    def seconds(self) -> float:
        """How long all bins are together."""
        return self.step_seconds * len(self)

    def demand(self, step_seconds: float) -> Series:
        """Return arrivals a second on a grid; a point tells the step that ends there.

        A bin longer than the step holds for all steps in it; shorter ones are averaged, and an
        unknown one among them makes the mean unknown.
        """
        n = int(self.seconds / step_seconds + 1e-9)
        fine = np.arange(n + 1) * step_seconds / self.step_seconds
        edges = np.concatenate(([0.0], np.cumsum(np.nan_to_num(self.counts))))
        gaps = np.concatenate(([0.0], np.cumsum(np.isnan(self.counts))))
        places = np.arange(len(self) + 1)
        rates = np.diff(np.interp(fine, places, edges)) / step_seconds
        unknown = np.diff(np.interp(fine, places, gaps)) > 1e-9  # noqa: PLR2004 - rounding
        start_at = round(self.start_at / step_seconds) * step_seconds
        return Series(
            start_at=start_at + step_seconds,
            step_seconds=step_seconds,
            values=np.where(unknown, np.nan, rates),
        )

    def between(self, begin: float, end: float) -> "Bins":
        """Return the bins that begin in [begin, end), seconds from the start."""
        first = max(0, int(np.ceil(begin / self.step_seconds - 1e-9)))
        last = min(len(self), int(np.ceil(end / self.step_seconds - 1e-9)))
        kept = slice(first, max(first, last))
        return Bins(
            start_at=self.start_at + first * self.step_seconds,
            step_seconds=self.step_seconds,
            counts=self.counts[kept],
            prompt_tokens=None if self.prompt_tokens is None else self.prompt_tokens[kept],
            completion_tokens=(
                None if self.completion_tokens is None else self.completion_tokens[kept]
            ),
        )

    def requests(self, *, seed: int, lengths: Lengths | None = None) -> Requests:
        """Return single requests: uniform within each bin, as Poisson arrivals of a known count.

        A count that is no whole number is rounded up or down at random, so that the mean stays.
        Lengths are drawn from `lengths`, and scaled in each bin to the tokens that were counted
        there. Equal for equal seeds.
        """
        lengths = lengths or Lengths()
        known = np.nan_to_num(self.counts)
        whole = np.floor(known + stream(seed, ROUNDING).random(len(self))).astype(np.int64)
        places = np.repeat(np.arange(len(self)), whole)
        offsets = stream(seed, PLACING).random(places.size)
        arrivals = np.sort((places + offsets) * self.step_seconds)
        last = np.nextafter(self.seconds, 0.0)
        n = places.size
        return Requests(
            start_at=self.start_at,
            seconds=self.seconds,
            arrivals=np.minimum(arrivals, last),
            prompt_tokens=_scaled(
                lengths.prompt.draw(stream(seed, PROMPTS), n), places, self.prompt_tokens, least=0.0
            ),
            completion_tokens=_scaled(
                lengths.completion.draw(stream(seed, COMPLETIONS), n),
                places,
                self.completion_tokens,
                least=1.0,
            ),
            unknown=_stretches(np.isnan(self.counts), self.step_seconds),
        )


def _scaled(
    drawn: FloatVector,
    places: np.ndarray[tuple[int], np.dtype[np.int64]],
    counted: FloatVector | None,
    *,
    least: float,
) -> FloatVector:
    """Return lengths whose sum in each bin is about what was counted there."""
    if counted is None or not drawn.size:
        return drawn
    sums = np.bincount(places, weights=drawn, minlength=counted.size)
    ratios = np.divide(counted, sums, out=np.ones(counted.size), where=(sums > 0) & (counted > 0))
    scaled: FloatVector = np.maximum(np.rint(drawn * ratios[places]), least)
    return scaled


def _stretches(
    unknown: np.ndarray[tuple[int], np.dtype[np.bool_]], step_seconds: float
) -> tuple[tuple[float, float], ...]:
    """Return the runs of unknown bins as (begin, end), seconds from the start."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], unknown.astype(np.int8), [0]))))
    pairs = (edges * step_seconds).reshape(-1, 2)
    return tuple((float(begin), float(end)) for begin, end in pairs)
