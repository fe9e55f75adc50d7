"""`/metrics`, `/healthz` and `/readyz`, in a thread of their own so that a busy loop can't hide."""

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from scaler.server import ServerError

TEXT = [("Content-Type", "text/plain; charset=utf-8")]
UNAVAILABLE = "503 Service Unavailable"
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = 10  # a client that sends nothing gives its thread back

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing: probes come every few seconds."""


class HttpServer:
    """Serves the registry, and whether the scaler lives and is ready."""

    def __init__(
        self,
        address: str,
        registry: CollectorRegistry,
        *,
        is_ready: Callable[[], bool],
        is_alive: Callable[[], bool],
    ) -> None:
        host, _, port = address.rpartition(":")
        kind = _Server6 if ":" in host else _Server
        self._metrics = make_wsgi_app(registry)
        self._is_ready = is_ready
        self._is_alive = is_alive
        try:
            self._server = make_server(host.strip("[]"), int(port), self._answer, kind, _Handler)
        except (OSError, ValueError, OverflowError) as exc:
            raise ServerError(f"--http-address: can't listen on {address!r}: {exc}") from exc
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="http", daemon=True
        )

    def start(self) -> None:
        """Serve until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return self._metrics(environ, start_response)  # type: ignore[no-any-return]
        if path == "/healthz":
            if self._is_alive():
                return _text(start_response, "200 OK", "alive\n")
            return _text(
                start_response, "503 Service Unavailable", "a loop has ended: see the log\n"
            )
        if path == "/readyz":
            if self._is_ready():
                return _text(start_response, "200 OK", "ready\n")
            return _text(start_response, UNAVAILABLE, "no tick lately\n")
        return _text(start_response, "404 Not Found", "see /metrics, /healthz, /readyz\n")


def _text(start_response: StartResponse, status: str, body: str) -> Iterable[bytes]:
    start_response(status, list(TEXT))
    return [body.encode()]
