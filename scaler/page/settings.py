"""The keys of a trigger: what was set, and what that comes to now. Secrets never get here."""

from collections.abc import Iterator

from scaler.metadata import Trigger
from scaler.page.understood import source_text
from scaler.page.view import FIELDS, SettingView
from scaler.types import Decision
from scaler.words import duration, number

HIDDEN = "not shown: it came from the workload's environment"
SECRET = "not shown"  # noqa: S105 - what stands in the place of one


def settings_of(
    trigger: Trigger, decision: Decision | None, mode_in_force: str
) -> tuple[SettingView, ...]:
    """Return each key that is set, and those that matter with their defaults.

    Without a decision nothing is measured yet: the trigger's own figures are in force.
    """
    given = dict(trigger.given)
    told = dict.fromkeys(trigger.hidden_keys, HIDDEN) | given
    shown = []
    for key, in_force in _in_force(trigger, decision, mode_in_force):
        set_to, default = told.get(key), None
        if set_to is not None and _is_same(set_to, in_force):
            set_to = in_force  # "4" and "4 a replica" are one
        if set_to is None:
            default = _default(key, trigger)
            default = None if default is None or _is_same(default, in_force) else default
        shown.append(SettingView(key=key, set_to=set_to, in_force=in_force, default=default))
    others = ((key, text) for key, text in told.items() if key not in FIELDS)
    shown += [SettingView(key=key, set_to=text, in_force=text) for key, text in others]
    shown += [SettingView(key=key, set_to=text, in_force=text) for key, text in _secrets(trigger)]
    return tuple(shown)


def _in_force(
    trigger: Trigger, decision: Decision | None, mode_in_force: str
) -> Iterator[tuple[str, str]]:
    params, query = trigger.params, trigger.query
    yield "query", HIDDEN if "query" in trigger.hidden_keys else query.query
    if "serverAddress" not in trigger.hidden_keys:
        yield "serverAddress", source_text(query.server_address)
    yield "threshold", _threshold(trigger, decision)
    yield "leadTimeSeconds", _lead_time(trigger, decision)
    yield "quantile", f"{params.quantile:.4g}"
    yield "warmFloor", str(params.warm_floor)
    yield "maxReplicas", _most(trigger, decision)
    yield "activationThreshold", f"{params.activation_threshold:g}"
    yield "historyDays", f"{params.history_days:g}"
    yield "stepSeconds", f"{params.step_seconds:g}"
    yield "staleAfterSeconds", f"{params.stale_after_seconds:g}"
    yield "onStale", str(params.on_stale)
    yield "ignoreNullValues", "true" if trigger.zero_when_empty else "false"
    yield "timezone", str(params.zone)
    yield "mode", mode_in_force


def _default(key: str, trigger: Trigger) -> str | None:
    """Return the default of a key whose figure in force may be another one."""
    if key == "leadTimeSeconds":
        return "auto"
    return str(trigger.params.max_replicas) if key == "maxReplicas" else None


def _is_same(set_to: str, in_force: str) -> bool:
    try:
        return float(set_to) == float(in_force.partition(" ")[0])
    except ValueError:
        return set_to == in_force


def _threshold(trigger: Trigger, decision: Decision | None) -> str:
    threshold = trigger.params.threshold if decision is None else decision.threshold
    text = f"{number(threshold)} a replica"
    if trigger.capacity_queries is None:
        return text
    is_learned = decision is not None and decision.seen.carried is not None
    kept = "learned earlier" if threshold != trigger.params.threshold else "thresholdPrior"
    return f"{text} ({'learned' if is_learned else kept})"


def _lead_time(trigger: Trigger, decision: Decision | None) -> str:
    seen = None if decision is None else decision.seen
    in_use = None if seen is None else seen.lead_seconds
    seconds = trigger.params.lead_time_seconds if in_use is None else in_use
    text = f"{seconds:.0f} s" if seconds < 60 else f"{seconds:.0f} s ({duration(seconds)})"  # noqa: PLR2004
    if not trigger.is_lead_time_measured:
        return text
    lead = None if seen is None else seen.lead_time
    is_measured = lead is not None and lead.is_measured
    return f"{text}, {'measured' if is_measured else 'a cautious prior until it is measured'}"


def _most(trigger: Trigger, decision: Decision | None) -> str:
    """Return the ceiling, and what in the cluster is below it."""
    most = trigger.params.max_replicas
    fleet = None if decision is None else decision.seen.fleet
    if fleet is None or fleet.max_replicas is None or fleet.max_replicas >= most:
        return str(most)
    return f"{fleet.max_replicas} (maxReplicaCount of the object)"


def _secrets(trigger: Trigger) -> Iterator[tuple[str, str]]:
    query = trigger.query
    if query.auth_modes and "authModes" not in trigger.hidden_keys:
        yield "authModes", ", ".join(query.auth_modes)
    for key, pairs in (("customHeaders", query.headers), ("queryParameters", query.parameters)):
        if pairs:
            yield key, f"{len(pairs)} ({SECRET})"
