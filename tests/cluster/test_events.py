"""Events on a real API server: whom they are about, what rights they need, what a refusal does."""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, AuthorizationV1Api, RbacAuthorizationV1Api

from harness import Namespace, deployment, scaled_object, trigger, wait_for
from scaler.adapters.kubernetes_events import KubernetesEventSink
from scaler.ports import Notice

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

DOCS = Path(__file__).parents[2] / "docs" / "operating.md"
AT = 1_767_571_200.5
USER = "scaler"


def client_of(space: Namespace, user: str) -> ApiClient:
    client = ApiClient(space.cluster.api_client.configuration)
    client.set_default_header("Impersonate-User", user)
    return client


def documented_rules() -> list[dict[str, Any]]:
    """The rules that docs/operating.md asks for."""
    text = DOCS.read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n((?:(?!```).)*name: prewarm-events.*?)```", text, re.DOTALL)
    [role] = [each for each in yaml.safe_load_all(block) if each["kind"] == "ClusterRole"]
    rules: list[dict[str, Any]] = role["rules"]
    return rules


def grant(space: Namespace, user: str, rules: list[dict[str, Any]]) -> None:
    api: Any = RbacAuthorizationV1Api(space.cluster.api_client)
    api.create_namespaced_role(space.name, {"metadata": {"name": user}, "rules": rules})
    binding = {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    api.create_namespaced_role_binding(space.name, binding)
    for rule in rules:
        kind = f"{rule['resources'][0]}.{rule['apiGroups'][0]}"
        wait_for(
            lambda rule=rule, kind=kind: _may(space, user, rule["verbs"][0], kind),  # type: ignore[misc]
            f"{user} may {rule['verbs'][0]} {kind}",
        )


def _may(space: Namespace, user: str, verb: str, kind: str) -> bool:
    api: Any = AuthorizationV1Api(client_of(space, user))
    resource, _, group = kind.partition(".")
    attributes = {"namespace": space.name, "verb": verb, "group": group, "resource": resource}
    review = api.create_self_subject_access_review({"spec": {"resourceAttributes": attributes}})
    return bool(review.status.allowed)


def events_of(space: Namespace) -> list[dict[str, Any]]:
    """Ours; read as JSON, since the client stumbles over KEDA's events, which have no eventTime."""
    words = ("get", "events.events.k8s.io", "--namespace", space.name, "--output=json")
    found: list[dict[str, Any]] = json.loads(space.cluster.kubectl(*words))["items"]
    return [event for event in found if event.get("reportingController") == "keda-prewarm"]


def notice(space: Namespace, reason: str, message: str, *, is_warning: bool = False) -> Notice:
    return Notice(
        namespace=space.name, name="model", reason=reason, message=message, is_warning=is_warning
    )


def test_with_the_documented_rights_describe_shows_what_was_told(space: Namespace) -> None:
    space.create(deployment("model"))
    space.create(scaled_object("model", [trigger("127.0.0.1:9")]))
    grant(space, USER, documented_rules())
    outcomes: list[str] = []
    sink = KubernetesEventSink(client_of(space, USER), on_sent=outcomes.append)
    sink.publish(notice(space, "PredictionPromoted", "predicting from now on"), at=AT)
    long = "words " * 500
    sink.publish(notice(space, "CapacityShortfall", long, is_warning=True), at=AT + 1)
    asyncio.run(sink.close())
    assert outcomes == ["sent", "sent"]
    promoted, shortfall = sorted(events_of(space), key=lambda event: event["eventTime"])
    assert (promoted["reason"], promoted["type"], promoted["note"]) == (
        "PredictionPromoted", "Normal", "predicting from now on",
    )  # fmt: skip
    assert promoted["eventTime"] == "2026-01-05T00:00:00.500000Z"
    assert (shortfall["type"], len(shortfall["note"])) == ("Warning", 1_024)
    shown = space.cluster.kubectl("describe", "scaledobject", "model", "--namespace", space.name)
    assert re.search(r"Normal\s+PredictionPromoted\s.*predicting from now on", shown)


def test_each_documented_right_is_needed(space: Namespace) -> None:
    space.create(deployment("model"))
    space.create(scaled_object("model", [trigger("127.0.0.1:9")]))
    for number, left_out in enumerate(rules := documented_rules()):
        user = f"lacks-{number}"
        grant(space, user, [rule for rule in rules if rule is not left_out])
        outcomes: list[str] = []
        sink = KubernetesEventSink(client_of(space, user), on_sent=outcomes.append)
        sink.publish(notice(space, f"Without{number}", "m"), at=AT)
        asyncio.run(sink.close())
        events = {event["reason"]: event["regarding"] for event in events_of(space)}
        if "events" in left_out["resources"]:
            assert (outcomes, events.get(f"Without{number}")) == (["refused"], None)
        else:
            assert outcomes == ["sent"]
            assert "uid" not in events[f"Without{number}"], "told, though not tied to the object"


def test_a_refusal_is_logged_once_and_the_next_event_is_tried(
    space: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outcomes: list[str] = []
    sink = KubernetesEventSink(client_of(space, "nobody"), on_sent=outcomes.append)
    for number in range(3):
        sink.publish(notice(space, "Refused", f"m{number}"), at=AT)
    wait_for(lambda: len(outcomes) == 3, "three refusals")
    grant(space, "nobody", documented_rules())

    def is_sent() -> bool:
        sink.publish(notice(space, "Granted", "m"), at=AT)
        return "sent" in outcomes

    wait_for(is_sent, "the granted right to work")
    asyncio.run(sink.close())
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("events can")]
    assert lines == ["events can't be made", "events can be made again"]
    assert "403" in next(r.why for r in caplog.records if r.getMessage() == lines[0])  # type: ignore[attr-defined]
