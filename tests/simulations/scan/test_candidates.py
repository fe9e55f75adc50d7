"""What is read of manifests, and what is left out by name."""

from pathlib import Path
from typing import Any

import pytest

from scaler.adapters.kubernetes_api import ApiProblem, Resource
from scaler.ports import ClusterTrouble
from simulations.scan.candidates import Found, collected, read_files, read_objects
from simulations.scan.cluster import read_cluster

SCALED_OBJECT = """
kind: ScaledObject
metadata: {name: llama, namespace: llm}
spec:
  minReplicaCount: 2
  maxReplicaCount: 9
  cooldownPeriod: 120
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://prometheus:9090", query: sum(demand), threshold: "5"}
  - type: cron
    metadata: {start: "0 8 * * *"}
"""
HPA = """
kind: HorizontalPodAutoscaler
metadata: {name: chat, namespace: chat}
spec:
  maxReplicas: 16
  metrics:
  - type: External
    external:
      metric: {name: demand, selector: {matchLabels: {model: x}}}
      target: {type: AverageValue, averageValue: 2500m}
"""


def read(text: str, **queries: str) -> Found:
    return collected(list(read_objects(text.encode(), "a.yaml", queries)))


def test_a_prometheus_trigger_with_its_scaled_object() -> None:
    found = read(SCALED_OBJECT)
    (one,) = found.candidates
    assert (one.name, one.query, one.threshold) == ("llm/llama triggers[0]", "sum(demand)", 5.0)
    assert (one.spec.min_replicas, one.spec.max_replicas) == (2, 9)
    assert one.spec.cooldown_seconds == 120.0
    assert one.server_address == "http://prometheus:9090"
    assert "Other triggers" in one.notes[0]
    assert [(each.name, each.why) for each in found.left] == [
        ("llm/llama triggers[1]", "type cron, not prometheus")
    ]


def test_an_external_metric_of_an_hpa() -> None:
    (guessed,) = read(HPA).candidates
    assert guessed.query == 'sum(demand{namespace="chat",model="x"})'
    assert guessed.threshold == 2.5
    assert (guessed.spec.min_replicas, guessed.spec.max_replicas) == (1, 16)
    assert "guessed" in guessed.notes[0]
    (told,) = read(HPA, demand="sum(rate(x[1m]))").candidates
    assert told.query == "sum(rate(x[1m]))"
    assert not told.notes


def test_the_hpa_that_keda_made_is_its_scaled_object() -> None:
    owned = HPA.replace(
        "namespace: chat}", "namespace: chat, ownerReferences: [{kind: ScaledObject}]}"
    )
    assert read(owned) == Found(candidates=(), left=())


def test_a_backlog_is_doubted() -> None:
    (one,) = read(SCALED_OBJECT.replace("sum(demand)", "sum(vllm:num_requests_waiting)")).candidates
    assert 'says "waiting"' in one.notes[-1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('threshold: "5"', 'threshold: "none"', 'threshold: "none"'),
        ('threshold: "5"', 'threshold: "0"', 'threshold: "0"'),
        ("query: sum(demand), ", "", "query: missing"),
        ("maxReplicaCount: 9", "maxReplicaCount: 1", "minReplicaCount must be"),
        ("type: prometheus\n", "type: prometheus\n    metricType: Value\n", "metricType Value"),
    ],
)
def test_what_can_not_be_read_is_named(old: str, new: str, words: str) -> None:
    found = read(SCALED_OBJECT.replace(old, new))
    assert not found.candidates
    assert any(words in each.why and "llm/llama" in each.name for each in found.left)


def test_a_broken_file_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(SCALED_OBJECT, encoding="utf-8")
    found = read_files([tmp_path], {})
    assert [one.name for one in found.candidates] == ["llm/llama triggers[0]"]
    assert found.left[0].name == str(tmp_path / "a.yaml")


class Api:
    """Two pages of ScaledObjects; HPAs may not be listed."""

    def list_page(self, resource: Resource, *, selector: str, token: str) -> dict[str, Any]:
        del selector
        if resource.plural != "scaledobjects":
            trouble = ClusterTrouble(
                verb="list", group=resource.group, resource=resource.plural,
                namespace=resource.namespace, reason="forbidden", message="may not",
            )  # fmt: skip
            raise ApiProblem(403, trouble)
        name = "second" if token else "first"
        trigger = {"type": "prometheus", "metadata": {"query": "sum(x)", "threshold": "3"}}
        item = {"metadata": {"name": name, "namespace": "llm"}, "spec": {"triggers": [trigger]}}
        return {"items": [item], "metadata": {"continue": "" if token else "more"}}


def test_a_cluster_is_read_page_by_page_and_what_is_forbidden_is_named() -> None:
    api: Any = Api()
    found = read_cluster(api, ["llm"], {})
    assert [one.name for one in found.candidates] == [
        "llm/first triggers[0]", "llm/second triggers[0]",
    ]  # fmt: skip
    assert [(one.name, one.why) for one in found.left] == [
        ("llm horizontalpodautoscalers", "can't be listed: may not")
    ]
