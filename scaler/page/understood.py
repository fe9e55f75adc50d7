"""A trigger as it was understood, without what may be secret."""

from scaler.destinations import DEFAULT_PORTS, BadAddress, parse_address
from scaler.metadata import Trigger
from scaler.page.view import FIELDS, TriggerView

NOT_SHOWN = "not shown"


def trigger_view(trigger: Trigger) -> TriggerView:
    """Return what may be seen of a trigger."""
    params, query = trigger.params, trigger.query
    hidden = trigger.hidden_keys
    secret = [("customHeaders", query.headers), ("queryParameters", query.parameters)]
    names = hidden | {name for name, pairs in secret if pairs}
    return TriggerView(
        query=None if "query" in hidden else query.query,
        source=NOT_SHOWN if "serverAddress" in hidden else source_text(query.server_address),
        threshold=params.threshold,
        activation_threshold=params.activation_threshold,
        warm_floor_replicas=params.warm_floor,
        max_replicas=params.max_replicas,
        lead_time_seconds=params.lead_time_seconds,
        is_lead_time_auto=trigger.is_lead_time_measured,
        quantile=params.quantile,
        history_days=params.history_days,
        step_seconds=params.step_seconds,
        stale_after_seconds=params.stale_after_seconds,
        time_zone=str(params.zone),
        mode=str(params.mode),
        on_stale=str(params.on_stale),
        is_empty_zero=trigger.zero_when_empty,
        auth_modes=query.auth_modes,
        n_custom_headers=len(query.headers),
        n_query_parameters=len(query.parameters),
        hidden_keys=tuple(sorted(names)),
        is_threshold_auto=trigger.capacity_queries is not None,
        given=tuple((key, text) for key, text in trigger.given if key not in FIELDS),
    )


def source_text(address: str | None) -> str:
    """Return scheme, host and port alone: a path may hold a token, and a user part a password."""
    if address is None:
        return "the scaler's default"
    try:
        parsed = parse_address(address)
    except BadAddress:
        return NOT_SHOWN
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    port = "" if parsed.port == DEFAULT_PORTS[parsed.scheme] else f":{parsed.port}"
    return f"{parsed.scheme}://{host}{port}"
