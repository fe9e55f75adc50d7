"""The verdict in words."""

from simulations.verdict import Outcome, Verdict


def duration(seconds: float) -> str:
    """Return a span of time as a person says it: 45 s, 6 min 15 s, 1 h 2 min."""
    whole = round(abs(seconds))
    hours, minutes, rest = whole // 3_600, whole % 3_600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def sentences(verdict: Verdict) -> tuple[str, ...]:
    """Return what happened on both sides, and what it cost."""
    return (
        f"Prewarm: {_rise(verdict, verdict.prewarm)} {_shortage(verdict.prewarm)}",
        f"Reactive: {_rise(verdict, verdict.reactive)} {_shortage(verdict.reactive)}",
        _cost(verdict),
    )


def complaints(verdict: Verdict) -> tuple[str, ...]:
    """Return one line for each promise that was not kept."""
    lead_time = duration(verdict.terms.lead_time_seconds)
    lines = []
    if verdict.lead_seconds is None:
        lines.append(f"the target never rose to the {verdict.needed} replicas that demand needed")
    elif not verdict.is_ahead:
        lines.append(
            f"the target rose {_ahead(verdict.lead_seconds)} demand needed {verdict.needed} "
            f"replicas; it had to be at least the lead time, {lead_time}, before"
        )
    if not verdict.is_foresight:
        lines.append("the target stood that high from the beginning, so nothing was foreseen")
    if not verdict.is_floor_kept:
        lines.append(
            f"an answer of {verdict.lowest_answer} fell under the warm floor of "
            f"{verdict.terms.warm_floor}"
        )
    return tuple(lines)


def _ahead(lead_seconds: float) -> str:
    if lead_seconds > 0:
        return f"{duration(lead_seconds)} before"
    return f"{duration(lead_seconds)} after" if lead_seconds < 0 else "at the moment when"


def _rise(verdict: Verdict, outcome: Outcome) -> str:
    if outcome.risen_at is None:
        return f"the target never rose to the {verdict.needed} replicas that demand needed."
    text = (
        f"the target rose to {verdict.needed} replicas "
        f"{_ahead(verdict.needed_at - outcome.risen_at)} demand needed them "
        f"(lead time {duration(verdict.terms.lead_time_seconds)})"
    )
    if outcome.covered_at is None:
        return f"{text}, and they were not ready by the end."
    return f"{text}: {readiness(verdict, outcome.covered_at)}."


def readiness(verdict: Verdict, covered_at: float) -> str:
    """Return how early or late as many pods were ready as the spike needed."""
    early = verdict.needed_at - covered_at
    when = f"{duration(early)} {'early' if early > 0 else 'late'}" if early else "just in time"
    return f"{verdict.needed} ready {when}"


def _shortage(outcome: Outcome) -> str:
    if not outcome.short_seconds:
        return "Demand was never above the capacity that was ready."
    return (
        f"Demand was above the capacity that was ready for {duration(outcome.short_seconds)}, "
        f"at worst by {outcome.worst_shortfall:.0f} requests/s."
    )


def _cost(verdict: Verdict) -> str:
    more = verdict.prewarm.replica_seconds - verdict.reactive.replica_seconds
    share = more / verdict.reactive.replica_seconds
    return (
        f"Price: {abs(more) / 60:.0f} replica-minutes {'more' if more >= 0 else 'less'} than the "
        f"reactive answer ({share:+.0%})."
    )
