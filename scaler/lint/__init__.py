"""What in a ScaledObject would spoil a prediction: a visible tuple of small rules over its fields.

A rule is named after what it looks at, and says a sentence with numbers and the YAML that settles
it. Where KEDA or the HPA have a default, the rule judges the default. Facts about them are those
of KEDA 2.21 and Kubernetes 1.37; where an older version differs, the sentence says so.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from scaler.lint.bounds import (
    cooldown_period,
    fallback_missing,
    fallback_shrinks,
    idle_replicas,
    other_triggers,
    paused,
    polling_interval,
    repeated_triggers,
    replica_bounds,
    scale_to_zero,
    scaling_modifiers,
    warm_floor_below_minimum,
)
from scaler.lint.calendar import calendar_zone, event_demand, leading_query
from scaler.lint.decision import hpa_tolerance, max_capacity, scheduled_floors
from scaler.lint.facts import Facts, NotKnown, Rule, Said, TriggerRule
from scaler.lint.fields import OBJECT, field_problems
from scaler.lint.pace import (
    scale_down_window,
    scale_up_rate,
    scale_up_stabilization,
    scale_up_tolerance,
    scaling_disabled,
)
from scaler.lint.trigger import (
    cached_metrics,
    credentials,
    empty_answers,
    history_days,
    keys_without_effect,
    lead_time,
    metric_type,
    observe_mode,
    query_of_counter,
    query_of_served,
    query_per_pod,
    scaler_address,
    server_address,
    tls_keys,
)
from scaler.manifest import Finding, ReadTrigger, ScaledObject

RULES: tuple[Rule, ...] = (
    scale_up_tolerance,
    scale_up_stabilization,
    scaling_disabled,
    scale_up_rate,
    scale_down_window,
    warm_floor_below_minimum,
    replica_bounds,
    idle_replicas,
    scale_to_zero,
    polling_interval,
    cooldown_period,
    fallback_missing,
    fallback_shrinks,
    other_triggers,
    repeated_triggers,
    scaling_modifiers,
    paused,
)
TRIGGER_RULES: tuple[TriggerRule, ...] = (
    metric_type,
    cached_metrics,
    scaler_address,
    tls_keys,
    keys_without_effect,
    lead_time,
    observe_mode,
    history_days,
    server_address,
    credentials,
    query_of_counter,
    query_per_pod,
    query_of_served,
    empty_answers,
    calendar_zone,
    event_demand,
    leading_query,
    hpa_tolerance,
    max_capacity,
    scheduled_floors,
)


def lint(scaled_object: ScaledObject, triggers: Sequence[ReadTrigger]) -> tuple[Finding, ...]:
    """Return everything there is to say about an object and its prewarm triggers."""
    findings = [_finding("field", said) for said in field_problems(scaled_object.node, OBJECT)]
    if triggers:
        facts = Facts(scaled_object=scaled_object, triggers=tuple(triggers))
        findings += [_finding(_name(rule), said) for rule in RULES for said in _said(rule(facts))]
        findings += [
            _finding(_name(rule), said)
            for read in triggers
            for rule in TRIGGER_RULES
            for said in _said(rule(facts, read))
        ]
    return tuple(findings)


def _said(found: Iterator[Said]) -> Iterator[Said]:
    """Yield what a rule says until it needs what isn't known."""
    with suppress(NotKnown):
        yield from found


def _name(rule: Rule | TriggerRule) -> str:
    return rule.__name__.replace("_", "-")


def _finding(rule: str, said: Said) -> Finding:
    return Finding(
        rule=rule, severity=said.severity, line=said.node.line, text=said.text, paste=said.paste
    )
