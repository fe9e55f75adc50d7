"""An API server that can't be reached costs events, and nobody's time."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import kubernetes.client
import pytest

from scaler.adapters import kubernetes_events
from scaler.adapters.kubernetes_events import KubernetesEventSink
from scaler.ports import Notice

NOTICE = Notice(namespace="prod", name="llm", reason="R", message="m")


def client_at(address: str) -> kubernetes.client.ApiClient:
    configuration = kubernetes.client.Configuration()
    configuration.host = address
    configuration.retries = False
    return kubernetes.client.ApiClient(configuration)


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_api_server_that_is_not_there_costs_the_event() -> None:
    outcomes: list[str] = []
    sink = KubernetesEventSink(client_at("http://127.0.0.1:9"), on_sent=outcomes.append)
    sink.publish(NOTICE, at=0.0)
    asyncio.run(sink.close())
    assert outcomes == ["unreachable"]


def test_one_that_hangs_fills_the_queue_and_then_costs_events_but_nobody_waits(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_events, "CLOSE_SECONDS", 0.0)
    outcomes: list[str] = []
    n_before = threading.active_count()
    sink = KubernetesEventSink(client_at(silent), on_sent=outcomes.append)
    n_notices = kubernetes_events.MAX_WAITING + 50
    for _ in range(n_notices):
        sink.publish(NOTICE, at=0.0)
    assert set(outcomes) == {"dropped"}
    assert 49 <= len(outcomes) <= 50, "one is being sent, the queue is full of others"
    assert threading.active_count() == n_before + 1
    asyncio.run(sink.close())
