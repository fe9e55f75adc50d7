"""Fits and forecasts in two threads of this process: for checks, replays and tests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import perf_counter
from weakref import WeakKeyDictionary

from forecasting.forecast import Forecast
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.leading import gains
from forecasting.series import Series
from scaler.errors import WorkerLost
from scaler.ports import Model


class ThreadForecasts:
    """One thread fits, one forecasts, so that a fit of a second holds no forecast up."""

    def __init__(self) -> None:
        self._fits = ThreadPoolExecutor(1, thread_name_prefix="fit")
        self._asks = ThreadPoolExecutor(1, thread_name_prefix="forecast")
        self._numbers = count()
        self._fitted: WeakKeyDictionary[Model, FittedForecaster] = WeakKeyDictionary()

    async def fit(self, forecaster: Forecaster, past: Series, task: Task) -> Model:
        """Fit in the fits' thread."""
        loop = asyncio.get_running_loop()
        fitted, seconds = await loop.run_in_executor(self._fits, _timed, forecaster, past, task)
        model = Model(next(self._numbers), seconds, gains(fitted))
        self._fitted[model] = fitted
        return model

    async def forecast(self, model: Model, history: Series) -> Forecast:
        """Ask in the forecasts' thread."""
        fitted = self._fitted.get(model)
        if fitted is None:
            raise WorkerLost(f"model {model.number} is not kept here")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._asks, fitted.forecast, history)

    async def close(self) -> None:
        """Let what runs end by itself, and drop what waits."""
        self._fits.shutdown(wait=False, cancel_futures=True)
        self._asks.shutdown(wait=False, cancel_futures=True)


def _timed(forecaster: Forecaster, past: Series, task: Task) -> tuple[FittedForecaster, float]:
    started_at = perf_counter()
    return forecaster.fit(past, task), perf_counter() - started_at
