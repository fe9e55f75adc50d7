"""Ticks: gather, forecast, decide, publish, for every target, aligned to the clock.

Two servers with the same data give the same answer: they tick at the same moments, read the same
grid, and fit at the same boundaries, which are spread over targets by their digest.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from math import floor
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Forecaster, Task
from forecasting.keeping import FORMAT
from forecasting.series import Series
from forecasting.state import BadState
from scaler.board import Board, Snapshot, Target
from scaler.books.books import Books
from scaler.companions import Companions
from scaler.errors import BadMetadata, HistoryUnavailable, WorkerLost
from scaler.history import Reading, TargetHistory
from scaler.leading_notes import note_gains, note_leading
from scaler.learning import Learning
from scaler.params import TargetParams
from scaler.policy import decide
from scaler.ports import Clock, Cluster, Forecasts, HistorySource, Model
from scaler.schedule import floors_of
from scaler.settings import ControllerSettings
from scaler.telemetry import TickTelemetry
from scaler.types import Decision, Evidence, Seen
from scaler.work import (
    Ahead,
    Told,
    Work,
    fit_boundary,
    forecaster_of,
    last_days,
    seen_of,
    task_ahead,
    task_of,
)

logger = logging.getLogger(__name__)

# A server that starts late in a refit period must still hold all that the fit rests on.
MARGIN_DAYS = 1.0

NOT_PERMITTED = "not-permitted"

# The first answer about a target waits so long for its first tick, within the second in which KEDA
# is to be answered. Without it a scaler that restarts says "floor" to every object, and where
# scale-down isn't stabilised the HPA follows (tests/cluster, row 26).
FIRST_LOOK_SECONDS = 0.8

# A tick keeps the loop busy for 0.5 to 1 ms. Few of them are no burden; many get a pause each, and
# a round takes half a tick at most.
TICKS_AT_ONCE = 50
PAUSE_SECONDS = 0.005

# How many ticks may be missed before the scaler says that it can't answer.
MISSED_TICKS = 3


class Controller:
    """Keeps the board up to date until it is cancelled."""

    def __init__(
        self,
        board: Board,
        source: HistorySource,
        forecaster: Forecaster,
        clock: Clock,
        *,
        settings: ControllerSettings,
        telemetry: TickTelemetry,
        forecasts: Forecasts,
        cluster: Cluster | None = None,
        books: Books | None = None,
        keeps_models: bool = False,
    ) -> None:
        self._board = board
        self._source = source
        self._forecaster = forecaster
        self._clock = clock
        self._settings = settings
        self._telemetry = telemetry
        self._forecasts = forecasts
        self._cluster = cluster
        self._followed: set[tuple[str, str]] = set()
        self._books = books or Books.in_memory(clock)
        self._keeps_models = keeps_models  # 0.3 MB each: only where they outlive this process
        self._works: WeakKeyDictionary[Target, Work] = WeakKeyDictionary()
        self._running: set[asyncio.Task[None]] = set()
        self._round_at = float("-inf")
        board.on_new = self._start_new

    @property
    def is_ready(self) -> bool:
        """Whether answers can be trusted to move: a round was started lately, and ticks finish.

        A source that is down does not make the scaler unready: it still has an answer, and a pod
        taken out of its Service would leave KEDA with none.
        """
        limit = MISSED_TICKS * self._settings.tick_seconds + self._settings.settle_seconds
        at = self._clock.monotonic()
        if at - self._round_at > limit:
            return False
        published = [t.snapshot.published_at for t in self._board if t.snapshot is not None]
        return not published or at - max(published) <= limit + self._settings.tick_deadline_seconds

    async def run(self) -> None:
        """Start one round at each multiple of the tick, for ever."""
        last = float("nan")
        try:
            while True:
                as_of = self._aligned_now()
                if as_of != last:  # a sleep may end early
                    await self._start_round(as_of)
                last = as_of
                pause = self._settings.tick_seconds + self._settings.settle_seconds
                await self._clock.sleep_until(as_of + pause)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def idle(self) -> None:
        """Return once no tick or fit is under way; for tests and replays."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _aligned_now(self) -> float:
        tick = self._settings.tick_seconds
        return floor((self._clock.now() - self._settings.settle_seconds) / tick) * tick

    async def _start_round(self, as_of: float) -> None:
        """Start a tick for each target, spread out so that calls are answered in between.

        A thousand ticks one after the other would make calls wait for all of them.
        """
        self._round_at = self._clock.monotonic()
        self._board.drop_forgotten(self._round_at, self._settings.forget_after_seconds)
        self._unfollow_forgotten()
        pause = min(PAUSE_SECONDS, self._settings.tick_seconds / 2 / max(1, len(self._board)))
        for number, target in enumerate(self._board):
            self._start_tick(target, as_of)
            await asyncio.sleep(pause if number >= TICKS_AT_ONCE else 0)
        if self._books.is_save_due():
            self._spawn(self._books.save())

    def _start_new(self, target: Target) -> None:
        self._start_tick(target, self._aligned_now())
        asyncio.get_running_loop().call_later(FIRST_LOOK_SECONDS, self._end_first_look, target)

    def _end_first_look(self, target: Target) -> None:
        """Let calls go on without a tick's answer: with what runs now, where the cluster tells."""
        if target.snapshot is None and self._cluster is not None:
            target.view = self._cluster.look(target.key.namespace, target.key.name)
        target.first_look.set()

    def _start_tick(self, target: Target, as_of: float) -> None:
        work = self._work_of(target)
        if work is None:
            return
        if work.tick is not None and not work.tick.done():
            self._telemetry.skipped.inc()
            return
        work.tick = self._spawn(self._tick(target, work, as_of))

    def _work_of(self, target: Target) -> Work | None:
        if isinstance(target.trigger, BadMetadata):
            return None
        work = self._works.get(target)
        if work is None:
            trigger = target.trigger
            query = replace(trigger.query, owner=target.key.namespace)
            days = trigger.params.history_days + MARGIN_DAYS
            history = TargetHistory(
                self._source, query, days, zero_when_empty=trigger.zero_when_empty
            )
            leading = {name: replace(query, query=text) for name, text in trigger.plan.leading}
            companions = Companions(self._source, leading, days)
            work = self._works[target] = Work(trigger, history, companions)
            if trigger.capacity_queries is not None:
                work.learning = Learning(self._source, trigger.capacity_queries, query)
            self._follow(target)
        return work

    def _follow(self, target: Target) -> None:
        """Let the cluster tell of the object. Its triggers share it."""
        name = (target.key.namespace, target.key.name)
        if self._cluster is not None and name not in self._followed:
            self._followed.add(name)
            self._cluster.follow(*name)

    def _unfollow_forgotten(self) -> None:
        if self._cluster is None:
            return
        on_board = {(target.key.namespace, target.key.name) for target in self._board}
        for name in self._followed - on_board:
            self._followed.discard(name)
            self._cluster.forget(*name)

    def _look(self, target: Target, work: Work) -> None:
        """Take in what the cluster tells; it may have told nothing yet."""
        if self._cluster is not None:
            target.view = self._cluster.look(target.key.namespace, target.key.name)
            before = target.snapshot
            work.note_view(
                target.view,
                wanted=0 if before is None else before.decision.predicted_replicas,
                at=self._clock.now(),
                level=self._settings.lead_time_quantile,
            )
        target.lead_seconds = work.lead_seconds

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _tick(self, target: Target, work: Work, as_of: float) -> None:
        started_at = perf_counter()
        is_first = target.snapshot is None and not self._settings.is_all_in_first_tick
        try:
            if not work.is_recalled:
                await self._recall(target, work, as_of)
            await self._gather(target, work, as_of, is_first=is_first)
            work.as_of = as_of
            self._look(target, work)
            await self._restore_model(target, work)
            if not is_first:
                on_read = partial(note_leading, target, _names(target))
                await work.companions.advance(
                    as_of, self._settings, spawn=self._spawn, on_read=on_read
                )
                await self._start_learning_if_due(target, work)
                self._start_fit_if_due(target, work)
            await self._conclude(target, work)
        except Exception:  # the broad except of the loop: a tick may fail, the loop may not
            logger.exception("tick failed", extra=_names(target))
            self._telemetry.failures.inc()
        finally:
            self._telemetry.tick_seconds.observe(perf_counter() - started_at)

    async def _recall(self, target: Target, work: Work, as_of: float) -> None:
        """Take up what an earlier run remembered, as the answer until the first look is over."""
        work.is_recalled = True  # before it: what goes wrong here may cost one tick, not each
        memory = await self._books.recall(target, work.trigger)
        work.state, work.remembered_model = memory.kept.state, memory.model
        seen = seen_of(None, None, work.trigger.params, as_of)
        seen = self._books.evidence(target, work.trigger, seen)
        if target.snapshot is None and seen.evidence is Evidence.STALE:
            params = self._books.params_of(target, work.trigger)
            target.snapshot = self._snapshot(work, decide(work.state, seen, params)[1], params)

    async def _gather(self, target: Target, work: Work, as_of: float, *, is_first: bool) -> None:
        """Bring the history up to `as_of`; when the source has no answer it stays as it was."""
        try:
            async with asyncio.timeout(self._settings.tick_deadline_seconds):
                await work.history.advance(as_of)
                head_until = perf_counter() + (0.0 if is_first else self._settings.head_seconds)
                while not work.history.is_complete and perf_counter() < head_until:
                    await work.history.advance(as_of)
        except HistoryUnavailable as exc:
            _note_problem(target, exc.reason, str(exc))
        except TimeoutError:
            _note_problem(target, "timeout", "not all was read within the tick's deadline")
        else:
            _note_problem(target, "", "")

    async def _conclude(self, target: Target, work: Work) -> None:
        """Decide on the newest data there is, and publish."""
        async with work.concluding:  # a tick and a fit may end together: the later one counts
            reading = work.history.last_reading
            target.demand = None if reading is None else reading.series
            forecast = await self._forecast(target, work, reading, work)
            ahead = await self._forecast(target, work, reading, work.ahead)
            as_of = work.as_of
            seen = seen_of(
                reading,
                forecast,
                work.trigger.params,
                as_of,
                forecast_ahead=ahead,
                floors=floors_of(work.trigger.schedules, as_of, as_of + work.lead_seconds),
                carried=None if work.learning is None else work.learning.carried,
            )
            fleet = target.view.fleet if target.view is not None else None
            seen = replace(seen, fleet=fleet, lead_time=work.lead_time)
            self._publish(target, work, self._books.evidence(target, work.trigger, seen))

    def _publish(self, target: Target, work: Work, seen: Seen) -> None:
        before = target.snapshot.decision if target.snapshot is not None else None
        params = self._books.params_of(target, work.trigger)
        work.state, decision = decide(work.state, seen, params)
        target.publish(self._snapshot(work, decision, params))
        self._books.note(target, work.state, decision)
        _log_change(target, before, decision)

    def _snapshot(self, work: Work, decision: Decision, params: TargetParams) -> Snapshot:
        seen = decision.seen
        at = self._clock.monotonic()
        if seen.evidence is not Evidence.FRESH:
            return Snapshot(
                decision=decision, decision_when_stale=decision, published_at=at, fresh_until=at
            )
        later = decide(work.state, replace(seen, evidence=Evidence.STALE), params)[1]
        age_seconds = max(0.0, self._clock.now() - seen.observed_at)
        return Snapshot(
            decision=decision,
            decision_when_stale=later,
            published_at=at,
            fresh_until=at + max(0.0, params.stale_after_seconds - age_seconds),
        )

    async def _forecast(
        self, target: Target, work: Work, reading: Reading | None, asked: Work | Ahead
    ) -> Forecast | None:
        """Return what the model of `asked` says, the work itself or the window ahead of it."""
        model = asked.model
        if reading is None or model is None:
            return None
        series = last_days(reading.series, reading.series.end_at, work.trigger.params)
        series = work.companions.beside(series)
        if asked.told is not None and asked.told.holds_for(model, series):
            return asked.told.forecast
        try:
            answer = await self._forecasts.forecast(model, series)
        except NotEnoughHistory:
            return None
        except WorkerLost:
            if asked.model is model:
                work.lose_model()
            return None
        except Exception:  # a forecaster that fails costs the forecast, not the answer
            logger.exception("forecast failed", extra=_names(target))
            self._telemetry.failures.inc()
            return None
        asked.told = Told(model, series, answer.forecast)
        asked.has_drifted = answer.needs_refit
        return answer.forecast

    async def _start_learning_if_due(self, target: Target, work: Work) -> None:
        learning = work.learning
        if learning is None or not learning.is_due(work.as_of):
            return
        if work.learn is None or work.learn.done():
            work.learn = self._spawn(self._learn(target, work, learning))
        if self._settings.is_all_in_first_tick:
            await asyncio.wait([work.learn])

    async def _learn(self, target: Target, work: Work, learning: Learning) -> None:
        try:
            async with asyncio.timeout(self._settings.tick_deadline_seconds):
                await learning.learn(work.as_of)
            _note_capacity(target, learning.why)
            await self._conclude(target, work)
        except HistoryUnavailable as exc:
            _note_capacity(target, f"vLLM's metrics could not be read: {exc}")
        except TimeoutError:
            _note_capacity(target, "vLLM's metrics were not read within the tick's deadline")
        except Exception:
            logger.exception("learning failed", extra=_names(target))
            self._telemetry.failures.inc()

    def _start_fit_if_due(self, target: Target, work: Work) -> None:
        reading = work.history.last_reading
        if reading is None or work.is_fitting():
            return
        fit_at = fit_boundary(target.key.digest, reading.series, work.as_of, self._settings)
        read = (work.history.is_complete, work.companions.n_complete)
        due = (fit_at, *read, work.lead_seconds)
        has_drifted = self._may_answer_drift(work)
        if due != work.fitted or has_drifted:
            work.fitted = due  # before the fit: one that fails is tried again next period only
            until = reading.series.end_at if has_drifted else fit_at
            past = last_days(reading.series, until, work.trigger.params)
            work.fit = self._spawn(self._fit(target, work, work.companions.beside(past)))

    def _may_answer_drift(self, work: Work) -> bool:
        """Return whether to fit for a drift: now and then, whatever the forecaster says."""
        if not (work.has_drifted or work.ahead.has_drifted):
            return False
        if work.as_of - work.drift_fitted_at < self._settings.refit_seconds_when_young:
            return False
        work.drift_fitted_at = work.as_of
        return True

    async def _fit(self, target: Target, work: Work, past: Series) -> None:
        task = task_of(work.trigger, self._settings, work.as_of, work.lead_seconds)
        forecaster = forecaster_of(self._forecaster, work.trigger.plan)
        try:
            model = await self._fit_on(forecaster, past, task, work)
            if self._keeps_models and (payload := await self._forecasts.save(model)) is not None:
                self._books.keep_model(target, form=FORMAT, payload=payload)
            note_gains(target, _names(target), model.gains)
            await self._conclude(target, work)
            ahead = task_ahead(task, work.trigger.params)
            if ahead is not None:
                await self._fit_on(forecaster, past, ahead, work.ahead)
                await self._conclude(target, work)
        except WorkerLost:
            work.fitted = None  # not this target's fault: the next tick tries again
            self._telemetry.failures.inc()
        except Exception:
            logger.exception("fit failed", extra=_names(target))
            self._telemetry.failures.inc()

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

    async def _restore_model(self, target: Target, work: Work) -> None:
        """Take up the model of an earlier run, so that the first look has a forecast already."""
        blob, work.remembered_model = work.remembered_model, None
        if blob is None or blob.format != FORMAT or work.model is not None:
            return
        plan = work.trigger.plan
        task = task_of(work.trigger, self._settings, work.as_of, work.lead_seconds)
        names = tuple(name for name, _ in plan.leading)
        forecaster = forecaster_of(self._forecaster, plan)
        try:
            work.model = await self._forecasts.restore(blob.payload, forecaster, task, names)
        except (BadState, WorkerLost) as exc:
            logger.info("model not remembered", extra={**_names(target), "why": str(exc)})
        else:
            logger.info("model remembered", extra=_names(target))


