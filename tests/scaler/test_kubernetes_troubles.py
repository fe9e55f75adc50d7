"""Troubles are named once, bounded in number, and forgotten when they are over."""

import logging

import pytest

from scaler.adapters.kubernetes_api import ApiProblem, reason_of
from scaler.adapters.kubernetes_troubles import MAX_TROUBLES, Troubles
from scaler.ports import ClusterTrouble


def problem(resource: str, status: int = 403) -> ApiProblem:
    trouble = ClusterTrouble(
        verb="get", group="apps", resource=resource, namespace="llm", reason=reason_of(status)
    )
    return ApiProblem(status, trouble)


def test_each_trouble_is_named_once_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    with caplog.at_level(logging.INFO):
        for status in (403, 403, 0, 0, 403):
            troubles.note(problem("pods", status))
        troubles.clear(group="apps", resource="others", namespace="llm")
        assert len(troubles.all()) == 1
        for _ in range(2):
            troubles.clear(group="apps", resource="pods", namespace="llm")
    assert troubles.all() == ()
    reasons = [record.__dict__.get("reason", "over") for record in caplog.records]
    assert reasons == ["forbidden", "unreachable", "forbidden", "over"]


def test_whoever_writes_objects_can_not_fill_the_memory() -> None:
    troubles = Troubles()
    for number in range(MAX_TROUBLES + 50):
        troubles.note(problem(f"kind-{number}/scale"))
    assert len(troubles.all()) == MAX_TROUBLES
