"""Lints: an object that is fine, what is changed in it, and which rules then speak."""

from copy import deepcopy
from enum import Enum
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaler.lint import RULES, TRIGGER_RULES, lint
from scaler.lint.facts import Facts, quantity
from scaler.lint.pace import first_passing, reachable_replicas
from scaler.manifest import Finding, ScaledObject, Severity, read_manifest, read_trigger

FINE: dict[str, Any] = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "chat", "namespace": "llm", "annotations": {}},
    "spec": {
        "scaleTargetRef": {"name": "chat"},
        "minReplicaCount": 2,
        "maxReplicaCount": 40,
        "fallback": {
            "failureThreshold": 3,
            "replicas": 2,
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {
            "horizontalPodAutoscalerConfig": {
                "behavior": {
                    "scaleUp": {"tolerance": "0", "stabilizationWindowSeconds": 0},
                    "scaleDown": {},
                }
            }
        },
        "triggers": [
            {
                "type": "external",
                "metadata": {
                    "scalerAddress": "prewarm.keda.svc:6000",
                    "query": "sum(rate(gateway_requests_total[2m]))",
                    "threshold": "10",
                    "maxReplicas": "40",
                    "leadTimeSeconds": "240",
                },
            }
        ],
    },
}
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Mark(Enum):
    """What stands in `changes` for a value; its text is the same in every process."""

    REMOVED = "removed"


