"""The trigger as it was understood, in the words of its keys. Secrets never get here."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from scaler.page.tree import tag
from scaler.page.view import FIELDS, TriggerView
from scaler.words import duration, number

NOT_SHOWN = "(not shown: it came from the workload's environment)"


def trigger_panel(trigger: TriggerView | None) -> Element | None:
    """Return the panel; None for a trigger that can't be used."""
    if trigger is None:
        return None
    rows = (
        tag("div", tag("dt", key), tag("dd", tag("code", value) if key == "query" else value))
        for key, value in trigger_rows(trigger)
    )
    return tag("div", tag("h2", "Trigger"), tag("dl", rows, class_="keys"), class_="panel wide")


def trigger_rows(trigger: TriggerView) -> Iterator[tuple[str, str]]:
    """Yield each key with what was understood; for the terminal too."""
    yield "query", NOT_SHOWN if trigger.query is None else trigger.query
    yield "source", trigger.source
    yield "threshold", _threshold(trigger)
    yield "leadTimeSeconds", _lead(trigger)
    yield "quantile", f"{trigger.quantile:g}"
    yield "warmFloor", str(trigger.warm_floor_replicas)
    yield "maxReplicas", str(trigger.max_replicas)
    yield "activationThreshold", f"{trigger.activation_threshold:g}"
    yield "historyDays", f"{trigger.history_days:g}, a point every {trigger.step_seconds:g} s"
    yield "staleAfterSeconds", f"{trigger.stale_after_seconds:g}, then {trigger.on_stale}"
    yield "ignoreNullValues", "true: empty is zero" if trigger.is_empty_zero else "false"
    yield "timezone", trigger.time_zone
    yield "mode", trigger.mode
    yield from trigger.given
    yield from ((key, NOT_SHOWN) for key in trigger.hidden_keys if key not in FIELDS)
    if trigger.auth_modes:
        yield "authModes", ", ".join(trigger.auth_modes)
    if trigger.n_custom_headers:
        yield "customHeaders", f"{trigger.n_custom_headers} (values not shown)"
    if trigger.n_query_parameters:
        yield "queryParameters", f"{trigger.n_query_parameters} (values not shown)"


def _threshold(trigger: TriggerView) -> str:
    text = f"{number(trigger.threshold)} of demand for each replica"
    return f"auto; {text} until it is measured" if trigger.is_threshold_auto else text


def _lead(trigger: TriggerView) -> str:
    seconds = duration(trigger.lead_time_seconds)
    return f"auto; {seconds} until it is measured" if trigger.is_lead_time_auto else seconds
