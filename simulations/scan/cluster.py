"""The objects of a cluster as manifests: lists alone, through the scaler's own adapter."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scaler.adapters.kubernetes_api import ApiProblem, KubernetesApi, Resource
from simulations.scan.candidates import Candidate, Found, Left, collected, read_objects

KEPT = ("name", "namespace", "ownerReferences")


def read_cluster(
    api: KubernetesApi, namespaces: Sequence[str], queries: Mapping[str, str]
) -> Found:
    """Return what the namespaces hold; what may not be listed is named and the rest goes on."""
    found: list[Candidate | Left] = []
    for namespace in namespaces:
        for kind, resource in _resources(namespace):
            try:
                for item in _listed(api, resource):
                    found += read_objects(_manifest(kind, item), namespace, queries)
            except ApiProblem as exc:
                found.append(
                    Left(name=f"{namespace} {resource.plural}", why=f"can't be listed: {exc}")
                )
    return collected(found)


def _resources(namespace: str) -> tuple[tuple[str, Resource], ...]:
    hpas = Resource("autoscaling", "v2", "horizontalpodautoscalers", namespace)
    return (
        ("ScaledObject", Resource.scaled_objects(namespace)),
        ("HorizontalPodAutoscaler", hpas),
    )


def _listed(api: KubernetesApi, resource: Resource) -> Iterator[Mapping[str, Any]]:
    token = ""
    while True:
        page = api.list_page(resource, selector="", token=token)
        yield from page.get("items") or ()
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def _manifest(kind: str, item: Mapping[str, Any]) -> bytes:
    """Return an object as JSON, which is YAML; items of a list have no kind of their own."""
    metadata = item.get("metadata") or {}
    kept = {key: metadata[key] for key in KEPT if key in metadata}
    return json.dumps({"kind": kind, "metadata": kept, "spec": item.get("spec")}).encode()