REMOVED = Mark.REMOVED
UP = "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp"
DOWN = "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown"
TRIGGER = "spec.triggers.0"
OURS = f"{TRIGGER}.metadata"
PAUSED = "metadata.annotations.autoscaling@keda@sh/paused"


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the fine object with other values at dotted paths; `@` stands for a dot in a key."""
    whole = deepcopy(FINE)
    for path, value in changes.items():
        *keys, last = (key.replace("@", ".") for key in path.split("."))
        place: Any = whole
        for key in keys:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        if value is REMOVED:
            del place[last]
        elif isinstance(place, list):
            place.insert(int(last), value)
        else:
            place[last] = value
    return whole


def read(whole: dict[str, Any], *others: dict[str, Any]) -> ScaledObject:
    text = yaml.dump_all([whole, *others], Dumper=DUMPER, sort_keys=False)
    (found,) = read_manifest(text.encode()).scaled_objects
    return found


def findings(changes: dict[str, Any], *others: dict[str, Any]) -> tuple[Finding, ...]:
    scaled_object = read(changed(changes), *others)
    reads = [read_trigger(scaled_object, entry) for entry in scaled_object.prewarm_triggers]
    return lint(scaled_object, reads)


def said(changes: dict[str, Any], *others: dict[str, Any]) -> list[str]:
    return [f"{each.severity} {each.rule}" for each in findings(changes, *others)]


def policy(kind: str, value: int, period: int) -> dict[str, Any]:
    return {"type": kind, "value": value, "periodSeconds": period}


CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
SECOND = f"{TRIGGER[:-1]}1"
SERVED = "sum(rate(vllm:request_success_total[2m]))"
MODIFIERS = "spec.advanced.scalingModifiers"

# What is changed in the fine object, what is said then, and why.
LINTS: tuple[tuple[dict[str, Any], list[str], str], ...] = (
    ({}, [], "the fine object is fine"),
    ({f"{UP}.tolerance": REMOVED}, ["warning scale-up-tolerance"], "the HPA's default is 0.1"),
    ({f"{UP}.tolerance": 0}, [], "a number is a quantity too"),
    ({f"{UP}.tolerance": "20m"}, [], "2 % of 40 replicas is less than one"),
    (
        {f"{UP}.tolerance": REMOVED, f"{OURS}.hpaTolerance": "0.1"},
        [],
        "answers pass the tolerance that the HPA has",
    ),
    ({f"{OURS}.hpaTolerance": "0.1"}, ["warning hpa-tolerance"], "the HPA has none"),
    ({f"{OURS}.hpaScaleDownTolerance": "0.1"}, [], "the HPA's default"),
    (
        {f"{OURS}.hpaScaleDownTolerance": "0.1", f"{DOWN}.tolerance": "0"},
        ["warning hpa-tolerance"],
        "the HPA gives each step back",
    ),
    (
        {
            f"{OURS}.maxCapacityBehavior": "IncreaseMaxCapacity",
            f"{OURS}.maxCapacityBuffer": "10",
        },
        ["warning max-capacity"],
        "the HPA stops at 40 as well",
    ),
    (
        {
            f"{OURS}.maxCapacityBehavior": "IncreaseMaxCapacity",
            f"{OURS}.maxCapacityBuffer": "10",
            f"{OURS}.maxReplicas": "20",
        },
        [],
        "room to rise, and more than maxReplicas may come",
    ),
    (
        {
            f"{OURS}.scheduledFloors": "50 for 1h from 0 8 * * *",
            f"{OURS}.maxReplicas": "60",
        },
        ["note replica-bounds", "warning scheduled-floors"],
        "more than the object allows",
    ),
    ({f"{UP}.tolerance": "0.05"}, ["warning scale-up-tolerance"], "swallows 20 -> 21"),
    (
        {f"{UP}.tolerance": REMOVED, "spec.maxReplicaCount": 10, f"{OURS}.maxReplicas": "10"},
        [],
        "up to 10 replicas each step up is more than 10 %",
    ),
    (
        {f"{UP}.tolerance": REMOVED, "spec.maxReplicaCount": 11, f"{OURS}.maxReplicas": "11"},
        ["warning scale-up-tolerance"],
        "10 -> 11 is exactly 10 %, which is within the tolerance",
    ),
    (
        {f"{UP}.stabilizationWindowSeconds": 60},
        ["warning scale-up-stabilization"],
        "takes 60 s of 240",
    ),
    (
        {f"{UP}.stabilizationWindowSeconds": 300},
        ["error scale-up-stabilization"],
        "llm-d's default is longer than the whole lead time",
    ),
    ({f"{UP}.selectPolicy": "Disabled"}, ["error scaling-disabled"], "nothing goes up"),
    ({f"{DOWN}.selectPolicy": "Disabled"}, ["warning scaling-disabled"], "nothing goes down"),
    ({f"{UP}.policies": [policy("Pods", 1, 60)]}, ["warning scale-up-rate"], "2 -> 7 in 240 s"),
    ({f"{UP}.policies": [policy("Percent", 100, 15)]}, [], "2 -> 40 takes five syncs"),
    (
        {f"{UP}.policies": [policy("Percent", 100, 60)], f"{OURS}.leadTimeSeconds": "120"},
        ["warning scale-up-rate"],
        "2 -> 4 -> 8 -> 16 is all that 120 s allow",
    ),
    (
        {
            f"{UP}.policies": [policy("Pods", 40, 15), policy("Pods", 1, 60)],
            f"{UP}.selectPolicy": "Min",
        },
        ["warning scale-up-rate"],
        "the slower of two policies counts",
    ),
    (
        {f"{UP}.policies": [policy("Pods", 40, 15), policy("Pods", 1, 60)]},
        [],
        "the faster of two policies counts by default",
    ),
    ({f"{DOWN}.stabilizationWindowSeconds": 0}, ["warning scale-down-window"], "gone at a dip"),
    ({f"{DOWN}.stabilizationWindowSeconds": 300}, [], "KEDA's default, written out"),
    ({f"{DOWN}.stabilizationWindowSeconds": 3600}, ["note scale-down-window"], "an hour a spike"),
    ({f"{OURS}.warmFloor": "2"}, [], "the floor that minReplicaCount holds"),
    (
        {f"{OURS}.warmFloor": "5"},
        ["warning warm-floor-below-minimum"],
        "KEDA alone would go to 2",
    ),
    ({f"{OURS}.warmFloor": "1"}, ["note warm-floor-below-minimum"], "2 are kept anyway"),
    (
        {f"{OURS}.warmFloor": "30", "spec.maxReplicaCount": 20},
        ["error warm-floor-below-minimum", "note replica-bounds"],
        "the HPA stops at 20",
    ),
    (
        {"spec.minReplicaCount": REMOVED, f"{OURS}.warmFloor": "1"},
        ["warning warm-floor-below-minimum", "note empty-answers"],
        "minReplicaCount is 0 by default: KEDA goes to zero when the scaler is gone",
    ),
    (
        {"spec.minReplicaCount": 0},
        ["note scale-to-zero", "note empty-answers"],
        "a surprise at zero waits the whole lead time",
    ),
    (
        {"spec.minReplicaCount": 0, f"{OURS}.ignoreNullValues": "true"},
        ["note scale-to-zero"],
        "said what an empty answer means",
    ),
    ({f"{OURS}.maxReplicas": REMOVED}, ["note replica-bounds"], "100, and the HPA stops at 40"),
    ({f"{OURS}.maxReplicas": "20"}, ["warning replica-bounds"], "20 of 40 can be asked for"),
    ({f"{OURS}.maxReplicas": "20", "spec.maxReplicaCount": REMOVED}, [], "100 is no intention"),
    ({f"{OURS}.maxReplicas": "1"}, ["error replica-bounds"], "below minReplicaCount"),
    ({"spec.minReplicaCount": 50}, ["error replica-bounds"], "above maxReplicaCount"),
    ({"spec.minReplicaCount": 40}, ["warning replica-bounds"], "no room"),
    ({"spec.idleReplicaCount": 0}, [], "the one value that works"),
    ({"spec.idleReplicaCount": 1}, ["warning idle-replicas"], "only 0 works"),
    ({"spec.idleReplicaCount": 2}, ["error idle-replicas"], "must be below minReplicaCount"),
    (
        {"spec.idleReplicaCount": 0, f"{OURS}.warmFloor": "2"},
        ["warning idle-replicas"],
        "always active, so never idle",
    ),
    ({"spec.pollingInterval": 15}, ["note polling-interval"], "KEDA 2.21 doesn't poll here"),
    (
        {"spec.pollingInterval": 120, "spec.idleReplicaCount": 0},
        ["warning polling-interval"],
        "wakes 120 s late",
    ),
    (
        {
            "spec.pollingInterval": 120,
            "spec.idleReplicaCount": 0,
            f"{TRIGGER}.type": "external-push",
        },
        [],
        "a push doesn't wait for the poll",
    ),
    ({"spec.cooldownPeriod": 60}, ["note cooldown-period"], "never goes to zero"),
    (
        {"spec.cooldownPeriod": 60, "spec.idleReplicaCount": 0},
        ["warning cooldown-period"],
        "gone after 60 s, back after 240",
    ),
    ({"spec.cooldownPeriod": 300, "spec.idleReplicaCount": 0}, [], "KEDA's own default"),
    ({"spec.fallback": REMOVED}, ["note fallback-missing"], "nobody acts on an error"),
    (
        {"spec.fallback": REMOVED, f"{OURS}.onStale": "error"},
        ["warning fallback-missing"],
        "asked for an error and left it to nobody",
    ),
    (
        {"spec.fallback.behavior": REMOVED},
        ["warning fallback-shrinks"],
        "static is the default: 40 at work become 2",
    ),
    ({"spec.fallback.behavior": "static", "spec.fallback.replicas": 40}, [], "never shrinks"),
    (
        {"spec.fallback.behavior": "currentReplicasIfLower"},
        ["warning fallback-shrinks"],
        "the lower of what runs and 2",
    ),
    ({SECOND: CPU}, ["note other-triggers"], "raises the number, or blocks scaling down"),
    (
        {
            SECOND: {
                "type": "prometheus",
                "metadata": {"query": FINE["spec"]["triggers"][0]["metadata"]["query"]},
            }
        },
        ["warning other-triggers"],
        "the observed demand is covered anyway",
    ),
    (
        {SECOND: {"type": "prometheus", "metadata": {"query": "up", "warmFloor": "2"}}},
        ["warning other-triggers"],
        "somebody forgot to change the type",
    ),
    ({SECOND: FINE["spec"]["triggers"][0]}, ["warning repeated-triggers"], "one target, twice"),
    (
        {f"{MODIFIERS}.formula": "a + b", f"{MODIFIERS}.target": "1"},
        ["error scaling-modifiers"],
        "the trigger has no name that a formula could use",
    ),
    (
        {
            f"{MODIFIERS}.formula": "max(ahead, 2)",
            f"{MODIFIERS}.target": "1",
            f"{TRIGGER}.name": "ahead",
        },
        [],
        "uses the prediction as it is",
    ),
    (
        {
            f"{MODIFIERS}.formula": "aheads + 1",
            f"{MODIFIERS}.target": "1",
            f"{TRIGGER}.name": "ahead",
        },
        ["error scaling-modifiers"],
        "a longer word is another trigger",
    ),
    (
        {
            f"{MODIFIERS}.formula": "ahead",
            f"{MODIFIERS}.target": "10",
            f"{TRIGGER}.name": "ahead",
        },
        ["warning scaling-modifiers"],
        "a tenth of the replicas",
    ),
    (
        {
            f"{MODIFIERS}.formula": "ahead",
            f"{MODIFIERS}.target": "1",
            f"{MODIFIERS}.metricType": "Value",
            f"{TRIGGER}.name": "ahead",
        },
        ["error scaling-modifiers"],
        "multiplies by ready pods",
    ),
    ({PAUSED: "true"}, ["warning paused"], "nobody asks the scaler"),
    ({PAUSED: "false"}, [], "not paused"),
    ({PAUSED: "no"}, ["warning paused"], "KEDA takes what is no boolean as true"),
    ({f"{PAUSED}-replicas": "0"}, ["warning paused"], "any number pauses"),
    ({f"{PAUSED}-scale-out": "true"}, ["warning paused"], "no prediction has an effect"),
    ({f"{PAUSED}-scale-in": "true"}, ["note paused"], "what was warmed stays"),
    ({f"{TRIGGER}.metricType": "AverageValue"}, [], "KEDA's default"),
    ({f"{TRIGGER}.metricType": "Value"}, ["error metric-type"], "3 x 3 ready = 9"),
    ({f"{TRIGGER}.metricType": "Utilization"}, ["error metric-type"], "KEDA refuses it"),
    ({f"{TRIGGER}.useCachedMetrics": True}, ["warning cached-metrics"], "older answers"),
    ({f"{OURS}.scalerAddress": REMOVED}, ["error scaler-address"], "KEDA needs it"),
    ({f"{OURS}.scalerAddress": "http://s:6000"}, ["error scaler-address"], "gRPC has no http://"),
    ({f"{OURS}.scalerAddress": "dns:///s:6000"}, [], "gRPC's own scheme"),
    ({f"{OURS}.scalerAddress": "s.keda.svc"}, ["warning scaler-address"], "443, then"),
    ({f"{OURS}.scalerAddress": "localhost:6000"}, ["warning scaler-address"], "KEDA's own pod"),
    ({f"{OURS}.caCert": "x"}, ["warning tls-keys"], "only from a TriggerAuthentication"),
    ({f"{OURS}.tlsCertFile": "x"}, ["warning tls-keys"], "gone since 2.17"),
    ({f"{OURS}.enableTLS": "yes"}, ["error tls-keys"], "Go's ParseBool refuses it"),
    ({f"{OURS}.enableTLS": "true"}, [], "as it should be"),
    ({f"{OURS}.timeout": "3"}, ["note keys-without-effect"], "the operator's to decide"),
    ({f"{OURS}.unsafeSsl": "true"}, ["note keys-without-effect"], "turns on nothing"),
    (
        {f"{OURS}.unsafeSsl": "true", f"{OURS}.enableTLS": "true"},
        ["warning keys-without-effect"],
        "takes any certificate",
    ),
    ({f"{OURS}.leadTimeSeconds": "20"}, ["warning lead-time"], "poll and sync alone take 30 s"),
    ({f"{OURS}.leadTimeSeconds": "45"}, ["warning lead-time"], "less than a step of 60 s"),
    ({f"{OURS}.leadTimeSeconds": "auto"}, [], "330 s"),
    ({f"{OURS}.mode": "observe"}, ["note observe-mode"], "a dry run"),
    ({f"{OURS}.mode": "prove"}, ["note observe-mode"], "a dry run at first"),
    ({f"{OURS}.mode": "advise"}, ["note observe-mode"], "a dry run until approved"),
    ({f"{OURS}.historyDays": "3"}, ["note history-days"], "no weekend in it"),
    ({f"{OURS}.serverAddress": "http://p:9090"}, ["note server-address"], "must be permitted"),
    ({f"{OURS}.serverAddress": "p:9090"}, ["error server-address"], "no scheme"),
    ({f"{OURS}.customHeaders": "Authorization=x"}, ["warning credentials"], "public"),
    ({f"{OURS}.customHeaders": "X-Scope-OrgID=a"}, [], "no secret"),
    ({f"{OURS}.authModes": "bearer"}, ["note credentials"], "configured by the operator"),
    ({f"{OURS}.query": "sum(a_total)"}, ["warning query-of-counter"], "only grows"),
    ({f"{OURS}.query": "sum(increase(a_total[2m]))"}, [], "grows no more"),
    ({f"{OURS}.query": "job:a_total:rate2m"}, [], "a recorded rate"),
    ({f"{OURS}.query": "avg(rate(a_total[2m]))"}, ["warning query-per-pod"], "falls with each pod"),
    ({f"{OURS}.query": "sum(avg_over_time(a[5m]))"}, [], "an average over time is fine"),
    (
        {f"{OURS}.events": "2026-12-01T09:00Z for 4h demand 401"},
        ["warning event-demand"],
        "40 replicas of 10 carry 400",
    ),
    ({f"{OURS}.events": "2026-12-01T09:00Z for 4h demand 400"}, [], "and that much is fine"),
    (
        {f"{OURS}.events": "2026-12-01T09:00Z for 4h demand 401", f"{OURS}.threshold": "x"},
        [],
        "what one replica carries can't be read: an error, and the only finding",
    ),
    (
        {f"{OURS}.events": "2026-12-01T09:00Z for 4h demand 401", f"{OURS}.maxReplicas": "x"},
        ["warning event-demand"],
        "maxReplicaCount holds whatever maxReplicas should have been",
    ),
    (
        {
            f"{OURS}.events": "2026-12-01T09:00Z for 4h demand 401",
            f"{OURS}.maxReplicas": "30",
            f"{OURS}.maxCapacityBehavior": "IncreaseMaxCapacity",
            f"{OURS}.maxCapacityBuffer": "10",
            "spec.maxReplicaCount": 41,
        },
        [],
        "the ceiling rises to the event",
    ),
    ({f"{OURS}.maxReplicas": "x"}, [], "no rule judges by a default that nobody chose"),
    ({f"{OURS}.warmFloor": "x"}, [], "nor of a floor"),
    (
        {f"{OURS}.leadTimeSeconds": "4m", f"{UP}.stabilizationWindowSeconds": 300},
        [],
        "nor of a lead time",
    ),
    (
        {f"{OURS}.threshold": "auto", f"{OURS}.maxReplicas": "30"},
        ["warning replica-bounds"],
        "what threshold: auto lacks leaves maxReplicas as it is",
    ),
    ({f"{OURS}.holidays": "DE"}, ["warning calendar-zone"], "whose days? UTC's"),
    ({f"{OURS}.holidays": "DE", f"{OURS}.timezone": "Europe/Berlin"}, [], "its own days"),
    (
        {f"{OURS}.events": "2026-11-27T08:00 for 4h outage"},
        ["warning calendar-zone"],
        "eight o'clock of UTC",
    ),
    ({f"{OURS}.events": "2026-11-27T08:00Z for 4h outage"}, [], "it says which eight o'clock"),
    (
        {f"{OURS}.events": "2026-11-27T08:00Z to 2026-11-28 outage"},
        ["warning calendar-zone"],
        "the end doesn't",
    ),
    (
        {f"{OURS}.events": "cron 0 9 * * 1 for 2h factor 2"},
        ["warning calendar-zone"],
        "cron has no zone",
    ),
    ({f"{OURS}.leadingQueries": "portal: sum(rate(a_total[2m]))"}, [], "a rate may lead"),
    (
        {f"{OURS}.leadingQueries": "portal: sum(a_total)"},
        ["warning leading-query"],
        "a counter only grows",
    ),
    (
        {f"{OURS}.leadingQueries": "sum( rate(gateway_requests_total[2m]) )"},
        ["warning leading-query"],
        "the main query itself",
    ),
    ({f"{OURS}.query": "vllm:num_requests_waiting"}, ["warning query-per-pod"], "a series a pod"),
    (
        {f"{OURS}.query": SERVED},
        ["note query-of-served"],
        "levels off when all is full",
    ),
    (
        {f"{OURS}.query": f"{SERVED} + sum(vllm:num_requests_waiting)"},
        [],
        "what queues is counted in",
    ),
    # What the API server refuses or drops.
    ({"apiVersion": "keda.k8s.io/v1alpha1"}, ["error field"], "KEDA 1"),
    (
        {"spec.minReplicaCount": "2"},
        ["error field", "note scale-to-zero", "note empty-answers"],
        "text, so there is no minimum",
    ),
    ({"spec.pollingInterval": 0}, ["error field", "note polling-interval"], "at least 1"),
    ({f"{OURS}.threshold": 10}, ["error field"], "a number where KEDA takes text"),
    ({f"{OURS}.ignoreNullValues": True}, ["error field"], "a boolean where KEDA takes text"),
    ({f"{OURS}.timezone": None}, ["error field"], "empty"),
    ({f"{OURS}.timezone": {"a": 1}}, ["error field"], "a mapping"),
    (
        {SECOND: {**CPU, "metadata": {"value": 60}}},
        ["error field", "note other-triggers"],
        "other triggers too",
    ),
    ({"spec.minReplicas": 2}, ["warning field"], "the HPA's word; KEDA's object drops it"),
    ({f"{UP}.tolerancce": "0"}, ["warning field"], "misspelt"),
    ({f"{UP}.tolerance": "-1"}, ["error field"], "negative"),
    (
        {f"{UP}.tolerance": 0.05},
        ["error field", "warning scale-up-tolerance"],
        "the schema takes whole numbers and text",
    ),
    ({f"{UP}.policies": [{"type": "Pods", "value": 40}]}, ["error field"], "no periodSeconds"),
    ({f"{TRIGGER}.authenticationRef": {"namee": "a"}}, ["warning field", "error field"], "no name"),
    ({f"{UP}.policies": []}, ["error field"], "an empty list is refused"),
    ({f"{UP}.policies": [policy("Pods", 40, 3600)]}, ["error field"], "1,800 s at most"),
    (
        {f"{UP}.stabilizationWindowSeconds": 4000},
        ["error field", "error scale-up-stabilization"],
        "3,600 s at most",
    ),
    (
        {"spec.fallback": {"replicas": 3}},
        ["error field", "warning fallback-shrinks"],
        "needs failureThreshold",
    ),
    ({"spec.fallback.behavior": "keep"}, ["error field"], "no such behavior"),
    ({"spec.scaleTargetRef": REMOVED}, ["error field"], "nothing to scale"),
    ({"spec.advanced": ["x"]}, ["error field", "warning scale-up-tolerance"], "a list"),
)


@pytest.mark.parametrize(("changes", "want", "why"), LINTS, ids=lambda each: str(each)[:60])
def test_each_rule_speaks_when_it_should_and_no_other(
    changes: dict[str, Any], want: list[str], why: str
):
    assert said(changes) == want, why


def test_every_rule_is_in_the_table():
    in_table = {each.split()[1] for _, want, _ in LINTS for each in want}
    names = {rule.__name__.replace("_", "-") for rule in (*RULES, *TRIGGER_RULES)}
    assert in_table == names | {"field"}


@pytest.mark.parametrize("changes", [changes for changes, want, _ in LINTS if want])
def test_what_is_said_fits_on_a_line_and_its_paste_is_yaml(changes: dict[str, Any]):
    for finding in findings(changes):
        assert "\n" not in finding.text
        assert len(finding.text) < 240
        assert finding.line > 0
        if finding.paste:
            assert isinstance(yaml.safe_load(finding.paste), dict)


@pytest.mark.parametrize(
    "changes",
    [
        changes
        for changes, want, _ in LINTS
        if [each.split()[1] for each in want]
        in (
            ["scale-up-tolerance"],
            ["scale-up-stabilization"],
            ["scale-up-rate"],
            ["scale-down-window"],
            ["scaling-disabled"],
            ["cooldown-period"],
            ["fallback-missing"],
            ["fallback-shrinks"],
        )
    ],
)
def test_what_is_pasted_settles_it(changes: dict[str, Any]):
    def merge(into: dict[str, Any], new: dict[str, Any]) -> None:
        for key, value in new.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value

    whole = changed(changes)
    (finding,) = findings(changes)
    if not finding.paste:
        return
    merge(whole, yaml.safe_load(finding.paste))
    scaled_object = read(whole)
    reads = [read_trigger(scaled_object, entry) for entry in scaled_object.prewarm_triggers]
    assert lint(scaled_object, reads) == ()


# The contract's table of the default tolerance: from n, the first N up that passes.
@pytest.mark.parametrize(
    ("replicas", "passes"),
    [(10, 12), (15, 17), (19, 21), (20, 23)],
)
def test_the_first_step_that_passes_the_default_tolerance_is_named(replicas: int, passes: int):
    bound = str(replicas + 1)
    changes = {
        f"{UP}.tolerance": REMOVED,
        "spec.maxReplicaCount": int(bound),
        f"{OURS}.maxReplicas": bound,
    }
    (finding,) = findings(changes)
    assert f"from {replicas} replicas the first answer that passes is {passes}." in finding.text


@given(
    n=st.integers(1, 200),
    tolerance=st.fractions(min_value=0, max_value=1, max_denominator=1000),
)
def test_the_first_step_that_passes_is_the_first_outside_the_hpas_band(n: int, tolerance: Fraction):
    passes = first_passing(n, tolerance)
    assert Fraction(passes, n) > 1 + tolerance
    assert Fraction(passes - 1, n) <= 1 + tolerance


def paths(value: Any, path: str = "") -> list[str]:
    """Return the dotted path of everything in the object."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, each in entries:
        here = f"{path}.{str(key).replace('.', '@')}".lstrip(".")
        found += [here, *(paths(each, here) if isinstance(each, dict | list) else [])]
    return found


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=2) | st.dictionaries(st.text(), each, max_size=2)
)


