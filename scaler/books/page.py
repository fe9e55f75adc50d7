"""What the books hold of one target, and how a tick changes it. Pure: time is an argument."""

from dataclasses import dataclass, field, replace

from scaler.books.memory import Judgement, Kept, Memory
from scaler.books.notices import (
    Mood,
    Reason,
    Said,
    about_approval,
    about_lead_time,
    about_shortfall,
    about_source,
    about_verdict,
)
from scaler.fleet import LeadTime
from scaler.ledger.ledger import SECONDS_PER_DAY, Tick
from scaler.ledger.proof import judged, mode_in_force
from scaler.ledger.view import LedgerView, view_of
from scaler.params import Mode, OnStale, TargetParams
from scaler.ports import Blob
from scaler.starts.grid import stepped
from scaler.types import Decision, Evidence, PolicyState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one tick showed of a target, beside its decision."""

    namespace: str
    name: str
    problem: str  # of its source; empty while that answers
    why: str
    is_approved: bool | None  # by annotation; None: no cluster can be asked


@dataclass(slots=True, eq=False)
class Page:
    """One target's page. `params` are the trigger's, `in_force` those that decide."""

    params: TargetParams
    in_force: TargetParams
    kept: Kept = field(default_factory=Kept)
    judgement: Judgement = field(default_factory=Judgement)
    model: Blob | None = None  # one that waits to be saved; 0.3 MB, and then let go
    days_saved_until: int | None = None  # the last whole day that is in the store
    mood: Mood = field(default_factory=Mood)
    short_told: int = 0  # missing replicas in the last notice of a shortfall
    lead_told_seconds: float | None = None  # the step of the last measured lead time
    is_lead_known: bool = False  # an earlier run has told of it

    @classmethod
    def of(cls, params: TargetParams, memory: Memory) -> "Page":
        """Return the page of a target that begins with what is remembered."""
        page = cls(params=params, in_force=params, kept=memory.kept)
        page.judgement = memory.judgement
        page.is_lead_known = memory.kept.state.last_good_replicas is not None
        page.settle_mode()
        return page

    def settle_mode(self) -> None:
        """Work out the mode in force, which the policy knows two of."""
        mode = mode_in_force(self.params.mode, self.judgement.proof, is_approved=self.is_approved)
        if self.in_force.mode is not mode:
            self.in_force = replace(self.params, mode=mode)

    @property
    def is_approved(self) -> bool:
        """Whether a person has said yes: what a cluster last told, else what the trigger says."""
        told = self.judgement.is_approved
        return self.params.is_approved if told is None else told

    def note(self, state: PolicyState, decision: Decision, sight: Sight) -> tuple[Said, ...]:
        """Take in one decision, and return what is worth telling."""
        seen = decision.seen
        if seen.evidence is Evidence.FRESH:
            self.kept = Kept(
                state=state, observed_demand=seen.observed_demand, observed_at=seen.observed_at
            )
        before = self.judgement
        was_approved = self.is_approved
        ledger = before.ledger.advanced(tick_of(decision, self.params))
        today = int(seen.as_of // SECONDS_PER_DAY)
        self.judgement = Judgement(
            ledger=ledger,
            proof=judged(before.proof, ledger.days, self.params.margins, today),
            is_approved=before.is_approved if sight.is_approved is None else sight.is_approved,
        )
        self.settle_mode()
        return self._said(before, decision, sight, was_approved=was_approved)

    def view(self) -> LedgerView:
        """Return what others may see."""
        judgement = self.judgement
        return view_of(
            judgement.ledger,
            judgement.proof,
            mode=self.params.mode,
            mode_in_force=self.in_force.mode,
        )

    def memory(self) -> Memory:
        """Return what is to be remembered."""
        return Memory(kept=self.kept, judgement=self.judgement, model=self.model)

    def _said(
        self, before: Judgement, decision: Decision, sight: Sight, *, was_approved: bool
    ) -> tuple[Said, ...]:
        mode = self.params.mode
        self.mood, source = about_source(
            self.mood, problem=sight.problem, why=sight.why, at=decision.seen.as_of
        )
        verdict = about_verdict(
            before.proof,
            self.judgement.proof,
            mode=mode,
            namespace=sight.namespace,
            name=sight.name,
        )
        approval = None
        if mode is Mode.ADVISE:
            approval = about_approval(was_approved, self.is_approved)
        told = (
            source,
            verdict,
            approval,
            self._shortfall(decision),
            self._lead_time(decision.seen.lead_time),
        )
        return tuple(said for said in told if said is not None)

    def _shortfall(self, decision: Decision) -> Said | None:
        """Tell a shortfall when it comes and when it grows, not while it lasts."""
        short = decision.shortfall
        missing = 0 if short is None else short.replicas
        is_news = missing > self.short_told
        self.short_told = max(missing, self.short_told) if missing else 0
        return about_shortfall(short, decision.seen.as_of) if short and is_news else None

    def _lead_time(self, lead_time: LeadTime | None) -> Said | None:
        """Tell a lead time when it is first measured, and when it moves by a step of the grid."""
        if lead_time is None or not lead_time.is_measured:
            return None
        before = self.lead_told_seconds
        self.lead_told_seconds = stepped(lead_time.seconds, before)
        is_old = self.is_lead_known if before is None else before == self.lead_told_seconds
        return None if is_old else about_lead_time(lead_time)


def from_memory(page: Page) -> Said:
    """Return what to say when an answer rests on what an earlier run has seen."""
    replicas = page.kept.state.last_good_replicas
    message = f"demand can't be read since the start; the last good answer was {replicas} replicas"
    return Said(reason=Reason.FROM_MEMORY, message=message)


def tick_of(decision: Decision, params: TargetParams) -> Tick:
    """Return what the ledger takes of a decision.

    While evidence is not fresh both policies keep what they answered last, unless the trigger lets
    both fall to the floor.
    """
    seen = decision.seen
    is_fresh = seen.evidence is Evidence.FRESH
    answers = is_fresh or params.on_stale is OnStale.FLOOR
    return Tick(
        at=seen.as_of,
        known_until=seen.observed_at + params.stale_after_seconds if is_fresh else seen.as_of,
        demand=seen.observed_demand,
        threshold=decision.threshold,
        reactive_replicas=decision.reactive_replicas if answers else None,
        predictive_replicas=decision.predicted_replicas if answers else None,
        lead_time_seconds=_lead_seconds(seen.lead_time, params),
        fleet=seen.fleet,
    )


def _lead_seconds(lead_time: LeadTime | None, params: TargetParams) -> float:
    """Return the lead time that the model fleets have: a measured one, else the trigger's."""
    if lead_time is None or not lead_time.is_measured:
        return params.lead_time_seconds
    return lead_time.seconds
