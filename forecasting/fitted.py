"""A fitted mixture: what is asked at every tick."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from forecasting.arrays import BoolVector, FloatVector
from forecasting.daymodel import DayModel
from forecasting.drift import has_drifted
from forecasting.experts import Expert
from forecasting.fingerprints import Fingerprint, fingerprints, holds
from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.foresight import Foresight
from forecasting.lessons import LOOK_BACK_SECONDS
from forecasting.localtime import DAY_SECONDS
from forecasting.memory import Memory
from forecasting.origins import origins
from forecasting.past import Past
from forecasting.running import Running
from forecasting.series import Series
from forecasting.walk import (
    CALIBRATION_SECONDS,
    Record,
    Said,
    Walk,
    extended,
    read_record,
    scored,
)


class Stage(NamedTuple):
    """What a tick leaves for the next one."""

    running: Running
    foresight: Foresight
    walk: Walk
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMixture:
    """The experts of one day with the walk up to their fit. Immutable but for its `memory`.

    `memory` keeps the last walk, so that a tick adds what is new instead of walking from the
    fit on. It is used only for a history that continues the one it was made from, so answers do
    not depend on it. `seen` are digests of the history that the fit rests on.
    """

    task: Task
    begin_at: float
    experts: tuple[Expert, ...]
    model: DayModel
    walk: Walk
    seen: tuple[Fingerprint, ...]
    memory: Memory[Stage] = field(default_factory=Memory, compare=False, repr=False)

    @property
    def method(self) -> str:
        """Name of the most able expert that had a bound at the end of the fit."""
        said = self.walk.raw[:, -1] if self.walk.at.size else np.full(len(self.experts), np.nan)
        return self._method(said)

    def forecast(self, history: Series) -> Forecast:
        """Return the bound for the window after `history.end_at`."""
        value, _, method = self._answer(history)
        return Forecast(
            issued_at=history.end_at,
            horizon_seconds=self.task.horizon_seconds,
            level=self.task.level,
            value=value,
            method=method,
        )

    def weights(self, history: Series) -> dict[str, float]:
        """Return how much each expert counts in the forecast at `history.end_at`, by name."""
        _, weights, _ = self._answer(history)
        return {expert.name: float(w) for expert, w in zip(self.experts, weights, strict=True)}

    def at_horizon(self, history: Series, horizon_seconds: float) -> "FittedMixture":
        """Return the same experts, calibrated and weighed for another window; no refit.

        They say what they learnt about their own window, and residuals against the peaks of the
        one that is asked for turn that into a bound with the wanted quantile. Good for windows
        that are not much shorter than the one learnt, see `several.can_answer`.
        """
        if horizon_seconds == self.task.horizon_seconds:
            return self
        asked = replace(self.task, horizon_seconds=horizon_seconds)
        fitted = replace(self, task=asked, memory=Memory())
        history = history.between(self.begin_at, history.end_at)
        past = Past(history=history, task=fitted.weighed_task, offset=self.model.offset)
        walk = replace(self.walk, bounds=np.full_like(self.walk.bounds, np.nan))
        record = read_record(walk, past, self.additive)
        bounds = record.correct(walk.raw, walk.at, past) if walk.at.size else walk.bounds
        return replace(fitted, walk=replace(walk, bounds=bounds))

    def at_level(self, level: float) -> "FittedMixture":
        """Return the same mixture for another quantile: no refit, and no bound crosses another."""
        return replace(self, task=replace(self.task, level=level), memory=Memory())

    def needs_refit(self, history: Series) -> bool:
        """Return whether the learners lost their footing since the fit, so that a refit pays.

        They have when, over the outcomes of the last hours, the mixture of experts lost several
        times as much as over the days before, relative to demand, or held far too seldom. Never
        sooner than four hours after what was learnt, which may lie an hour before the fit, so
        that refits are three hours apart at least. Read from
        what the last `forecast` left behind; False before any.
        """
        kept = self.memory.newest()
        if kept is None or kept[0].end_at > history.end_at:
            return False
        return has_drifted(
            kept[1].record,
            fitted_at=self.model.at,
            now=history.end_at,
            level=self.model.task.level,
        )

    def up_to_date(self) -> "FittedMixture":
        """Return the same mixture with all that it has walked since its fit, to be stored.

        It answers the same bits, only sooner.
        """
        kept = self.memory.newest()
        if kept is None or not holds(self.seen, kept[0]):
            return self
        history, stage = kept
        seen = [one for one in self.seen if one.begin_at < history.start_at]
        # What was said after the next midnight is said anew by a refit, see `Mixture.fit`.
        day_end_at = (self.model.at // DAY_SECONDS + 1) * DAY_SECONDS
        walk = stage.walk.since(min(stage.walk.last_at, day_end_at) - CALIBRATION_SECONDS)
        return replace(self, walk=walk, seen=(*seen, *fingerprints(history)), memory=Memory())

    def _answer(self, history: Series) -> tuple[float, FloatVector, str]:
        newest = history.values[-1] if len(history) else np.nan
        newest = history.last_observed if np.isnan(newest) else newest
        if np.isnan(newest):
            raise NotEnoughHistory("nothing was observed")
        history = history.between(self.begin_at, history.end_at)
        stage = self.memory.take(history)
        past = self._past(history, stage)
        foresight = stage.foresight if stage else Foresight()
        walk, record, said = self._advanced(past, stage, foresight)
        self.memory.keep(history, Stage(past.sums, foresight, walk, record))
        if np.isnan(said.raw).all():
            last = np.full(len(self.experts), np.nan)
            last[0] = newest
            said = Said(raw=last, bounds=last)
        value, weights = record.answer(
            said, history.end_at, self._asked(past), level=self.task.level
        )
        return value, weights, self._method(said.raw)

    def _past(self, history: Series, stage: Stage | None) -> Past:
        """Return the history as it is read, with sums only as far back as features need them."""
        running = stage.running if stage else None
        past = Past(
            history=history, task=self.model.task, offset=self.model.offset, running=running
        )
        if running is None:
            from_at = np.floor(self.model.at / DAY_SECONDS) * DAY_SECONDS - LOOK_BACK_SECONDS
            first = round(float(from_at - history.start_at) / history.step_seconds)
            if 0 < first < len(history):
                object.__setattr__(past, "running", Running(past, first=first))
        return past

    def _asked(self, past: Past) -> Past:
        """Return the history with the window that is asked for, if another one was learnt."""
        if self.weighed_task == self.model.task:
            return past
        return Past(history=past.history, task=self.weighed_task, offset=past.offset)

    @property
    def weighed_task(self) -> Task:
        """The window that is asked for, at the level that experts learnt and are weighed at."""
        return replace(self.task, level=self.model.task.level)

    def _advanced(
        self, past: Past, stage: Stage | None, foresight: Foresight
    ) -> tuple[Walk, Record, Said]:
        """Return walk and record at the end of the history, and what was said there.

        All new origins are asked together with the present, which often is one of them.
        """
        walk, record = (stage.walk, stage.record) if stage else (self.walk, None)
        asked, history = self._asked(past), past.history
        here = len(history) - 1.0
        new = origins(past, after_at=walk.last_at, until_at=history.end_at)
        is_origin = bool(new.size and new[-1] == here)
        present = np.array([here])
        places = new if is_origin else np.append(new, present) if new.size else present
        at = past.times(places)
        raw = self.model.ask(past, places, foresight)
        n_before, n_new = walk.at.size, new.size
        walk = walk.grown(at[:n_new], raw[:, :n_new], np.full((len(raw), n_new), np.nan))
        if record is None:
            record = read_record(walk, asked, self.additive)
        else:
            record = extended(record, walk, asked)
        if n_new:
            walk.bounds[:, n_before:] = record.correct(raw[:, :n_new], at[:n_new], asked)
        if record.at.size > n_before:  # after a pause, outcomes of new origins are known at once
            record = scored(record, walk, asked)
        is_corrected = is_origin and self.task.level == asked.task.level
        bounds = walk.bounds[:, -1] if is_corrected else None
        return walk, record, Said(raw=raw[:, -1], bounds=bounds)

    @property
    def additive(self) -> BoolVector:
        """Which experts' errors are differences."""
        return np.array([expert.is_additive for expert in self.experts])

    def _method(self, said: FloatVector) -> str:
        """Return the method of the last expert, they grow more able, that said something."""
        able = np.flatnonzero(~np.isnan(said))
        return self.experts[int(able[-1]) if able.size else 0].method