@given(path=st.sampled_from([each for each in paths(FINE) if each != "kind"]), value=VALUES)
def test_nothing_that_stands_anywhere_makes_a_rule_raise(path: str, value: Any):
    for finding in findings({path: value}):
        assert finding.text


def facts(changes: dict[str, Any]) -> Facts:
    scaled_object = read(changed(changes))
    entry = scaled_object.prewarm_triggers[0]
    return Facts(scaled_object=scaled_object, triggers=(read_trigger(scaled_object, entry),))


# Policies, start, lead time in seconds and what the HPA makes of it; the default path is the
# contract's 1 -> 5 -> 10 -> 20.
REACHED = (
    ([], 1, 0, 5, "the first sync moves at once"),
    ([], 1, 15, 10, ""),
    ([], 1, 30, 20, ""),
    ([policy("Pods", 1, 60)], 1, 59, 2, "the next pod waits for the whole period"),
    ([policy("Pods", 1, 60)], 1, 60, 3, "a change that is a period old no longer counts"),
    ([policy("Pods", 3, 30)], 1, 30, 7, ""),
    ([policy("Percent", 50, 15)], 1, 15, 3, "rounded up: 1 -> 2 -> 3"),
    ([policy("Percent", 100, 60)], 2, 120, 16, ""),
)


