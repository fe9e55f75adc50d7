"""`/metrics`, `/healthz`, `/readyz` and what else is served over HTTP, in threads of its own.

The event loop is never asked, so a busy loop can't hide, and a slow reader holds none of the few
threads: waitress writes answers in a thread of its own (docs/adr/0004).
"""

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from waitress.server import TcpWSGIServer, create_server

from scaler.server import ServerError

TEXT = [("Content-Type", "text/plain; charset=utf-8")]
UNAVAILABLE = "503 Service Unavailable"
MAX_PORT = 65_535
SETTINGS: dict[str, Any] = {
    "threads": 4,
    "connection_limit": 200,
    "channel_timeout": 30,  # seconds that a connection may stay without a word
    "max_request_header_size": 16_384,
    "max_request_body_size": 1_024,  # nothing here takes a body
    "asyncore_use_poll": True,
    "ident": "",
}
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class HttpServer:
    """Serves an application on an address until `stop`. Raises `ServerError` when it can't."""

    def __init__(self, flag: str, address: str, application: Application) -> None:
        try:
            self._server = _listening(address, application)
        except (OSError, ValueError, OverflowError) as exc:
            raise ServerError(f"{flag}: can't listen on {address!r}: {exc}") from exc
        self.port = int(self._server.effective_port)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Serve until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection.

        The threads that write answers end first: each wakes the server's thread when it is done, by
        a pipe that is closed with the rest.
        """
        self._server.task_dispatcher.shutdown()
        if self._thread.is_alive():
            self._server.trigger.pull_trigger(self._close_all)  # sockets belong to its thread
            self._thread.join()
        else:
            self._close_all()

    def _close_all(self) -> None:
        for each in list(self._server._map.values()):  # noqa: SLF001 - there is no other list
            each.close()


def probes(
    registry: CollectorRegistry,
    *,
    is_ready: Callable[[], bool],
    is_alive: Callable[[], bool],
    otherwise: Application | None = None,
) -> Application:
    """Return the application with metrics and probes; other paths are `otherwise`'s."""
    metrics = make_wsgi_app(registry)

    def told(path: str) -> tuple[str, str] | None:
        if path == "/healthz":
            alive = ("200 OK", "alive\n")
            return alive if is_alive() else (UNAVAILABLE, "a loop has ended: see the log\n")
        if path == "/readyz":
            return ("200 OK", "ready\n") if is_ready() else (UNAVAILABLE, "no tick lately\n")
        if otherwise is None:
            return "404 Not Found", "see /metrics, /healthz, /readyz\n"
        return None

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)  # type: ignore[no-any-return]
        text = told(path)
        if text is None and otherwise is not None:
            return otherwise(environ, start_response)
        status, body = text or ("404 Not Found", "")
        start_response(status, list(TEXT))
        return [body.encode()]

    return answer


def _listening(address: str, application: Application) -> TcpWSGIServer:
    """Return a server whose socket takes both families where an IPv6 address stands for all."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not 0 <= int(port) <= MAX_PORT:
        raise ValueError(f"a port lies between 0 and {MAX_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server(
        (host, int(port)),
        family=family,
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
    )
    try:
        return create_server(application, sockets=[listening], **SETTINGS)
    except BaseException:
        listening.close()
        raise
