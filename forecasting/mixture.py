"""The mixture: many small experts, each calibrated, weighted by what they were worth of late.

1. Once a day, at midnight UTC, every expert is fitted on the rows whose outcome is known.
2. At origins about ten minutes apart each says its raw bound, which is corrected by its own past
   residuals (`conformal`), and is scored when the outcome is known (`walk`).
3. The answer is the mean of the corrected bounds, in logarithms, weighted by discounted loss.

Whatever quantile is asked for, experts learn and are weighed at `LEARNT_LEVEL`; the quantile
itself enters at the end, as that of the residuals. So two quantiles never cross, however they
are asked, and another one needs no other fit (`FittedMixture.at_level`). On the shared traces p95
loses nothing by it.

A fit walks through the last six days as if it had been there, refits included; so a process
that starts now answers like one that ran all the time. One that has a fit of an earlier day goes
on from it: it learns once instead of seven times, and the answers are the same bits as long as
both read the 26 days before the last midnight, or everything there is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import BoolVector
from forecasting.daymodel import DayModel, learn
from forecasting.experts import Expert
from forecasting.fingerprints import fingerprints, holds
from forecasting.fitted import FittedMixture
from forecasting.forecaster import FittedForecaster, Task
from forecasting.lessons import LESSON_SECONDS, LOOK_BACK_SECONDS
from forecasting.localtime import DAY_SECONDS
from forecasting.origins import origins
from forecasting.past import Past
from forecasting.series import Series
from forecasting.walk import (
    CALIBRATION_SECONDS,
    WALK_SECONDS,
    WEIGHING_SECONDS,
    Walk,
    empty_walk,
    walked,
)

LONG_SECONDS = 14 * DAY_SECONDS
READ_SECONDS = LESSON_SECONDS + LOOK_BACK_SECONDS  # what a refit rests on
LEARNT_LEVEL = 0.9
HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Learns from a history with the given experts; the first must answer without a fit."""

    experts: tuple[Expert, ...]

    @property
    def is_elastic(self) -> bool:
        """Yes: see `FittedMixture.at_horizon`."""
        return True

    def fit(
        self,
        history: Series,
        task: Task,
        *,
        previous: FittedForecaster | None = None,
        has_drifted: bool = False,
    ) -> FittedMixture:
        """Return the mixture after a walk through the last days of `history`; never raises.

        `previous` is a fit on an earlier stage of the same history that may be gone on from; one
        that does not fit is ignored. With `has_drifted` the experts learn once more, from all up
        to the last full hour, see `FittedMixture.needs_refit`.
        """
        begin_at, refit_at = span(history)
        history = history.between(begin_at, history.end_at)
        learnt = replace(task, level=LEARNT_LEVEL)
        kept = self._usable(previous, history, task)
        walk_from = max(begin_at, refit_at - WALK_SECONDS)
        walk = kept.walk.since(walk_from) if kept else empty_walk(len(self.experts))
        moments = refits(walk_from, refit_at)
        if kept is not None and kept.model.at > refit_at:
            moments.append(kept.model.at)
        if kept is not None:  # what ticks said after the refit that is due now is said anew
            later = [moment for moment in moments if moment > kept.model.at]
            walk = walk.before(later[0] if later else np.inf)
        last_hour = float(np.floor(history.end_at / HOUR_SECONDS) * HOUR_SECONDS)
        if has_drifted and last_hour > moments[-1]:
            moments.append(last_hour)
        model = kept.model if kept else None
        for at, part in _parts(history, moments):
            if kept is not None and at < kept.model.at:
                continue
            if model is not None and at == model.at:
                past = Past(history=part, task=learnt, offset=model.offset)
            else:
                model, past = learn(self.experts, part, learnt, at=at)
            walk = self._walked(
                walk, model, past, correct_from=max(refit_at - WEIGHING_SECONDS, begin_at)
            )
        if model is None:  # an empty history
            model, _ = learn(self.experts, history, learnt, at=refit_at)
        return FittedMixture(
            task=task,
            begin_at=max(begin_at, refit_at - READ_SECONDS),
            experts=self.experts,
            model=model,
            walk=walk.since(walk.last_at - CALIBRATION_SECONDS),
            seen=fingerprints(history),
        )

    def _walked(self, walk: Walk, model: DayModel, past: Past, *, correct_from: float) -> Walk:
        after_at = max(model.at - 1e-6, walk.last_at)
        places = origins(past, after_at=after_at, until_at=past.history.end_at)
        raw = model.ask(past, places)
        at = past.times(places)
        return walked(walk, past, at, raw, self._additive, correct_from=correct_from)

    @property
    def _additive(self) -> BoolVector:
        return np.array([expert.is_additive for expert in self.experts])

    def _usable(
        self, previous: FittedForecaster | None, history: Series, task: Task
    ) -> FittedMixture | None:
        """Return `previous` if it is a fit of this mixture on an earlier stage of `history`."""
        if not isinstance(previous, FittedMixture) or previous.experts != self.experts:
            return None
        learnt = replace(task, level=LEARNT_LEVEL)
        if replace(previous.task, level=LEARNT_LEVEL) != learnt or previous.model.task != learnt:
            return None
        if not holds(previous.seen, history):
            return None
        return previous.up_to_date()


def span(history: Series) -> tuple[float, float]:
    """Return from when on a history is read, and the time of the last daily refit.

    A long history is read from a whole day of Unix time on, at least a day inside, so that this
    stays as it is while a rolling history moves on; a short one from its first observation.
    """
    refit_at = np.floor(history.end_at / DAY_SECONDS) * DAY_SECONDS
    begin_at = history.start_at
    if refit_at - begin_at >= LONG_SECONDS:
        begin_at = (np.floor(begin_at / DAY_SECONDS) + 2) * DAY_SECONDS
        begin_at = max(begin_at, refit_at - WALK_SECONDS - READ_SECONDS)
    observed = ~np.isnan(history.values)
    if observed.any():
        first_at = history.start_at + int(observed.argmax()) * history.step_seconds
        begin_at = max(begin_at, first_at)
    return float(begin_at), float(max(refit_at, begin_at))


def refits(walk_from: float, refit_at: float) -> list[float]:
    """Return the daily refits of a walk, the first at its start."""
    n_days = int(np.ceil((refit_at - walk_from) / DAY_SECONDS - 1e-9))
    return [max(walk_from, refit_at - day * DAY_SECONDS) for day in range(n_days, -1, -1)]


def _parts(history: Series, moments: list[float]) -> Iterator[tuple[float, Series]]:
    """Yield each refit with what it rests on and the history until the next."""
    half = 0.5 * history.step_seconds
    ends = [*(moment - half for moment in moments[1:]), history.end_at]
    for at, end_at in zip(moments, ends, strict=True):
        part = history.between(at - READ_SECONDS, end_at)
        if len(part):
            yield at, part
