"""The mixture: many small experts, each calibrated, weighted by what they were worth of late.

1. Once a day, at midnight UTC, every expert is fitted on the rows whose outcome is known.
2. At origins about ten minutes apart each says its raw bound, which is corrected by its own past
   residuals (`conformal`), and is scored when the outcome is known (`walk`).
3. The answer is the mean of the corrected bounds, in logarithms, weighted by discounted loss.

A fit walks through the last four days as if it had been there, refits included; so a process
that starts now answers like one that ran all the time, as long as both read the same days.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.experts import Expert, FittedExpert, Lesson
from forecasting.forecast import Forecast, NotEnoughHistory
from forecasting.forecaster import Task
from forecasting.localtime import DAY_SECONDS
from forecasting.memory import Memory
from forecasting.past import Past, log_offset
from forecasting.series import Series
from forecasting.shape import Features, read_features
from forecasting.walk import (
    WINDOW_SECONDS,
    Record,
    Walk,
    empty_walk,
    known_origins,
    read_record,
    walked,
)
from forecasting.windows import drifting_steps

SPACING_SECONDS = 600.0  # between origins, and between rows to learn from
TRAINING_SECONDS = 28 * DAY_SECONDS
DRIFTING_SECONDS = 14 * DAY_SECONDS
LONG_SECONDS = 14 * DAY_SECONDS
MIN_LESSON_SECONDS = 1.5 * DAY_SECONDS
MIN_LESSON_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMixture:
    """The experts of one day with the walk up to their fit. Immutable but for its `memory`.

    `memory` keeps the last walk, so that a tick adds what is new instead of walking from the
    fit on. It is used only for a history that continues the one it was made from, so answers do
    not depend on it.
    """

    task: Task
    offset: float
    begin_at: float
    experts: tuple[Expert, ...]
    fitted: tuple[FittedExpert | None, ...]
    walk: Walk
    memory: Memory[tuple[Walk, Record]] = field(default_factory=Memory, compare=False, repr=False)

    @property
    def method(self) -> str:
        """Name of the most able expert that had a bound at the end of the fit."""
        said = self.walk.raw[:, -1] if self.walk.at.size else np.full(len(self.experts), np.nan)
        return _method(self.experts, said)

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

    def _advanced(self, past: Past) -> tuple[Walk, Record]:
        """Return the walk up to the end of the history, and its record."""
        history = past.history
        known = self.memory.recall(history)
        walk, record = known or (self.walk, None)
        places = origins(past, after_at=walk.last_at, until_at=history.end_at)
        if places.size:
            at = past.times(places)
            raw = ask(self.fitted, past, places)
            walk = walked(walk, past, at, raw, _additive(self.experts))
            walk = walk.since(walk.last_at - WINDOW_SECONDS)
        is_stale = record is None or known_origins(walk.at, past) > record.n_known
        if record is None or places.size or is_stale:
            record = read_record(walk.at, walk.raw, past, _additive(self.experts))
        self.memory.keep(history, (walk, record))
        return walk, record

    def _answer(self, history: Series) -> tuple[float, FloatVector, str]:
        newest = history.values[-1] if len(history) else np.nan
        newest = history.last_observed if np.isnan(newest) else newest
        if np.isnan(newest):
            raise NotEnoughHistory("nothing was observed")
        history = history.between(self.begin_at, history.end_at)
        past = Past(history=history, task=self.task, offset=self.offset)
        walk, record = self._advanced(past)
        here = np.array([len(history) - 1.0])
        now = past.times(here)
        raw = ask(self.fitted, past, here)
        if np.isnan(raw).all():
            raw[0] = newest
        bounds = record.correct(raw, now, past)[:, 0]
        value, weights = record.mixed(walk, past, float(now[0]), bounds)
        return value, weights, _method(self.experts, raw[:, 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Learns from a history with the given experts; the first must answer without a fit."""

    experts: tuple[Expert, ...]

    def fit(self, history: Series, task: Task) -> FittedMixture:
        """Return the mixture after a walk through the last days of `history`; never raises."""
        begin_at, refit_at = span(history)
        history = history.between(begin_at, history.end_at)
        offset = log_offset(history.between(begin_at, refit_at))
        past = Past(history=history, task=task, offset=offset)
        rows = _training_rows(past, before_at=refit_at)
        features = read_features(past, rows) if rows.size else None
        walk_from = max(begin_at, refit_at - WINDOW_SECONDS)
        places = origins(past, after_at=walk_from - 1e-6, until_at=history.end_at)
        raw = np.full((len(self.experts), places.size), np.nan)
        fitted: tuple[FittedExpert | None, ...] = ()
        for at in _refits(walk_from, refit_at):
            lesson = _lesson(past, rows, features, before_at=at)
            fitted = tuple(expert.fit(lesson) for expert in self.experts)
            times = past.times(places)
            todo = (times >= at) & ((times < at + DAY_SECONDS) | (at == refit_at))
            if todo.any():
                raw[:, todo] = ask(fitted, past, places[todo])
        walk = walked(
            empty_walk(len(self.experts)), past, past.times(places), raw, _additive(self.experts)
        )
        return FittedMixture(
            task=task,
            offset=offset,
            begin_at=begin_at,
            experts=self.experts,
            fitted=fitted,
            walk=walk,
        )


