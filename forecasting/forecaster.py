"""The protocol of every forecaster: a slow fit now and then, a fast forecast each tick.

Laws (each a property test, `tests/forecasting/`):

1. deterministic: equal series and task give equal bits, in any process;
2. no look-ahead: only `history` is read, and it ends at the time of issue;
3. scaling the series scales the forecast;
4. a missing observation (NaN) is never read as zero demand;
5. `forecast` never answers less than nothing: it raises `NotEnoughHistory` or gives a finite value.
"""

from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from forecasting.forecast import Forecast
from forecasting.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked: the `level` quantile of the maximum over the next `horizon_seconds`.

    `zone` gives time of day and weekday their meaning. `holidays` are local days, numbered from
    0 on 1970-01-01, that are spent like a weekend.
    """

    horizon_seconds: float
    level: float
    zone: ZoneInfo
    holidays: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.horizon_seconds > 0:
            raise ValueError(f"horizon_seconds must be > 0, got {self.horizon_seconds!r}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie in (0, 1), got {self.level!r}")


class FittedForecaster(Protocol):
    """A model with its parameters; immutable, cheap to ask (about a millisecond)."""

    @property
    def method(self) -> str:
        """Name of the method in use, as in `Forecast.method`."""
        ...

    def forecast(self, history: Series) -> Forecast:
        """Return the bound for the window after `history.end_at`.

        `history` may end in NaN: the window still starts at its end. Raises `NotEnoughHistory`
        when nothing in it was observed.
        """
        ...


class Forecaster(Protocol):
    """Something that learns from a history; may take up to a second for four weeks of minutes."""

    def fit(self, history: Series, task: Task) -> FittedForecaster:
        """Return the best model that this much history can carry; never raises for short history.

        With too little history the model is a simpler one, and says so in `method`.
        """
        ...
