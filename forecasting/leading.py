"""Leading indicators: other series that move before demand does.

Each joins the mixture as one expert of its own, a quantile regression on the small feature set
plus what the indicator did of late. At every refit it is kept only if it lowered the loss on
rows that the trial was not fitted on; where it is kept, its say in the mixture is earned online
like any other's. Where the indicator is missing or stale the expert is silent, and what remains
is the mixture without it: an indicator can't take the forecast down with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import BoolVector, FloatMatrix, FloatVector, IndexVector
from forecasting.experts import Expert
from forecasting.fitted import FittedMixture
from forecasting.forecaster import FittedForecaster, Task
from forecasting.lessons import MIN_LESSON_ROWS, Lesson
from forecasting.linear import LinearModel, fit_linear, standard_columns
from forecasting.mixture import Mixture
from forecasting.past import Past, log_offset
from forecasting.scores import pinball_each
from forecasting.series import Series
from forecasting.shape import Features

MIN_GAIN_RATIO = 0.02  # of the loss without it; less is noise
SURE_ERRORS = 2.0  # standard errors over the stretches of the trial: noise won 8 of 144
TRIAL_RATIO = 0.75  # of the rows, the oldest, teach the trial; the rest judge it
FRESH_SECONDS = 300.0  # an indicator that is older says nothing about the next minutes
PREFIX = "leading-"

_MAXIMA_SECONDS = (300.0, 600.0, 900.0, 1800.0)
_BLOCK_SECONDS = 300.0
_N_BLOCKS = 7  # means of five minutes each, half an hour back
_N_STRETCHES = 8
_RIDGE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadingGain:
    """What an indicator was worth on rows that the trial was not fitted on.

    `gain_ratio` is the share of the pinball loss that it takes away: 0.4 means 40 % less, below
    zero means that it harms. NaN while there is too little to judge by.
    """

    name: str
    gain_ratio: float
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """The expert of one indicator."""

    indicator: str
    is_additive: bool = False
    method: str = "quantile-regression"

    @property
    def name(self) -> str:
        """The indicator's name with a prefix."""
        return PREFIX + self.indicator

    def fit(self, lesson: Lesson | None) -> "FittedLeading | None":
        """Return the expert with its trial's outcome; one that was rejected stays silent."""
        if lesson is None:
            return None
        values = dict(lesson.past.history.leading).get(self.indicator)
        if values is None:
            return None
        offset = _offset(lesson, values)
        mine = _read(lesson.past, values, lesson.places, offset)
        known = np.asarray(~np.isnan(mine).all(axis=1))
        trial = _trial(lesson, mine, known)
        model = None
        if trial.is_won:
            rows = np.concatenate((lesson.features.core, mine - _level(lesson.features)), axis=1)
            model = _regression(rows[known], lesson.rises[known], lesson.level)
        return FittedLeading(
            indicator=self.indicator, gain_ratio=trial.gain_ratio, model=model, offset=offset
        )

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> "FittedLeading":
        """Return what `arrays` of the fitted expert gave."""
        gain_ratio, offset = arrays["trial"].tolist()
        return FittedLeading(
            indicator=self.indicator,
            gain_ratio=gain_ratio,
            model=LinearModel.restored(arrays) if "coefficients" in arrays else None,
            offset=offset,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLeading:
    """The expert after its refit; `model` is None where the indicator was rejected."""

    indicator: str
    gain_ratio: float
    model: LinearModel | None
    offset: float  # added before logarithms, in the unit of the indicator
    needs_usual_day: bool = True

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:
        """Return level times rise; NaN where the indicator is missing, stale or rejected."""
        values = dict(past.history.leading).get(self.indicator)
        if self.model is None or values is None:
            return np.full(places.size, np.nan)
        mine = _read(past, values, places, self.offset)
        rows = np.concatenate((features.core, mine - _level(features)), axis=1)
        rises = self.model.rises(rows)
        found = np.maximum(np.exp(features.log_level + rises) - past.offset, 0.0)
        return np.where(np.isnan(mine).all(axis=1), np.nan, found)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return all that was learnt."""
        learnt = {} if self.model is None else self.model.arrays()
        return {**learnt, "trial": np.array([self.gain_ratio, self.offset])}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithLeading:
    """A mixture that gains an expert for each companion of the history; without any it is as is."""

    mixture: Mixture

    @property
    def is_elastic(self) -> bool:
        """As the mixture is."""
        return self.mixture.is_elastic

    def fit(
        self,
        history: Series,
        task: Task,
        *,
        previous: FittedForecaster | None = None,
        has_drifted: bool = False,
    ) -> FittedMixture:
        """Return the fitted mixture; see `gains` for what the companions were worth.

        `previous` and `has_drifted` are those of `Mixture.fit`.
        """
        return self.led_by(history.leading_names).fit(
            history, task, previous=previous, has_drifted=has_drifted
        )

    def led_by(self, names: Sequence[str]) -> Mixture:
        """Return the mixture for a history with companions of these names."""
        experts: tuple[Expert, ...] = self.mixture.experts
        return Mixture(experts=(*experts, *(Leading(indicator=name) for name in names)))


def gains(fitted: FittedForecaster) -> tuple[LeadingGain, ...]:
    """Return what each indicator was worth at the fit; empty for a forecaster that has none."""
    if not isinstance(fitted, FittedMixture):
        inner = getattr(fitted, "fitted", None)  # a forecaster in another
        return () if inner is None else gains(inner)
    asked = [each.indicator for each in fitted.experts if isinstance(each, Leading)]
    judged = {
        each.indicator: each for each in fitted.model.fitted if isinstance(each, FittedLeading)
    }
    return tuple(
        LeadingGain(
            name=name,
            gain_ratio=judged[name].gain_ratio if name in judged else float("nan"),
            is_kept=name in judged and judged[name].model is not None,
        )
        for name in asked
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """Losses with and without an indicator in stretches of time that neither was fitted on."""

    without: FloatVector  # (_N_STRETCHES,), or empty while there is too little to judge by
    with_it: FloatVector

    @property
    def gain_ratio(self) -> float:
        """The share of the loss that it takes away."""
        if not self.without.size:
            return float("nan")
        total = float(self.without.sum())
        return 1.0 - float(self.with_it.sum()) / total if total > 0 else 0.0

    @property
    def is_won(self) -> bool:
        """Whether it helps, and so steadily that noise seldom would."""
        if not self.gain_ratio >= MIN_GAIN_RATIO:
            return False
        saved = self.without - self.with_it
        error = float(saved.std(ddof=1)) / sqrt(saved.size)
        return float(saved.mean()) > SURE_ERRORS * error


def _trial(lesson: Lesson, mine: FloatMatrix, known: BoolVector) -> _Trial:
    """Return how the newest rows were bounded by what the older ones taught."""
    rows = np.flatnonzero(known)
    judged = rows[int(TRIAL_RATIO * rows.size) :]
    if judged.size < MIN_LESSON_ROWS // 2:
        return _Trial(without=np.empty(0), with_it=np.empty(0))
    # The outcome of what was taught was known before the first row that judges.
    until = lesson.places[judged[0]] - lesson.past.n_horizon
    taught = rows[lesson.places[rows] <= until]
    if taught.size < MIN_LESSON_ROWS:
        return _Trial(without=np.empty(0), with_it=np.empty(0))
    core = lesson.features.core
    both = np.concatenate((core, mine - _level(lesson.features)), axis=1)
    without, with_it = (_losses(lesson, columns, taught, judged) for columns in (core, both))
    return _Trial(without=without, with_it=with_it)


def _losses(
    lesson: Lesson, rows: FloatMatrix, taught: IndexVector, judged: IndexVector
) -> FloatVector:
    """Return the mean loss in each stretch of the judged rows, (_N_STRETCHES,)."""
    model = _regression(rows[taught], lesson.rises[taught], lesson.level)
    level = lesson.features.log_level[judged]
    bounds, peaks = np.exp(level + model.rises(rows[judged])), np.exp(level + lesson.rises[judged])
    losses = pinball_each(peaks, bounds, lesson.level)
    return np.array([part.mean() for part in np.array_split(losses, _N_STRETCHES)])


def _regression(rows: FloatMatrix, rises: FloatVector, level: float) -> LinearModel:
    return fit_linear(rows, rises, level, ridge=_RIDGE, columns=standard_columns(rows))


def _level(features: Features) -> FloatMatrix:
    return features.log_level[:, None]


def _offset(lesson: Lesson, values: FloatVector) -> float:
    """Return what to add to the indicator before logarithms, from what was known at the refit."""
    history = lesson.past.history
    known = values[: int(lesson.places[-1]) + 1]
    return log_offset(
        Series(start_at=history.start_at, step_seconds=history.step_seconds, values=known)
    )


def _read(past: Past, values: FloatVector, places: FloatVector, offset: float) -> FloatMatrix:
    """Return logarithms of what the indicator did up to each place, (n, k).

    All NaN where it is not known or older than `FRESH_SECONDS`.
    """
    history = past.history
    series = Series(start_at=history.start_at, step_seconds=history.step_seconds, values=values)
    mine = Past(history=series, task=past.task, offset=offset)
    stale = np.isnan(mine.window(places, mine.steps(FRESH_SECONDS))).all(axis=-1)
    n_block = mine.steps(_BLOCK_SECONDS)
    columns = [mine.value(mine.newest(places))]
    columns += [mine.maximum(places, seconds) for seconds in _MAXIMA_SECONDS]
    columns += [mine.mean(places - n_block * block, _BLOCK_SECONDS) for block in range(_N_BLOCKS)]
    rows = mine.logs(np.stack(columns, axis=1))
    rows[stale] = np.nan
    return rows