def span(history: Series) -> tuple[float, float]:
    """Return from when on a history is read, and the time of the last daily refit.

    With two weeks or more both are whole days of Unix time, the first at least a day inside, so
    that they stay as they are while a rolling history moves on. A shorter history can spare
    nothing and is read from its start.
    """
    refit_at = np.floor(history.end_at / DAY_SECONDS) * DAY_SECONDS
    begin_at = history.start_at
    if refit_at - begin_at >= LONG_SECONDS:
        begin_at = (np.floor(begin_at / DAY_SECONDS) + 2) * DAY_SECONDS
        begin_at = max(begin_at, refit_at - TRAINING_SECONDS)
    return float(begin_at), float(max(refit_at, begin_at))


def _refits(walk_from: float, refit_at: float) -> list[float]:
    """Return the daily refits of a walk, the first at its start."""
    n_days = int(np.ceil((refit_at - walk_from) / DAY_SECONDS - 1e-9))
    return [max(walk_from, refit_at - day * DAY_SECONDS) for day in range(n_days, -1, -1)]


def origins(past: Past, *, after_at: float, until_at: float) -> FloatVector:
    """Return the grid points after `after_at` and up to `until_at` where forecasts are scored."""
    return np.union1d(
        _round_minutes(past, after_at=after_at, until_at=until_at),
        _drifting(past, after_at=after_at, until_at=until_at),
    )


def _round_minutes(past: Past, *, after_at: float, until_at: float) -> FloatVector:
    """Return the grid points at full ten minutes, where demand likes to change."""
    stride = max(1, round(SPACING_SECONDS / past.history.step_seconds))
    return _spaced(past, stride, after_at=after_at, until_at=until_at)


def _drifting(past: Past, *, after_at: float, until_at: float) -> FloatVector:
    """Return grid points that fall on each minute of the day once in eleven days.

    On full ten minutes alone, the five minutes before a daily spike may never be seen.
    """
    stride = drifting_steps(SPACING_SECONDS, past.history.step_seconds)
    return _spaced(past, stride, after_at=after_at, until_at=until_at)


def _spaced(past: Past, stride: int, *, after_at: float, until_at: float) -> FloatVector:
    """Return the grid points whose number since 1970 is a multiple of `stride`."""
    step = past.history.step_seconds
    start = round(past.history.start_at / step)
    after = max(after_at, past.history.start_at - 0.5 * step)
    first = int(np.floor(after / step / stride)) + 1
    last = int(np.floor((until_at / step + 1e-9) / stride))
    return np.arange(first, last + 1, dtype=np.float64) * stride - start


def _training_rows(past: Past, *, before_at: float) -> FloatVector:
    """Return the grid points to learn from: level known, outcome known before `before_at`."""
    last_at = before_at - past.n_horizon * past.history.step_seconds
    begin_at = past.history.start_at
    drift_from = max(begin_at, before_at - DRIFTING_SECONDS)
    rows = np.union1d(
        _round_minutes(past, after_at=begin_at, until_at=last_at),
        _drifting(past, after_at=drift_from, until_at=last_at),
    )
    unknown = np.isnan(past.level(rows)) | np.isnan(past.peak(rows))
    return rows[~(unknown | past.is_holiday(past.days(rows)))]


def _lesson(
    past: Past, rows: FloatVector, features: Features | None, *, before_at: float
) -> Lesson | None:
    """Return what could be learnt at `before_at`, or None while that is too little."""
    if features is None:
        return None
    times = past.times(rows)
    known = times + past.n_horizon * past.history.step_seconds <= before_at
    n_known = int(known.sum())
    if n_known < MIN_LESSON_ROWS or before_at - times[0] < MIN_LESSON_SECONDS:
        return None
    chosen = features.only(known)
    return Lesson(
        past=past,
        places=rows[known],
        features=chosen,
        rises=past.logs(past.peak(rows[known])) - chosen.log_level,
    )


def ask(fitted: Sequence[FittedExpert | None], past: Past, places: FloatVector) -> FloatMatrix:
    """Return the raw bounds of every expert, (n_experts, n_places); NaN where there is none.

    On a holiday only those speak who know the calendar or look at nothing but the last minutes:
    the past working days that the learners look back on say nothing about it.
    """
    features = read_features(past, places)
    holiday = past.is_holiday(past.days(places))
    raw = np.full((len(fitted), places.size), np.nan)
    for line, expert in enumerate(fitted):
        if expert is not None:
            raw[line] = expert.bounds(past, features, places)
            if expert.needs_usual_day:
                raw[line, holiday] = np.nan
    return raw


def _additive(experts: tuple[Expert, ...]) -> tuple[bool, ...]:
    return tuple(expert.is_additive for expert in experts)


def _method(experts: tuple[Expert, ...], said: FloatVector) -> str:
    """Return the method of the last expert, they grow more able, that said something."""
    able = np.flatnonzero(~np.isnan(said))
    return experts[int(able[-1]) if able.size else 0].method
