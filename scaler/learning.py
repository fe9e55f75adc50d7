"""`threshold: auto`: vLLM's metrics of the last two weeks, read anew each hour, and what they show.

Nothing here holds a tick up: it runs in a task of its own, and until it has an estimate the prior
holds. A read that fails leaves what was learned before.
"""

import math
from dataclasses import replace

import numpy as np

from forecasting.arrays import FloatVector
from scaler.history import TargetHistory
from scaler.ports import DemandQuery, HistorySource
from scaler.saturation.estimate import NotEnoughEvidence, Observations, estimate
from scaler.saturation.queries import CapacityQueries
from scaler.types import Carried

LEARNING_DAYS = 14.0  # each weekday twice; older evidence may be of another engine
PERIOD_SECONDS = 3_600.0
NEEDED = ("served", "replicas", "queueing")
NAMES = (*NEEDED, "kv_cache_use")


class Learning:
    """What one replica of a target carries. `learn` is never called twice at a time."""

    def __init__(self, source: HistorySource, queries: CapacityQueries, query: DemandQuery) -> None:
        texts = {name: str(getattr(queries, name)) for name in NAMES}
        self._step_seconds = query.step_seconds
        self._histories = {
            name: TargetHistory(source, replace(query, query=text), LEARNING_DAYS)
            for name, text in texts.items()
            if text
        }
        self._period = -math.inf
        self.carried: Carried | None = None
        self.why = "vLLM's metrics were not read yet"  # there is no newer estimate; or empty

    def is_due(self, as_of: float) -> bool:
        """Whether an hour has begun since the last time; the same hours in every server."""
        return math.floor(as_of / PERIOD_SECONDS) > self._period

    async def learn(self, as_of: float) -> None:
        """Read what is new and estimate. Raises HistoryUnavailable and keeps what it had."""
        known: dict[str, FloatVector] = {}
        for name, history in self._histories.items():
            reading = await history.advance(as_of)
            while not history.is_complete:
                reading = await history.advance(as_of)
            known[name] = reading.series.values
        self._period = math.floor(as_of / PERIOD_SECONDS)
        outcome = estimate(self._observations(known, as_of))
        if isinstance(outcome, NotEnoughEvidence):
            self.why = outcome.why
            if not math.isnan(outcome.at_least):
                self.why += f" (one has served {outcome.at_least:.3g} so far)"
            return
        self.carried, self.why = outcome, ""

    def _observations(self, known: dict[str, FloatVector], as_of: float) -> Observations:
        unknown = np.full(known["served"].size, np.nan)
        return Observations(
            step_seconds=self._step_seconds,
            end_at=as_of,
            served=known["served"],
            replicas=known["replicas"],
            queueing=known["queueing"],
            kv_cache_use=known.get("kv_cache_use", unknown),
        )
