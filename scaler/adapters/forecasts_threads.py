"""Fits and forecasts in two threads of this process: for checks, replays and tests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from time import perf_counter
from weakref import WeakKeyDictionary

from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.keeping import restored, stored
from forecasting.leading import gains
from forecasting.refit import fit_on, needs_refit
from forecasting.series import Series
from scaler.adapters.forecasts_windows import Kept
from scaler.errors import WorkerLost
from scaler.ports import Answer, Model


class ThreadForecasts:
    """One thread fits, one forecasts, so that a fit of a second holds no forecast up."""

    def __init__(self) -> None:
        self._fits = ThreadPoolExecutor(1, thread_name_prefix="fit")
        self._asks = ThreadPoolExecutor(1, thread_name_prefix="forecast")
        self._numbers = count()
        self._fitted: WeakKeyDictionary[Model, Kept] = WeakKeyDictionary()

    async def fit(
        self,
        forecaster: Forecaster,
        past: Series,
        task: Task,
        *,
        previous: Model | None = None,
        has_drifted: bool = False,
    ) -> Model:
        """Fit in the fits' thread."""
        kept = None if previous is None else self._fitted.get(previous)
        before = None if kept is None else kept.fitted
        fit = partial(_timed, forecaster, past, task, before, has_drifted=has_drifted)
        fitted, seconds = await asyncio.get_running_loop().run_in_executor(self._fits, fit)
        return self._kept(fitted, seconds, task)

    async def save(self, model: Model) -> bytes | None:
        """Work out the model's state in the forecasts' thread."""
        fitted = self._of(model).fitted
        return await asyncio.get_running_loop().run_in_executor(self._asks, stored, fitted)

    async def restore(
        self, payload: bytes, forecaster: Forecaster, task: Task, leading: tuple[str, ...]
    ) -> Model:
        """Read the state in the forecasts' thread."""
        read = partial(restored, payload, forecaster, task, leading)
        fitted = await asyncio.get_running_loop().run_in_executor(self._asks, read)
        return self._kept(fitted, 0.0, task)

    async def forecast(
        self, model: Model, history: Series, *, horizon_seconds: float | None = None
    ) -> Answer:
        """Ask in the forecasts' thread."""
        ask = partial(_asked, self._of(model), history, horizon_seconds)
        return await asyncio.get_running_loop().run_in_executor(self._asks, ask)

    async def close(self) -> None:
        """Let what runs end by itself, and drop what waits."""
        self._fits.shutdown(wait=False, cancel_futures=True)
        self._asks.shutdown(wait=False, cancel_futures=True)

    def _kept(self, fitted: FittedForecaster, seconds: float, task: Task) -> Model:
        model = Model(next(self._numbers), seconds, gains(fitted), task.horizon_seconds)
        self._fitted[model] = Kept(fitted, task.horizon_seconds)
        return model

    def _of(self, model: Model) -> Kept:
        kept = self._fitted.get(model)
        if kept is None:
            raise WorkerLost(f"model {model.number} is not kept here")
        return kept


def _asked(kept: Kept, history: Series, horizon_seconds: float | None) -> Answer:
    fitted = kept.asked(history, horizon_seconds)
    return Answer(fitted.forecast(history), needs_refit(fitted, history))


def _timed(
    forecaster: Forecaster,
    past: Series,
    task: Task,
    previous: FittedForecaster | None,
    *,
    has_drifted: bool,
) -> tuple[FittedForecaster, float]:
    started_at = perf_counter()
    fitted = fit_on(forecaster, past, task, previous=previous, has_drifted=has_drifted)
    return fitted, perf_counter() - started_at
