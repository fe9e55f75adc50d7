"""The experts of the mixture: each answers one raw bound, none knows of the others.

An expert says whether its errors are proportional to demand (`is_additive` False: calibrated on
log ratios) or not (calibrated on differences).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.lessons import Lesson
from forecasting.linear import LinearModel
from forecasting.past import Past, first_known
from forecasting.shape import Features


class FittedExpert(Protocol):
    """An expert after its refit."""

    @property
    def needs_usual_day(self) -> bool:
        """Whether it has nothing to say about a holiday."""
        ...

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:
        """Return the raw bounds at `places`, (n,); NaN where it has none."""
        ...


class Foreseeing:
    """What a fitted expert inherits whose bounds are known hours ahead: they rest on past days.

    On nothing less than a day before the place but the quarter of an hour around that and the
    window after it; see `foresight`.
    """

    __slots__ = ()

    def foreseen(self, past: Past, places: FloatVector) -> FloatVector:
        """Return the raw bounds at `places`, (n,), which may lie ahead of the history."""
        raise NotImplementedError


class Expert(Protocol):
    """A way to bound the peak of the window ahead."""

    @property
    def name(self) -> str:
        """Its name in reports, unique in a mixture."""
        ...

    @property
    def is_additive(self) -> bool:
        """Whether its errors are differences rather than ratios."""
        ...

    @property
    def method(self) -> str:
        """What a forecast is called in which it is the most able expert, see `Forecast`."""
        ...

    def fit(self, lesson: Lesson | None) -> FittedExpert | None:
        """Return the expert fitted on `lesson`, or None if it can't do with that little."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentMaximum:
    """The largest observation of the last `seconds`; the last value with one step."""

    name: str
    seconds: float
    is_additive: bool
    method: str = "last-value"
    needs_usual_day: bool = False

    def fit(self, lesson: Lesson | None) -> "RecentMaximum":  # noqa: ARG002 - nothing to learn
        """Return itself: there is nothing to learn."""
        return self

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return the largest recent observation."""
        return past.maximum(past.newest(places), self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SameWindow:
    """The peak of the same window yesterday; where that is not known, on an earlier day."""

    name: str = "same-window"
    is_additive: bool = False
    method: str = "seasonal-naive"
    needs_usual_day: bool = True
    days: tuple[int, ...] = (1, 7, 2, 3, 4, 5, 6)

    def fit(self, lesson: Lesson | None) -> "SameWindow":  # noqa: ARG002 - nothing to learn
        """Return itself: there is nothing to learn."""
        return self

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return the first peak that is known."""
        past_days = past.past_days(places, max(self.days))
        return first_known([past.known_peak(past_days[day - 1], now=places) for day in self.days])


@dataclass(frozen=True, slots=True, kw_only=True)
class DayProfile(Foreseeing):
    """The quantile of past peaks at the same time of day on days of the same kind.

    Kinds are working days and free ones (weekends, holidays); with fewer than two days of a
    kind all days count. A window that reaches into a holiday, or out of one, is like those that
    reached from a day of its one kind into a day of the other, such as those of Friday nights;
    with fewer than two of them, like those that ended on a day of the same kind.
    """

    name: str = "day-profile"
    is_additive: bool = False
    method: str = "seasonal-naive"
    needs_usual_day: bool = False
    n_days: int = 19
    around_seconds: float = 900.0
    min_days: int = 2

    def fit(self, lesson: Lesson | None) -> "DayProfile":  # noqa: ARG002 - nothing to learn
        """Return itself: the profile is read from the history when it is asked for."""
        return self

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return the profile at the places."""
        return self.foreseen(past, places)

    def foreseen(self, past: Past, places: FloatVector) -> FloatVector:
        """Return the same: it rests on past days alone."""
        stride = past.steps(300.0)
        n_side = int(self.around_seconds / (stride * past.history.step_seconds))
        around = stride * np.arange(-n_side, n_side + 1, dtype=np.float64)
        n_days = min(self.n_days, int(len(past.history) * past.history.step_seconds / 86_400.0) + 1)
        days = past.past_days(places, n_days)
        peaks = past.known_peak(days[..., None] + around, now=places[:, None])
        today = past.days(places)
        before = today - np.arange(1.0, n_days + 1)[:, None]
        same = past.is_free(before) == past.is_free(today)
        has_day = ~np.isnan(peaks).all(axis=2)
        enough = (same & has_day).sum(axis=0) >= self.min_days
        use = np.where(enough, same, True)
        nights = past.nights_into_holiday(places)
        if nights.any():
            ends_alike = past.is_free(before + nights) == past.is_free(today + nights)
            for kind in (ends_alike, ends_alike & same):
                enough = (kind & has_day).sum(axis=0) >= self.min_days
                use = np.where((nights > 0) & enough, kind, use)
        chosen = np.where(use[..., None], peaks, np.nan)
        flat = np.moveaxis(chosen, 1, 0).reshape(places.size, -1)
        return known_quantile(flat, past.task.level)


def known_quantile(rows: FloatMatrix, level: float) -> FloatVector:
    """Return the `level` quantile of what is not NaN in each row, linear between points; (n,)."""
    ranked = np.sort(rows, axis=1)  # NaN last
    n_known = np.count_nonzero(~np.isnan(rows), axis=1)
    rank = level * np.maximum(n_known - 1, 0)
    low = np.floor(rank).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(n_known - 1, 0))
    lines = np.arange(len(rows))
    below, above = ranked[lines, low], ranked[lines, high]
    return np.asarray(below + (rank - low) * (above - below), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRegression:
    """Linear quantile regression of the rise of the peak over the level."""

    name: str
    is_wide: bool
    ridge: float  # per row
    is_additive: bool = False
    method: str = "quantile-regression"

    def fit(self, lesson: Lesson | None) -> "FittedRegression | None":
        """Return the regression, or None for fewer rows than it needs."""
        if lesson is None:
            return None
        model = lesson.regression(is_wide=self.is_wide, ridge=self.ridge)
        return FittedRegression(is_wide=self.is_wide, model=model)

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> "FittedRegression":
        """Return what `arrays` of the fitted expert gave."""
        return FittedRegression(is_wide=self.is_wide, model=LinearModel.restored(arrays))


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRegression:
    """A regression with its coefficients."""

    is_wide: bool
    model: LinearModel
    needs_usual_day: bool = True

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return level times rise."""
        rows = features.rows if self.is_wide else features.core
        return np.maximum(np.exp(features.log_level + self.model.rises(rows)) - past.offset, 0.0)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return all that was learnt."""
        return self.model.arrays()
