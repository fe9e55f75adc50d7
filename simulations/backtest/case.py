"""What is tested: one series with its questions and what a replica carries."""

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.backtest import origin_times, peaks_after
from forecasting.events import Happening
from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from simulations.backtest.bridging import Gaps
from simulations.backtest.companions import Missing

USUAL_QUANTILE = 0.95  # the trigger's default
MOST_SCORED_DAYS, LEAST_SCORED_DAYS = 5.0, 2.0
SCORED_RATIO, LARGEST_SCORED_RATIO = 0.3, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How demand becomes replicas; `threshold` None: capacity is counted in demand itself."""

    threshold: float | None = None
    warm_floor: int = 0
    max_replicas: int | None = None
    start_seconds: float | None = None  # a pod's start-up; None: as long as the horizon asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What is asked at each origin, and at which. Tuples are sorted and hold each value once."""

    horizons_seconds: tuple[float, ...]
    quantiles: tuple[float, ...]
    horizon_seconds: float  # the one that the verdict is about
    quantile: float
    every_seconds: float
    begin_at: float | None = None
    end_at: float | None = None
    scored_days: float | None = None

    @property
    def main(self) -> tuple[float, float]:
        """Horizon and quantile of the verdict."""
        return self.horizon_seconds, self.quantile

    @property
    def longest_seconds(self) -> float:
        """The longest window."""
        return self.horizons_seconds[-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A series and all that is asked about it."""

    name: str
    series: Series
    zone: ZoneInfo
    terms: Terms
    questions: Questions
    observed_ratio: float  # before gaps were bridged
    is_bridged: bool = False
    gaps: Gaps | None = None  # where the series is bridged
    holidays: frozenset[int] = frozenset()  # as in `Task`
    events: tuple[Happening, ...] = ()  # our forecast is told of them beforehand
    beyond_seconds: float = 0.0  # what the scaler asks for beyond a lead time
    looks_ahead: str | None = None  # a line about the window, where a trigger's lead time gives it
    missing: tuple[Missing, ...] = ()  # leading queries without history
    ignored: str | None = None  # a line about the trigger's keys that count for nothing here

    def origins(self) -> FloatVector:
        """Return the times at which a forecast is made, Unix seconds, (n,)."""
        asked = self.questions
        return origin_times(
            self.series,
            begin_at=self.begin_at,
            end_at=self.series.end_at if asked.end_at is None else asked.end_at,
            every_seconds=asked.every_seconds,
            horizon_seconds=asked.horizons_seconds[-1],
        )

    @property
    def begin_at(self) -> float:
        """From when on origins are scored.

        Unless asked for: the last 30 % of the history, but no less than two days of it where it
        has them, and no more than five.
        """
        asked = self.questions
        if asked.begin_at is not None:
            return asked.begin_at
        end_at = self.series.end_at if asked.end_at is None else asked.end_at
        known_days = (end_at - self.series.start_at) / DAY_SECONDS
        usual = max(LEAST_SCORED_DAYS, SCORED_RATIO * known_days)
        days = asked.scored_days or min(MOST_SCORED_DAYS, usual, LARGEST_SCORED_RATIO * known_days)
        return max(self.series.start_at, end_at - days * DAY_SECONDS)

    def outcomes(self, horizon_seconds: float) -> FloatVector:
        """Return the peak of the window after each origin; NaN where it was not observed."""
        return peaks_after(self.series, self.origins(), horizon_seconds)


def observed(series: Series) -> Series:
    """Return the series from its first observation to its last one."""
    known = np.flatnonzero(~np.isnan(series.values))
    if known.size == 0:
        return replace(series, values=series.values[:0])
    times = series.times
    return series.between(float(times[known[0]]), float(times[known[-1]]))
