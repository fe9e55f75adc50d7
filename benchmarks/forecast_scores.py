"""Results by method, horizon and level, and their summaries over series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from forecast_protocol import Result, geometric_mean


@dataclass(frozen=True, slots=True)
class Summary:
    """A method over the series it ran on, at one horizon and level."""

    ratio: float  # geometric mean of pinball ratios
    worst: float
    coverage: float
    least_coverage: float
    n_series: int


@dataclass(frozen=True, slots=True)
class Scores:
    """All results of a run."""

    results: Sequence[Result]

    @property
    def methods(self) -> tuple[str, ...]:
        """Names in the order of their first result."""
        return tuple(dict.fromkeys(result.method for result in self.results))

    @property
    def horizons(self) -> tuple[int, ...]:
        """Minutes, in order."""
        return tuple(sorted({result.horizon_minutes for result in self.results}))

    @property
    def levels(self) -> tuple[float, ...]:
        """Quantiles, in order."""
        return tuple(sorted({result.level for result in self.results}))

    def of(self, method: str, horizon: int, level: float) -> dict[str, Result]:
        """Return a method's results by series."""
        return {
            result.series: result
            for result in self.results
            if (result.method, result.horizon_minutes, result.level) == (method, horizon, level)
        }

    def ratios(self, method: str, horizon: int, level: float) -> dict[str, float]:
        """Return a method's pinball ratios by series."""
        found = self.of(method, horizon, level)
        return {series: result.pinball_ratio for series, result in found.items()}

    def summary(
        self, method: str, horizon: int, level: float, *, only: Iterable[str] | None = None
    ) -> Summary | None:
        """Return the summary over all its series, or only those named; None without any."""
        found = self.of(method, horizon, level)
        chosen = [r for s, r in found.items() if only is None or s in set(only)]
        if not chosen:
            return None
        ratios = [result.pinball_ratio for result in chosen]
        covers = [result.coverage_ratio for result in chosen]
        return Summary(
            geometric_mean(ratios), max(ratios), float(np.mean(covers)), min(covers), len(chosen)
        )

    def best(self, methods: Iterable[str], horizon: int, level: float) -> dict[str, float]:
        """Return the least ratio of any of the methods by series: chosen in hindsight."""
        least: dict[str, float] = {}
        for method in methods:
            for series, ratio in self.ratios(method, horizon, level).items():
                least[series] = min(ratio, least.get(series, np.inf))
        return least

    def costs(self, method: str) -> tuple[float, float]:
        """Return mean seconds per fit (NaN: fits nothing) and per tick, over series."""
        mine = [result for result in self.results if result.method == method]
        fits = [result.fit_seconds for result in mine if not np.isnan(result.fit_seconds)]
        ticks = [result.forecast_seconds for result in mine]
        return float(np.mean(fits)) if fits else float("nan"), float(np.mean(ticks))
