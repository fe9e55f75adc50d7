"""From the operator's flags to a state store and an event sink. Used by `serve`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from scaler.adapters.memory import MemoryEventSink, MemoryStateStore
from scaler.adapters.state_sqlite import SqliteStateStore
from scaler.errors import StateUnavailable
from scaler.ports import EventSink, StateStore
from scaler.sources import BadFlag


async def open_store(flags: Mapping[str, Any]) -> StateStore:
    """Return the store in --state-directory, else one that ends with the process.

    Raises `BadFlag` when another process has the directory, or the scaler replays.
    """
    directory = flags["state_directory"]
    if directory is None:
        return MemoryStateStore()
    if flags["replay_from"] is not None:
        raise BadFlag(
            "--state-directory: not allowed with --replay-from, whose hours would be remembered as "
            "real ones"
        )
    try:
        return await SqliteStateStore.opened(Path(directory))
    except StateUnavailable as exc:
        raise BadFlag(f"--state-directory: {exc}") from exc


def open_events(flags: Mapping[str, Any], registry: CollectorRegistry) -> EventSink:
    """Return what makes Kubernetes Events when --kubernetes-events is given.

    Raises `BadFlag` when there is no cluster to make them in.
    """
    if not flags["kubernetes_events"]:
        return MemoryEventSink()
    from scaler.adapters.kubernetes_events import (  # noqa: PLC0415 - a heavy client, seldom wanted
        KubernetesEventSink,
        NoCluster,
        cluster_client,
    )

    try:
        client = cluster_client()
    except NoCluster as exc:
        raise BadFlag(f"--kubernetes-events: {exc}") from exc
    events = Counter(
        "prewarm_kubernetes_events", "Kubernetes Events by outcome.", ("outcome",),
        registry=registry,
    )  # fmt: skip
    return KubernetesEventSink(client, on_sent=lambda outcome: events.labels(outcome).inc())