def _names(target: Target) -> dict[str, str]:
    # "name" is taken by the log record itself.
    key = target.key
    return {"scaled_object": f"{key.namespace}/{key.name}", "trigger": key.digest}


def _note_problem(target: Target, reason: str, message: str) -> None:
    """Count a failed read, and log when the reason changes: once, not every tick.

    What the operator's rules forbid is the trigger's fault, so KEDA is told like of a bad key.
    """
    target.refusal = message if reason == NOT_PERMITTED else ""
    target.why = message
    if reason:
        target.problems[reason] = target.problems.get(reason, 0) + 1
    if reason == target.problem:
        return
    target.problem = reason
    if reason:
        logger.warning("source failed", extra={**_names(target), "reason": reason, "why": message})
    else:
        logger.info("source answers again", extra=_names(target))


def _note_capacity(target: Target, why: str) -> None:
    """Keep why nothing new was learned of a replica's capacity, and log when that changes."""
    if why == target.why_no_capacity:
        return
    target.why_no_capacity = why
    if why:
        logger.info("capacity not learned", extra={**_names(target), "why": why})
    else:
        logger.info("capacity learned", extra=_names(target))


def _log_change(target: Target, before: Decision | None, after: Decision) -> None:
    if before is not None and before.seen.evidence is not after.seen.evidence:
        fields = {"before": str(before.seen.evidence), "after": str(after.seen.evidence)}
        logger.warning("evidence changed", extra={**_names(target), **fields})
    if before is None or before.replicas != after.replicas:
        logger.info(
            "replicas changed",
            extra={
                **_names(target),
                "before": None if before is None else before.replicas,
                "after": after.replicas,
                "evidence": str(after.seen.evidence),
                "rules": [f"{step.rule} {step.before}->{step.after}" for step in after.moved],
            },
        )
