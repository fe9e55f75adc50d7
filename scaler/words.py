"""What a decision says, in words: for `check`, `explain` and the status page alike."""

from collections.abc import Callable
from itertools import pairwise
from math import isnan

from scaler.capacity import replicas_for
from scaler.params import Mode, TargetParams
from scaler.policy import RULES
from scaler.types import Decision, Evidence, Limit, Seen, Step

# A rule of the policy in words: the first sentence about it in the code, which can't go stale.
WORDS = {rule.__name__: (rule.__doc__ or "").partition("\n")[0] for rule in RULES}
LIMITS = {
    Limit.MAX_REPLICAS: "the ceiling is reached",
    Limit.NO_ROOM: "no node has room for them",
    Limit.HPA_TOLERANCE: "the next count that the HPA acts on lies above the ceiling",
}
THOUSAND = 1_000.0
SUFFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
ROUNDS_UP = 0.9995  # from here on three digits would be a power of ten


def number(value: float) -> str:
    """Return a figure in at most eight characters, three of them digits that count."""
    if value >= ROUNDS_UP * SUFFIXES[-1][0]:
        for limit, suffix in SUFFIXES:
            if value >= ROUNDS_UP * limit:
                return f"{value / limit:.3g}{suffix}"
    return f"{value:.0f}" if value >= ROUNDS_UP * THOUSAND else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units, such as `4 min 15 s`."""
    whole = round(max(0.0, seconds))
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for (size, unit), (lesser, lesser_unit) in pairwise(units):
        if whole >= size:
            rest = whole % size // lesser
            return f"{whole // size} {unit}" + (f" {rest} {lesser_unit}" if rest else "")
    return f"{whole} s"


def answer(decision: Decision) -> str:
    """Return what KEDA is told."""
    if decision.is_withheld:
        return "an error (onStale: error)"
    if decision.replicas == 0:
        return f"0 replicas{', but active' if decision.is_active else ' and inactive'}"
    return replicas(decision.replicas)


def replicas(count: int) -> str:
    """Return a count with its noun."""
    return f"{count} replica" if count == 1 else f"{count} replicas"


def mode_text(mode: str, in_force: str | None) -> str:
    """Return the trigger's mode, and what `prove` and `advise` come to now."""
    return f"mode: {mode}" if in_force in {None, mode} else f"mode: {mode}, in force: {in_force}"


def because(step: Step, decision: Decision, params: TargetParams) -> str:
    """Return why a rule moved the count, with its numbers; its sentence where it has none."""
    if step.rule == "cover_forecast" and _is_left_out(step, decision, params):
        until = "" if params.mode is Mode.OBSERVE else " for now"
        return f"mode: {params.mode} leaves the forecast out of the answer{until}."
    if step.rule in MOVED and step.after != step.before:
        return MOVED[step.rule](step, decision.seen, params) or WORDS[step.rule]
    return _bound(step, decision, params)


def _is_left_out(step: Step, decision: Decision, params: TargetParams) -> bool:
    """Whether the mode in force observes: with `prove` and `advise` the count alone tells."""
    if params.mode is Mode.PREDICT or step.after:
        return False
    forecast = decision.seen.forecast
    needed = 0 if forecast is None else replicas_for(forecast.value, decision.threshold)
    return params.mode is Mode.OBSERVE or needed > 0


def _bound(step: Step, decision: Decision, params: TargetParams) -> str:  # noqa: PLR0911 - a sentence each
    seen = decision.seen
    share = f"at {number(decision.threshold)} a replica"
    if step.rule == "cover_forecast" and seen.forecast is not None:
        ahead = duration(seen.forecast.horizon_seconds)
        peak = number(seen.forecast.value)
        return f"At most {peak} is expected in the next {ahead}; {share} that needs {step.after}."
    if step.rule == "cover_observed" and not isnan(seen.observed_demand):
        now = number(seen.observed_demand)
        return f"Demand is {now} now; {share} that needs {step.after}."
    if step.rule == "warm_floor":
        return f"The trigger keeps {params.warm_floor} warm, whatever the demand."
    if step.rule == "ceiling":
        return f"{_most(step, params)}; {step.before} were wanted."
    if step.rule == "answer_stale":
        return f"Demand is {seen.evidence}: the last good answer is held (onStale: hold)."
    if step.rule == "hold_fleet_unknown":
        return f"No demand was seen since the start, and {step.after} run: they are held."
    return WORDS.get(step.rule, "")