@pytest.mark.parametrize(("policies", "start", "seconds", "want", "why"), REACHED)
def test_policies_reach_what_the_hpa_would_allow(
    policies: list[dict[str, Any]], start: int, seconds: int, want: int, why: str
):
    changes: dict[str, Any] = {f"{OURS}.leadTimeSeconds": str(max(seconds, 1))}
    if policies:
        changes[f"{UP}.policies"] = policies
    assert reachable_replicas(facts(changes), start=start, goal=1000) == want, why


@given(value=st.integers(1, 50), period=st.integers(1, 1800), start=st.integers(1, 50))
def test_a_policy_never_goes_down_nor_beyond_the_goal(value: int, period: int, start: int):
    found = facts({f"{UP}.policies": [policy("Pods", value, period)]})
    reached = reachable_replicas(found, start=start, goal=60)
    assert start <= reached <= 60
    assert reached >= min(60, start + value)
    assert reached <= start + value * (1 + ceil(240 / period))


QUANTITIES = (
    ("0", Fraction(0)),
    ("0.05", Fraction(1, 20)),
    ("50m", Fraction(1, 20)),
    ("5e-2", Fraction(1, 20)),
    (".1", Fraction(1, 10)),
    ("1.", Fraction(1)),
    ("10 %", None),
    ("", None),
    ("nan", None),
)


