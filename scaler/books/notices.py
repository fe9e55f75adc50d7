"""What is worth telling a person about a target, from one tick to the next. Pure.

A source that fails for a moment is no news: only after `SUSTAINED_SECONDS` without an answer is it
told, and only then its return.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from scaler.fleet import LeadTime
from scaler.ledger.proof import Proof
from scaler.params import Mode
from scaler.types import Shortfall
from scaler.words import LIMITS, duration, replicas
from scaler.workload import APPROVAL, APPROVAL_ANNOTATION

SUSTAINED_SECONDS = 120.0


class Reason(StrEnum):
    """Every reason that a notice may have."""

    PROMOTED = "PredictionPromoted"
    STEPPED_BACK = "PredictionSteppedBack"
    ADVISED = "PredictionAdvised"
    NOT_ADVISED = "PredictionNotAdvised"
    APPROVED = "PredictionApproved"
    APPROVAL_ENDED = "PredictionApprovalEnded"
    SOURCE_FAILED = "DemandSourceFailed"
    SOURCE_RECOVERED = "DemandSourceRecovered"
    FROM_MEMORY = "AnsweringFromMemory"
    SHORTFALL = "CapacityShortfall"
    LEAD_TIME = "LeadTimeMeasured"


WARNINGS = frozenset({Reason.STEPPED_BACK, Reason.SOURCE_FAILED, Reason.SHORTFALL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A reason and its words; the object they are about comes later."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What was last known of a target's source, so that only changes are told."""

    failing_since: float | None = None
    is_told: bool = False


def about_source(mood: Mood, *, problem: str, why: str, at: float) -> tuple[Mood, Said | None]:
    """Return what to remember of the source, and what to say of it. `problem` empty: it answers."""
    if not problem:
        said = Said(reason=Reason.SOURCE_RECOVERED, message="demand can be read again")
        return Mood(), said if mood.is_told else None
    since = at if mood.failing_since is None else min(mood.failing_since, at)
    if mood.is_told or at - since < SUSTAINED_SECONDS:
        return replace(mood, failing_since=since), None
    message = f"demand can't be read ({problem}): {why}"
    return Mood(failing_since=since, is_told=True), Said(
        reason=Reason.SOURCE_FAILED, message=message
    )


def about_verdict(
    before: Proof, now: Proof, *, mode: Mode, namespace: str, name: str
) -> Said | None:
    """Return what to say of a verdict that has changed; in other modes nobody asked."""
    if before.is_won is now.is_won:
        return None
    if mode is Mode.PROVE:
        reason = Reason.PROMOTED if now.is_won else Reason.STEPPED_BACK
        what = "predicting from now on" if now.is_won else "answering reactively from now on"
        return Said(reason=reason, message=f"{what}: {now.why}")
    if mode is not Mode.ADVISE:
        return None
    annotate = f"kubectl annotate scaledobject {name} --namespace {namespace} {APPROVAL_ANNOTATION}"
    if now.is_won:
        message = f"{now.why}; to let it act: {annotate}={APPROVAL}"
        return Said(reason=Reason.ADVISED, message=message)
    message = f"prediction is no longer advised: {now.why}; to take it back: {annotate}-"
    return Said(reason=Reason.NOT_ADVISED, message=message)


def about_approval(before: bool, now: bool) -> Said | None:  # noqa: FBT001 - two of a kind
    """Return what to say when a person has approved of prediction, or has taken that back."""
    if before is now:
        return None
    if now:
        return Said(reason=Reason.APPROVED, message="approved: predicting from now on")
    return Said(reason=Reason.APPROVAL_ENDED, message="no longer approved: answering reactively")


def about_shortfall(shortfall: Shortfall, as_of: float) -> Said:
    """Return what to say of replicas that are missing or will be."""
    count = replicas(shortfall.replicas)
    why = LIMITS[shortfall.limit]
    if shortfall.latest_at <= as_of:
        message = f"{count} too few from now on: {why}"
    else:
        message = f"{count} too few within {duration(shortfall.latest_at - as_of)}: {why}"
    return Said(reason=Reason.SHORTFALL, message=message)


def about_lead_time(lead_time: LeadTime) -> Said:
    """Return what to say of a measured lead time."""
    message = (
        f"a new replica answers {duration(lead_time.seconds)} after it is asked for, in "
        f"{lead_time.quantile:.0%} of {lead_time.n_starts} starts: "
        f"{duration(lead_time.start_seconds)} for its start, "
        f"{duration(lead_time.scaling_seconds)} for KEDA and the HPA"
    )
    return Said(reason=Reason.LEAD_TIME, message=message)
