"""Many fits at once, and several answers that do not contradict each other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.series import Series


def forecast_all(fitted: Sequence[FittedForecaster], history: Series) -> tuple[Forecast, ...]:
    """Return the forecasts of several tasks, in their order, made consistent.

    Each level is fitted and calibrated on its own, so bounds may cross. The peak of a longer
    window is never below that of a shorter one, nor a higher quantile below a lower one: a bound
    is lifted to the largest of those that it must not be below.
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
