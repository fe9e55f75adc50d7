"""A metrics API of our own: it answers a timeline sync by sync, and notes what the HPA met.

The HPA reads its target's scale and then asks for its metrics, in the order of its spec. So the
request for the first metric marks a sync, and the target still is what the HPA has just read.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from harness import KeyPair
from simulations.autoscaling import Reading

from .manifests import SYNC_PREFIX
from .scenarios import Scenario

API = "/apis/external.metrics.k8s.io/v1beta1"


@dataclass(frozen=True, slots=True)
class Met:
    """What an HPA met at one sync: when, and its target's `spec.replicas` and `status.replicas`."""

    at: float  # monotonic seconds
    wanted: int
    existing: int


@dataclass
class Play:
    """One scenario as far as it has been played."""

    scenario: Scenario
    met: list[Met] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether one sync more than the timeline has was met: the last one's outcome is known."""
        return len(self.met) > len(self.scenario.timeline)

    def reading(self, index: int) -> Reading:
        """Return what metric `index` says at the present sync; the last row for ever after."""
        turn = min(len(self.met), len(self.scenario.timeline)) - 1
        return self.scenario.timeline[turn][index]


class MetricsApi:
    """Serves the external metrics of all scenarios over TLS, on a loopback port."""

    def __init__(
        self, plays: Mapping[str, Play], look: Callable[[str], tuple[int, int]], keys: KeyPair
    ) -> None:
        """`look` returns a target's `spec.replicas` and `status.replicas` by its name."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(plays, look))
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys.certificate, keys.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(
    plays: Mapping[str, Play], look: Callable[[str], tuple[int, int]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path.rstrip("/")
            if path == API:
                self._answer(200, RESOURCES)
                return
            name, _, metric = path.rpartition("/")[2].partition(f".{SYNC_PREFIX}")
            if not path.startswith(f"{API}/namespaces/") or name not in plays:
                self._answer(404, FAILURE)
                return
            self._answer_metric(plays[name], int(metric))

        def _answer_metric(self, play: Play, index: int) -> None:
            if index == 0:
                at = time.monotonic()
                play.met.append(Met(at, *look(play.scenario.name)))
            reading = play.reading(index)
            if reading is None:
                self._answer(404, FAILURE)
            else:
                self._answer(200, _values(reading.usage_milli))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing: there are thousands of requests."""

    return Handler


RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "external.metrics.k8s.io/v1beta1",
    "resources": [],
}
FAILURE = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "NotFound",
    "message": "the timeline says that this metric fails",
    "code": 404,
}


def _values(usage_milli: int) -> dict[str, Any]:
    """One value; two where it can be halved, for the HPA adds them up."""
    parts = [usage_milli] if usage_milli % 2 else [usage_milli // 2] * 2
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": "external.metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [
            {"metricName": "usage", "metricLabels": {}, "timestamp": stamp, "value": f"{part}m"}
            for part in parts
        ],
    }
