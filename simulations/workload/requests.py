"""A trace of requests: when each arrives, and how long its prompt and its answer are."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import BoolVector, FloatVector
from forecasting.series import Series

Tokens: TypeAlias = NDArray[np.float64]  # (n,); whole numbers, but for tests against theory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requests:
    """Requests in the order of arrival, over `seconds` from `start_at` (Unix seconds).

    `arrivals` are seconds from the start. `unknown` holds the stretches, as (begin, end) in seconds
    from the start, in which nobody knows what arrived: no request is in them, and what a scrape
    shows of them is NaN and not zero.
    """

    start_at: float
    seconds: float
    arrivals: FloatVector  # (n,)
    prompt_tokens: Tokens  # (n,)
    completion_tokens: Tokens  # (n,)
    unknown: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("arrivals", "prompt_tokens", "completion_tokens"):
            values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if values.base is not None or values.flags.writeable:
                values = values.copy()
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        _check(self)

    def __len__(self) -> int:
        return int(self.arrivals.size)

    def demand(self, step_seconds: float) -> Series:
        """Return arrivals a second, as `rate(...[step])` shows them on a grid of that step.

        The value at a grid point is what arrived in the step that ends there, NaN where any part
        of that step is unknown. The grid points are those after `start_at`, up to the end.
        """
        first = np.floor(self.start_at / step_seconds) + 1
        last = np.floor((self.start_at + self.seconds) / step_seconds + 1e-9)
        times = np.arange(first, last + 1) * step_seconds
        ends = times - self.start_at
        begins = ends - step_seconds
        counts = np.searchsorted(self.arrivals, ends) - np.searchsorted(self.arrivals, begins)
        values = np.where(
            self.is_unknown(begins, ends) | (begins < 0.0), np.nan, counts / step_seconds
        )
        begin_at = float(times[0]) if times.size else float(first * step_seconds)
        return Series(start_at=begin_at, step_seconds=step_seconds, values=values)

    def is_unknown(self, begins: FloatVector, ends: FloatVector) -> BoolVector:
        """Return which of the stretches (begin, end) touch an unknown one, (n,)."""
        touched = np.zeros(begins.shape, dtype=np.bool_)
        for begin, end in self.unknown:
            touched |= (begins < end) & (ends > begin)
        return touched

    def between(self, begin: float, end: float) -> "Requests":
        """Return what arrives in [begin, end), seconds from the start, as a trace of its own."""
        first, last = np.searchsorted(self.arrivals, (begin, end))
        kept = slice(int(first), int(last))
        return Requests(
            start_at=self.start_at + begin,
            seconds=end - begin,
            arrivals=self.arrivals[kept] - begin,
            prompt_tokens=self.prompt_tokens[kept],
            completion_tokens=self.completion_tokens[kept],
            unknown=tuple(
                (max(since, begin) - begin, min(until, end) - begin)
                for since, until in self.unknown
                if since < end and until > begin
            ),
        )


def _check(requests: Requests) -> None:
    n = requests.arrivals.size
    if requests.prompt_tokens.size != n or requests.completion_tokens.size != n:
        raise ValueError(
            f"arrivals, prompt_tokens and completion_tokens must have one length, got {n}, "
            f"{requests.prompt_tokens.size} and {requests.completion_tokens.size}"
        )
    if not requests.seconds > 0:
        raise ValueError(f"seconds must be > 0, got {requests.seconds!r}")
    if n == 0:
        return
    arrivals = requests.arrivals
    if not (np.isfinite(arrivals).all() and (np.diff(arrivals) >= 0).all()):
        raise ValueError("arrivals must be finite and in order")
    if arrivals[0] < 0 or arrivals[-1] >= requests.seconds:
        raise ValueError(
            f"arrivals must lie in [0, {requests.seconds:g}), "
            f"got {arrivals[0]:g} to {arrivals[-1]:g}"
        )
    if not (requests.prompt_tokens >= 0).all() or not np.isfinite(requests.prompt_tokens).all():
        raise ValueError("prompt_tokens must be finite and >= 0")
    completion = requests.completion_tokens
    if not (completion >= 1).all() or not np.isfinite(completion).all():
        raise ValueError("completion_tokens must be finite and >= 1")