def _most(step: Step, params: TargetParams) -> str:
    """Say which limit it was: the trigger's, the object's below it, or the one that has risen."""
    if step.after < params.max_replicas:
        return f"The object's maxReplicaCount is {step.after}"
    if step.after > params.max_replicas:
        return f"maxReplicas is {params.max_replicas} and has risen to {step.after} by the forecast"
    return f"maxReplicas is {params.max_replicas}"


def _needed_again(step: Step, seen: Seen, _params: TargetParams) -> str:
    if seen.forecast_ahead is None:
        return ""
    ahead = duration(seen.forecast_ahead.horizon_seconds)
    peak = number(seen.forecast_ahead.value)
    return f"{peak} is expected again within {ahead}: {step.after} stay, not {step.before}."


def _noise(step: Step, _seen: Seen, params: TargetParams) -> str:
    margin = f"{params.release_margin:.3g}"
    return f"{step.before} could not carry a share of {margin} more demand (releaseMargin)."


def _starting(step: Step, seen: Seen, _params: TargetParams) -> str:
    if seen.fleet is None:
        return ""
    return f"{seen.fleet.starting} still start beside {seen.fleet.ready} ready: {step.after} stay."


def _until_fitted(step: Step, _seen: Seen, _params: TargetParams) -> str:
    return f"The first fit since a start is not over: {step.after} stay, not {step.before}."


def _pace(step: Step, _seen: Seen, params: TargetParams) -> str:
    limit = params.scale_down_limit
    if limit is None:
        return ""
    most = str(limit.replicas) if limit.ratio is None else f"{limit.ratio:.0%}"
    within = duration(limit.seconds)
    return f"scaleDownLimit lets {most} go within {within}: {step.after}, not {step.before}."


def _scheduled(step: Step, _seen: Seen, _params: TargetParams) -> str:
    return f"A schedule or event wants {step.after} ready; without it {step.before} were wanted."


def _fleet_unknown(step: Step, seen: Seen, _params: TargetParams) -> str:
    wanted = "what runs" if seen.fleet is None else f"{seen.fleet.wanted} that run"
    return f"No answer was ever given on evidence: of {wanted}, {step.after} are kept."


def _tolerance(step: Step, _seen: Seen, params: TargetParams) -> str:
    up, down = f"{params.hpa_tolerance:.0%}", f"{params.hpa_scale_down_tolerance:.0%}"
    return f"The HPA ignores changes below {up} up, {down} down: {step.after}, not {step.before}."


MOVED: dict[str, Callable[[Step, Seen, TargetParams], str]] = {
    "keep_needed_again": _needed_again,
    "hold_against_noise": _noise,
    "hold_while_starting": _starting,
    "hold_until_fitted": _until_fitted,
    "limit_scale_down": _pace,
    "scheduled_floor": _scheduled,
    "hold_fleet_unknown": _fleet_unknown,
    "pass_tolerance": _tolerance,
}


def evidence(state: str) -> str:
    """Return what is known of demand, in a sentence."""
    sentences: dict[str, str] = {
        Evidence.PENDING: "Nobody has looked yet; the first tick is under way.",
        Evidence.UNKNOWN: "Nothing was ever observed. Unknown is not zero.",
        Evidence.STALE: "The newest observation is too old to act on.",
        Evidence.FRESH: "Demand was observed lately.",
    }
    return sentences.get(state, "The trigger can't be used; the lines below say why.")
