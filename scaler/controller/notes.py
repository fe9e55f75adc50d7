"""What the log is told of a target: changes, once each, and never a line a tick."""

import logging

from scaler.board import Target
from scaler.types import Decision

logger = logging.getLogger(__name__)

NOT_PERMITTED = "not-permitted"


def names(target: Target) -> dict[str, str]:
    """Return the fields that name a target in a log record."""
    # "name" is taken by the log record itself.
    key = target.key
    return {"scaled_object": f"{key.namespace}/{key.name}", "trigger": key.digest}


def note_problem(target: Target, reason: str, message: str) -> None:
    """Count a failed read, and log when the reason changes: once, not every tick.

    What the operator's rules forbid is the trigger's fault, so KEDA is told like of a bad key.
    """
    target.refusal = message if reason == NOT_PERMITTED else ""
    target.why = message
    if reason:
        target.problems[reason] = target.problems.get(reason, 0) + 1
    if reason == target.problem:
        return
    target.problem = reason
    if reason:
        logger.warning("source failed", extra={**names(target), "reason": reason, "why": message})
    else:
        logger.info("source answers again", extra=names(target))


def note_capacity(target: Target, why: str) -> None:
    """Keep why nothing new was learned of a replica's capacity, and log when that changes."""
    if why == target.why_no_capacity:
        return
    target.why_no_capacity = why
    if why:
        logger.info("capacity not learned", extra={**names(target), "why": why})
    else:
        logger.info("capacity learned", extra=names(target))


def log_change(target: Target, before: Decision | None, after: Decision) -> None:
    """Log what changed between two decisions, if anything did."""
    if before is not None and before.seen.evidence is not after.seen.evidence:
        fields = {"before": str(before.seen.evidence), "after": str(after.seen.evidence)}
        logger.warning("evidence changed", extra={**names(target), **fields})
    if before is None or before.replicas != after.replicas:
        logger.info(
            "replicas changed",
            extra={
                **names(target),
                "before": None if before is None else before.replicas,
                "after": after.replicas,
                "evidence": str(after.seen.evidence),
                "rules": [f"{step.rule} {step.before}->{step.after}" for step in after.moved],
            },
        )
