"""The experts as they were fitted at one moment, and the raw bounds that they give."""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.experts import DayProfile, Expert, FittedExpert
from forecasting.forecaster import Task
from forecasting.lessons import Lesson, lesson_span, read_lesson
from forecasting.past import Past, log_offset
from forecasting.series import Series
from forecasting.shape import read_features


@dataclass(frozen=True, slots=True, kw_only=True)
class DayModel:
    """Experts fitted at `at`, in their order; None where one could not learn from so little.

    `task` is what they learnt; `offset` is added to demand before logarithms.
    """

    at: float
    task: Task
    offset: float
    fitted: tuple[FittedExpert | None, ...]

    def ask(self, past: Past, places: FloatVector) -> FloatMatrix:
        """Return the raw bounds of every expert, (n_experts, n_places); NaN where there is none.

        Where the window reaches into a holiday, or out of one, only those speak who know the
        calendar or look at nothing but the last minutes: the past working days that the learners
        look back on say nothing about it. Where it reaches from one kind of day into another, what
        the day profile knows of the other is the least that each of them says.
        """
        raw = np.full((len(self.fitted), places.size), np.nan)
        if places.size == 0:
            return raw
        features = read_features(past, places)
        holiday = past.reaches_holiday(places)
        for line, expert in enumerate(self.fitted):
            if expert is not None:
                try:
                    raw[line] = expert.bounds(past, features, places)
                    if expert.needs_usual_day:
                        raw[line, holiday] = np.nan
                except Exception:  # noqa: BLE001 - one expert that fails must not fail the rest
                    raw[line] = np.nan
        raw[~((raw >= 0) & (raw < np.inf))] = np.nan
        return self._at_least_of_both_days(raw, past, places)

    def _at_least_of_both_days(
        self, raw: FloatMatrix, past: Past, places: FloatVector
    ) -> FloatMatrix:
        """Return the bounds, those that reach into a day of another kind lifted to the profile.

        The last minutes tell of the day that they belong to; the peak of both is the higher one.
        """
        crossing = past.nights_into_holiday(places) > 0
        profiles = [isinstance(expert, DayProfile) for expert in self.fitted]
        if not crossing.any() or not any(profiles):
            return raw
        least = np.fmax.reduce(raw[profiles], axis=0)
        lifted = np.where(np.isnan(raw), np.nan, np.fmax(raw, least))
        return np.where(crossing, lifted, raw)


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
