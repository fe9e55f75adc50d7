"""A model and what it was last made into, for a lead time that has moved since the fit."""

from dataclasses import dataclass

from forecasting.forecaster import FittedForecaster
from forecasting.series import Series
from forecasting.several import at_horizon


@dataclass(slots=True, eq=False)
class Kept:
    """One fitted model. Asked from one thread at a time.

    Making it answer for another window takes as long as dozens of ticks, so the last one is kept.
    """

    fitted: FittedForecaster
    fitted_seconds: float | None = None  # the window that it was fitted for, None: not known
    _other: tuple[float, FittedForecaster] | None = None

    def asked(self, history: Series, horizon_seconds: float | None) -> FittedForecaster:
        """Return the model for a window; None is the one that it was fitted for."""
        if horizon_seconds is None or horizon_seconds == self.fitted_seconds:
            return self.fitted
        if self._other is None or self._other[0] != horizon_seconds:
            other = at_horizon(self.fitted, history, horizon_seconds)
            self._other = (horizon_seconds, other)
        return self._other[1]
