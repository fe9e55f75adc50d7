"""Many fits at once, and several answers that do not contradict each other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from math import ceil, log
from typing import Protocol, runtime_checkable

from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.series import Series

RUNG_RATIO = 1.25


def rung_seconds(horizon_seconds: float) -> float:
    """Return the window to fit for, so that changes of `horizon_seconds` seldom need a refit.

    Windows lie on a geometric grid; the next longer one is fitted and calibrated for what is
    asked (`FittedMixture.at_horizon`).
    """
    if not horizon_seconds > 0:
        raise ValueError(f"horizon_seconds must be > 0, got {horizon_seconds!r}")
    rung = ceil(log(horizon_seconds / 60.0) / log(RUNG_RATIO) - 1e-9)
    return float(60.0 * RUNG_RATIO**rung)


def can_answer(fitted_seconds: float, horizon_seconds: float) -> bool:
    """Return whether a fit for one window may answer for another: up to two rungs shorter.

    Two rungs and not one, so that a lead time that wavers about a rung asks for no refits.
    """
    shortest = fitted_seconds / RUNG_RATIO**2
    return shortest <= horizon_seconds <= fitted_seconds * (1 + 1e-9)


@runtime_checkable
class Elastic(Protocol):
    """A model that answers for windows somewhat shorter than the one it was fitted for."""

    def at_horizon(self, history: Series, horizon_seconds: float) -> FittedForecaster:
        """Return the model for that window; equal answers whichever history it is made with."""
        ...


def is_elastic(forecaster: Forecaster) -> bool:
    """Return whether the forecaster's models answer for other windows than their own."""
    return bool(getattr(forecaster, "is_elastic", False))


def at_horizon(
    fitted: FittedForecaster, history: Series, horizon_seconds: float
) -> FittedForecaster:
    """Return the model for another window, the same one where it knows only its own."""
    return fitted.at_horizon(history, horizon_seconds) if isinstance(fitted, Elastic) else fitted


def forecast_all(fitted: Sequence[FittedForecaster], history: Series) -> tuple[Forecast, ...]:
    """Return the forecasts of several tasks, in their order, made consistent.

    The mixture's levels do not cross (`mixture`), but each window is fitted and calibrated on its
    own, and other forecasters promise less. The peak of a longer window is never below that of a
    shorter one, nor a higher quantile below a lower one: a bound is lifted to the largest of those
    that it must not be below.
    """
    forecasts = [one.forecast(history) for one in fitted]
    return tuple(
        replace(
            mine,
            value=max(
                other.value
                for other in forecasts
                if other.level <= mine.level and other.horizon_seconds <= mine.horizon_seconds
            ),
        )
        for mine in forecasts
    )


def fit_all(
    forecaster: Forecaster,
    questions: Iterable[tuple[Series, Task]],
    *,
    apply: Callable[..., Iterable[FittedForecaster]] = map,
) -> tuple[FittedForecaster, ...]:
    """Return the forecaster fitted on each question, in order.

    `apply` is `map` or stands in for it, as `concurrent.futures.Executor.map` or a
    cluster's does: a fit is a pure function of picklable values, so the results are the same.
    """
    return tuple(apply(partial(_fit, forecaster), questions))


def _fit(forecaster: Forecaster, question: tuple[Series, Task]) -> FittedForecaster:
    history, task = question
    return forecaster.fit(history, task)
