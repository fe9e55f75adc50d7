"""The experts as they were fitted at one moment, and the raw bounds that they give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector
from forecasting.experts import DayProfile, Expert, FittedExpert, Foreseeing
from forecasting.forecaster import Task
from forecasting.foresight import Foresight
from forecasting.lessons import Lesson, lesson_span, read_lesson
from forecasting.past import Past, log_offset
from forecasting.series import Series
from forecasting.shape import read_features
from forecasting.usual import N_COLUMNS, read_usual

# The lines of what is foreseen: features, then three of the calendar, then bounds.
_CALENDAR = slice(N_COLUMNS, N_COLUMNS + 3)
_BOUNDS = N_COLUMNS + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DayModel:
    """Experts fitted at `at`, in their order; None where one could not learn from so little.

    `task` is what they learnt; `offset` is added to demand before logarithms.
    """

    at: float
    task: Task
    offset: float
    fitted: tuple[FittedExpert | None, ...]

    def ask(
        self, past: Past, places: FloatVector, foresight: Foresight | None = None
    ) -> FloatMatrix:
        """Return the raw bounds of every expert, (n_experts, n_places); NaN where there is none.

        Where the window reaches into a holiday, or out of one, only those speak who know the
        calendar or look at nothing but the last minutes: the past working days that the learners
        look back on say nothing about it. Where it reaches from one kind of day into another, what
        the day profile knows of the other is the least that each of them says. So it is after
        outages that hid this time of day from all that corrects and weighs: whoever does well at
        other times would have its say alone, and miss the morning's rise.

        `foresight` knows what past days say, for the end of the history that it came with.
        """
        raw = np.full((len(self.fitted), places.size), np.nan)
        if places.size == 0:
            return raw
        foreseen = None
        if foresight is not None and places.size == 1:
            foreseen = foresight.at(past, int(places[0]), self._foresee)
        if foreseen is None:
            foreseen = self._foresee(past, places)
        usual, calendar, bounds = foreseen[:N_COLUMNS], foreseen[_CALENDAR], foreseen[_BOUNDS:]
        reaches_holiday, is_crossing, is_hidden = calendar > 0
        features = read_features(past, places, usual)
        n_foreseen = 0
        for line, expert in enumerate(self.fitted):
            if _foresees(expert):
                raw[line] = bounds[n_foreseen]
                n_foreseen += 1
            elif expert is not None:
                raw[line] = _said(expert.bounds, places, past, features)
            if expert is not None and expert.needs_usual_day:
                raw[line, reaches_holiday] = np.nan
        raw[~((raw >= 0) & (raw < np.inf))] = np.nan
        is_lifted = is_crossing | is_hidden
        return self._at_least_the_profile(raw, is_lifted) if is_lifted.any() else raw

    def _foresee(self, past: Past, places: FloatVector) -> FloatMatrix:
        """Return what rests on past days and the calendar: features, days, bounds; a line each."""
        lines = [past.reaches_holiday(places), past.nights_into_holiday(places)]
        lines.append(past.is_hidden(places).astype(np.float64))
        lines += [
            _said(expert.foreseen, places, past) for expert in self.fitted if _foresees(expert)
        ]
        return np.concatenate((read_usual(past, places), np.stack(lines)))

    def _at_least_the_profile(self, raw: FloatMatrix, is_lifted: BoolVector) -> FloatMatrix:
        """Return the bounds, some of them lifted to the day profile.

        Between days of two kinds the last minutes tell of the day that they belong to, and the
        peak of both is the higher one; after outages they are all that anybody was judged by.
        """
        profiles = [isinstance(expert, DayProfile) for expert in self.fitted]
        if not any(profiles):
            return raw
        least = np.fmax.reduce(raw[profiles], axis=0)
        lifted = np.where(np.isnan(raw), np.nan, np.fmax(raw, least))
        return np.where(is_lifted, lifted, raw)


def _foresees(expert: FittedExpert | None) -> TypeGuard[Foreseeing]:
    return isinstance(expert, Foreseeing)


def _said(ask: Callable[..., FloatVector], places: FloatVector, *given: object) -> FloatVector:
    """Return what an expert says, (n,); NaN from one that fails, so that the rest go on."""
    said = np.full(places.size, np.nan)
    try:
        said[:] = ask(*given, places)
    except Exception:  # noqa: BLE001 - one expert that fails must not fail the rest
        said[:] = np.nan
    return said


def learn(
    experts: tuple[Expert, ...], history: Series, task: Task, *, at: float
) -> tuple[DayModel, Past]:
    """Return the experts fitted on what was known at `at`, and the history as they read it.

    The fit rests on nothing after `at`; the history may go on.
    """
    known = lesson_span(history, begin_at=history.start_at, before_at=at)
    past = Past(history=history, task=task, offset=log_offset(known))
    lesson = read_lesson(past, before_at=at)
    fitted = tuple(_fit(expert, lesson) for expert in experts)
    return DayModel(at=at, task=task, offset=past.offset, fitted=fitted), past


def _fit(expert: Expert, lesson: Lesson | None) -> FittedExpert | None:
    try:
        return expert.fit(lesson)
    except Exception:  # noqa: BLE001 - an expert that fails is left out, the mixture goes on
        return None
