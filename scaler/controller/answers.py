"""From what is known of a target to a published answer."""

from dataclasses import replace

from scaler.board import Snapshot, Target
from scaler.books.books import Books
from scaler.controller.models import Models
from scaler.controller.notes import log_change
from scaler.params import TargetParams
from scaler.policy import decide
from scaler.ports import Clock
from scaler.schedule import floors_of
from scaler.types import Decision, Evidence, Seen
from scaler.work import Work, seen_of


class Answers:
    """Decides and publishes."""

    def __init__(self, models: Models, books: Books, clock: Clock) -> None:
        self._models = models
        self._books = books
        self._clock = clock

    async def recall(self, target: Target, work: Work, as_of: float) -> None:
        """Take up what an earlier run remembered, as the answer until the first look is over."""
        work.is_recalled = True  # before it: what goes wrong here may cost one tick, not each
        memory = await self._books.recall(target, work.trigger)
        work.state, work.remembered_model = memory.kept.state, memory.model
        seen = seen_of(None, None, work.trigger.params, as_of)
        seen = self._books.evidence(target, work.trigger, seen)
        if target.snapshot is None and seen.evidence is Evidence.STALE:
            params = self._books.params_of(target, work.trigger)
            target.snapshot = self._snapshot(work, decide(work.state, seen, params)[1], params)

    async def conclude(self, target: Target, work: Work) -> None:
        """Decide on the newest data there is, and publish."""
        async with work.concluding:  # a tick and a fit may end together: the later one counts
            reading = work.history.last_reading
            target.demand = None if reading is None else reading.series
            forecast = await self._models.forecast(target, work, reading, work)
            ahead = await self._models.forecast(target, work, reading, work.ahead)
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
            seen = replace(
                seen,
                fleet=fleet,
                lead_time=work.lead_time,
                lead_seconds=work.lead_seconds,
                is_fit_pending=work.is_fit_pending(as_of),
            )
            self._publish(target, work, self._books.evidence(target, work.trigger, seen))

    def _publish(self, target: Target, work: Work, seen: Seen) -> None:
        before = target.snapshot.decision if target.snapshot is not None else None
        params = self._books.params_of(target, work.trigger)
        work.state, decision = decide(work.state, seen, params)
        target.publish(self._snapshot(work, decision, params))
        self._books.note(target, work.state, decision)
        log_change(target, before, decision)

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