@pytest.mark.parametrize(("text", "want"), QUANTITIES)
def test_quantities_are_read_as_kubernetes_reads_them(text: str, want: Fraction | None):
    assert quantity(text) == want


def deployment(**probes: dict[str, int]) -> dict[str, Any]:
    containers = [{"name": "vllm", **probes}]
    return {
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": "llm"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


# The workload's probes, and what is said about a lead time of 240 s.
PROBES = (
    ({}, []),
    ({"readinessProbe": {"initialDelaySeconds": 120}}, []),
    ({"readinessProbe": {"initialDelaySeconds": 230}}, ["warning lead-time"]),
    ({"startupProbe": {"initialDelaySeconds": 230}}, ["warning lead-time"]),
    ({"startupProbe": {"failureThreshold": 60, "periodSeconds": 10}}, ["note lead-time"]),
    ({"startupProbe": {"periodSeconds": 10}}, []),
)


@pytest.mark.parametrize(("probes", "want"), PROBES)
def test_a_lead_time_is_held_against_the_pods_own_probes(
    probes: dict[str, dict[str, int]], want: list[str]
):
    assert said({}, deployment(**probes)) == want


def test_the_worst_trigger_decides_where_there_are_several():
    second = deepcopy(FINE["spec"]["triggers"][0])
    second["metadata"] |= {"warmFloor": "9", "query": "sum(other)"}
    assert said({SECOND: second}) == ["warning warm-floor-below-minimum"]


def test_an_object_without_our_trigger_is_only_read_for_its_fields():
    assert said({f"{TRIGGER}.type": "prometheus", "spec.fallback": REMOVED}) == []


def test_errors_are_what_keda_or_the_api_server_refuses_or_what_leaves_no_effect():
    errors = {each for _, want, _ in LINTS for each in want if each.startswith(Severity.ERROR)}
    assert {each.split()[1] for each in errors} == {
        "field",
        "idle-replicas",
        "metric-type",
        "replica-bounds",
        "scale-up-stabilization",
        "scaler-address",
        "scaling-disabled",
        "scaling-modifiers",
        "server-address",
        "tls-keys",
        "warm-floor-below-minimum",
    }
