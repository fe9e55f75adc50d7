"""The forecasting side of a tick: models fitted in the background, and what they say."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeAlias

from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Forecaster, Task
from forecasting.keeping import FORMAT
from forecasting.series import Series
from forecasting.several import can_answer, is_elastic
from forecasting.state import BadState
from scaler.board import Target
from scaler.books.books import Books
from scaler.controller.notes import names
from scaler.errors import WorkerLost
from scaler.history import Reading
from scaler.leading_notes import note_gains
from scaler.ports import Forecasts, Model
from scaler.settings import ControllerSettings
from scaler.telemetry import TickTelemetry
from scaler.work import (
    Ahead,
    Told,
    Windows,
    Work,
    fit_boundary,
    forecaster_of,
    last_days,
    task_ahead,
    task_of,
)

logger = logging.getLogger(__name__)

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
Conclude: TypeAlias = Callable[[Target, Work], Awaitable[None]]


class Models:
    """Fits, asks and restores the models of targets."""

    def __init__(
        self,
        forecaster: Forecaster,
        forecasts: Forecasts,
        *,
        settings: ControllerSettings,
        telemetry: TickTelemetry,
        books: Books,
        keeps_models: bool,
    ) -> None:
        self._forecaster = forecaster
        self._is_elastic = is_elastic(forecaster)
        self._forecasts = forecasts
        self._settings = settings
        self._telemetry = telemetry
        self._books = books
        self._keeps_models = keeps_models  # 0.3 MB each: only where they outlive this process

    async def forecast(
        self, target: Target, work: Work, reading: Reading | None, asked: Work | Ahead
    ) -> Forecast | None:
        """Return what the model of `asked` says, the work itself or the window ahead of it."""
        model = asked.model
        if reading is None or model is None:
            return None
        series = last_days(reading.series, reading.series.end_at, work.trigger.params)
        series = work.companions.beside(series)
        windows = work.windows(self._settings)
        wanted = windows.lead if asked is work else windows.ahead
        seconds = self._answerable(model, wanted)
        if asked.told is not None and asked.told.holds_for(model, series, seconds):
            return asked.told.forecast
        try:
            answer = await self._forecasts.forecast(model, series, horizon_seconds=seconds)
        except NotEnoughHistory:
            return None
        except WorkerLost:
            if asked.model is model:
                work.lose_model()
            return None
        except Exception:  # a forecaster that fails costs the forecast, not the answer
            logger.exception("forecast failed", extra=names(target))
            self._telemetry.failures.inc()
            return None
        asked.told = Told(model, series, seconds, answer.forecast)
        asked.has_drifted = answer.needs_refit
        return answer.forecast

    def start_fit_if_due(
        self, target: Target, work: Work, *, spawn: Spawn, conclude: Conclude
    ) -> None:
        """Start a fit at its boundary or after a drift; `conclude` decides on what it gives."""
        reading = work.history.last_reading
        if reading is None or work.is_fitting():
            return
        fit_at = fit_boundary(target.key.digest, reading.series, work.as_of, self._settings)
        read = (work.history.is_complete, work.companions.n_complete)
        due = (fit_at, *read)
        windows = work.windows(self._settings)
        has_drifted = self._may_answer_drift(work)
        if due != work.fitted or not self._can_answer(work, windows) or has_drifted:
            work.fitted = due  # before the fit: one that fails is tried again next period only
            work.fitted_windows = self._windows_to_fit(work, windows)
            until = reading.series.end_at if has_drifted else fit_at
            past = last_days(reading.series, until, work.trigger.params)
            work.fit = spawn(self._fit(target, work, work.companions.beside(past), conclude))

    def _windows_to_fit(self, work: Work, windows: Windows) -> Windows:
        """Return `windows`, or longer ones where those move with what the cluster shows."""
        return windows.fitted() if self._is_elastic and work.is_lead_measured else windows

    def _can_answer(self, work: Work, windows: Windows) -> bool:
        """Return whether the last fit, well or not, was one that answers for `windows`."""
        is_same = work.fitted_windows == windows
        return is_same or (self._is_elastic and work.fitted_windows.can_answer(windows))

    def _answerable(self, model: Model, wanted_seconds: float | None) -> float:
        """Return the window to ask about: the model's own until a fit for another is over."""
        own = model.horizon_seconds
        if wanted_seconds is None or not (self._is_elastic and can_answer(own, wanted_seconds)):
            return own
        return wanted_seconds

    def _may_answer_drift(self, work: Work) -> bool:
        """Return whether to fit for a drift: now and then, whatever the forecaster says."""
        if not (work.has_drifted or work.ahead.has_drifted):
            return False
        if work.as_of - work.drift_fitted_at < self._settings.refit_seconds_when_young:
            return False
        work.drift_fitted_at = work.as_of
        return True

    async def _fit(self, target: Target, work: Work, past: Series, conclude: Conclude) -> None:
        windows = work.fitted_windows
        task = self._task(work, windows)
        forecaster = forecaster_of(self._forecaster, work.trigger.plan)
        try:
            model = await self._fit_on(forecaster, past, task, work)
            if self._keeps_models and (payload := await self._forecasts.save(model)) is not None:
                self._books.keep_model(target, form=FORMAT, payload=payload)
            note_gains(target, names(target), model.gains)
            ahead = task_ahead(task, work.trigger.params, work.lead_seconds)
            work.is_first_fit_over |= ahead is None
            await conclude(target, work)
            if ahead is not None and windows.ahead is not None:
                ahead = replace(ahead, horizon_seconds=windows.ahead)
                await self._fit_on(forecaster, past, ahead, work.ahead)
                work.is_first_fit_over = True
                await conclude(target, work)
        except WorkerLost:
            work.fitted = None  # not this target's fault: the next tick tries again
            self._telemetry.failures.inc()
        except Exception:
            work.is_first_fit_over = True
            logger.exception("fit failed", extra=names(target))
            self._telemetry.failures.inc()

    def _task(self, work: Work, windows: Windows) -> Task:
        task = task_of(work.trigger, self._settings, work.as_of, work.lead_seconds)
        return replace(task, horizon_seconds=windows.lead)

    async def _fit_on(
        self, forecaster: Forecaster, past: Series, task: Task, asked: Work | Ahead
    ) -> Model:
        """Fit anew, from the model before it on."""
        has_drifted, asked.has_drifted = asked.has_drifted, False  # if it fails: next period
        model = asked.model = await self._forecasts.fit(
            forecaster, past, task, previous=asked.model, has_drifted=has_drifted
        )
        self._telemetry.fit_seconds.observe(model.fit_seconds)
        return model

    async def restore(self, target: Target, work: Work) -> None:
        """Take up the model of an earlier run, so that the first look has a forecast already."""
        blob, work.remembered_model = work.remembered_model, None
        if blob is None or blob.format != FORMAT or work.model is not None:
            return
        plan = work.trigger.plan
        task = self._task(work, self._windows_to_fit(work, work.windows(self._settings)))
        leading = tuple(name for name, _ in plan.leading)
        forecaster = forecaster_of(self._forecaster, plan)
        try:
            work.model = await self._forecasts.restore(blob.payload, forecaster, task, leading)
        except (BadState, WorkerLost) as exc:
            logger.info("model not remembered", extra={**names(target), "why": str(exc)})
        else:
            logger.info("model remembered", extra=names(target))
