"""The same time on past days by the absolute clock, for the weeks after a change of clocks.

The other experts look back along the local clock, which is right for people. Batch jobs and
traffic from elsewhere may follow UTC instead, and after a change their 09:00 is at 10:00 local
time. In all other weeks both ways back are one, so this expert is silent then and changes
nothing; after a change it speaks, and earns its weight or gets none.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatVector
from forecasting.experts import Foreseeing, known_quantile
from forecasting.lessons import Lesson
from forecasting.past import Past
from forecasting.shape import Features

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsoluteProfile(Foreseeing):
    """The quantile of past peaks whole multiples of 24 hours ago, on days of the same kind."""

    name: str = "absolute-profile"
    is_additive: bool = False
    method: str = "seasonal-naive"
    needs_usual_day: bool = True
    n_days: int = 28
    around_seconds: float = 900.0
    min_days: int = 2

    def fit(self, lesson: Lesson | None) -> "AbsoluteProfile":  # noqa: ARG002 - nothing to learn
        """Return itself: the profile is read from the history when it is asked for."""
        return self

    def bounds(self, past: Past, features: Features, places: FloatVector) -> FloatVector:  # noqa: ARG002
        """Return the profile."""
        return self.foreseen(past, places)

    def foreseen(self, past: Past, places: FloatVector) -> FloatVector:
        """Return the profile where the local clock was changed among the days it rests on."""
        n_held = int(len(past.history) * past.history.step_seconds / DAY_SECONDS)
        n_days = min(self.n_days, n_held + 1)  # a place may lie hours ahead
        found = np.full(places.size, np.nan)
        if places.size == 0:
            return found
        back = past.steps(DAY_SECONDS) * np.arange(1.0, n_days + 1)[:, None]
        # The clock of the oldest day tells: a zone changes once in a month at most. It is that of
        # the place's own history, whatever came after.
        held = np.floor((places + 1.0) * (past.history.step_seconds / DAY_SECONDS))
        day = np.clip(held.astype(np.intp) - 1, 0, n_days - 1)
        column = np.arange(places.size)
        oldest = past.past_days(places, n_days)[day, column]
        moved = (oldest != places - back[day, 0]) & (held >= 1)
        if moved.any():
            found[moved] = self._profile(past, places[moved], back)
        return found

    def _profile(self, past: Past, places: FloatVector, back: FloatVector) -> FloatVector:
        stride = past.steps(300.0)
        n_side = int(self.around_seconds / (stride * past.history.step_seconds))
        around = stride * np.arange(-n_side, n_side + 1, dtype=np.float64)
        days = places - back
        peaks = past.known_peak(days[..., None] + around, now=places[:, None])
        same = past.is_free(past.days(days)) == past.is_free(past.days(places))
        has_day = ~np.isnan(peaks).all(axis=2)
        enough = (same & has_day).sum(axis=0) >= self.min_days
        chosen = np.where(np.where(enough, same, True)[..., None], peaks, np.nan)
        return known_quantile(np.moveaxis(chosen, 1, 0).reshape(places.size, -1), past.task.level)
