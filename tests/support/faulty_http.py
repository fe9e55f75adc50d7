"""Real HTTP servers on loopback that have a bad day.

    with FaultyServer(answering('{"status": "success", ...}')) as server:
        server.address    # http://127.0.0.1:PORT
        server.requests   # what came in: method, path, query, headers

A behaviour is a function that gets the connection and the request, and does its worst. `behave`
changes it while the server runs.
"""

import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case

    def number(self, name: str) -> float:
        """Return a query parameter as a number."""
        return float(self.query[name][0])


Behaviour = Callable[["Connection", Request], None]


class Connection:
    """One client's connection."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self._socket = sock
        self.closing = closing  # set once the server is being stopped, or the client has gone

    def send(self, data: bytes) -> None:
        """Send; a client that has gone is noticed."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.closing.set()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> bool:
        """Wait; return whether it is over."""
        return self.closing.wait(seconds)

    def wait_for_the_end(self) -> None:
        """Wait until the client hangs up or the server is stopped."""
        self._socket.settimeout(0.05)
        while not self.closing.is_set():
            try:
                if not self._socket.recv(1024):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


def head(status: int = 200, *, length: int | None = None, **headers: str) -> bytes:
    """Return the beginning of an answer; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode()


def answering(body: str | bytes, status: int = 200, **headers: str) -> Behaviour:
    """A server that answers properly, whatever it says."""
    content = body.encode() if isinstance(body, str) else body

    def behave(connection: Connection, _: Request) -> None:
        connection.send(head(status, length=len(content), **headers) + content)

    return behave


def success(result: object, result_type: str = "matrix", samples: int | None = None) -> str:
    """Return Prometheus' answer around `result`."""
    data: dict[str, object] = {"resultType": result_type, "result": result}
    if samples is not None:
        data["stats"] = {"samples": {"totalQueryableSamples": samples}}
    return json.dumps({"status": "success", "data": data})


def failure(error_type: str, error: str) -> str:
    """Return Prometheus' answer to a request that it can't serve."""
    return json.dumps({"status": "error", "errorType": error_type, "error": error})


def serving(*values: str, samples: int | None = None) -> Behaviour:
    """A server that holds `values` in turn at every grid point, and the first at every instant."""

    def behave(connection: Connection, request: Request) -> None:
        if request.path.endswith("/query_range"):
            start, end, step = (request.number(name) for name in ("start", "end", "step"))
            points = [
                [start + index * step, values[index % len(values)]]
                for index in range(round((end - start) / step) + 1)
            ]
            body = success([{"metric": {}, "values": points}], samples=samples)
        else:
            sample = [request.number("time"), values[0]]
            body = success([{"metric": {}, "value": sample}], "vector", samples=samples)
        answering(body)(connection, request)

    return behave


def hanging(connection: Connection, _: Request) -> None:
    """A server that takes the request and never answers."""
    connection.wait_for_the_end()


def dropping(connection: Connection, _: Request) -> None:
    """A server that hangs up without an answer."""
    connection.close()


def trickling(where: str) -> Behaviour:
    """A server that sends a byte now and then, for ever: in its `headers` or in its `body`."""

    def behave(connection: Connection, _: Request) -> None:
        connection.send(head(length=1_000_000) if where == "body" else b"HTTP/1.1 200 OK\r\nX-")
        while not connection.wait(0.02):
            connection.send(b"a")

    return behave


def flooding(connection: Connection, _: Request) -> None:
    """A server whose answer doesn't end."""
    connection.send(head())
    while not connection.closing.is_set():
        connection.send(b"[" * 65_536)


def flooding_headers(connection: Connection, _: Request) -> None:
    """A server that says `100 Continue` for ever."""
    while not connection.closing.is_set():
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)


def bombing(megabytes: int) -> Behaviour:
    """A server whose small answer unpacks to a large one."""
    return answering(gzip.compress(bytes(megabytes * 1_000_000)), Content_Encoding="gzip")


def redirecting(location: str, status: int = 302) -> Behaviour:
    """A server that sends its clients elsewhere."""
    return answering("", status, Location=location)


def saying(raw: bytes) -> Behaviour:
    """A server that says `raw`, in whatever protocol that is."""

    def behave(connection: Connection, _: Request) -> None:
        connection.send(raw)
        connection.close()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour for each request; the last one stays."""
    remaining = list(behaviours)
    lock = threading.Lock()

    def behave(connection: Connection, request: Request) -> None:
        with lock:
            chosen = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        chosen(connection, request)

    return behave


@dataclass
class FaultyServer:
    """Listens on loopback until the `with` block ends; `tls` makes it speak https."""

    behave: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(0.05)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    @property
    def address(self) -> str:
        """The base address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _listen(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.settimeout(5)
            with self.tls.wrap_socket(client, server_side=True) if self.tls else client as sock:
                closing = threading.Event()
                for request in self._requests_of(sock):
                    self.requests.append(request)
                    connection = Connection(sock, closing)
                    with self._ended_with_us(closing):
                        self.behave(connection, request)

    @contextlib.contextmanager
    def _ended_with_us(self, closing: threading.Event) -> Iterator[None]:
        """Set `closing` when the server is stopped while a behaviour runs."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                if self._closing.is_set():
                    closing.set()
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _requests_of(self, sock: socket.socket) -> Iterator[Request]:
        """Return the requests of one connection, which is kept alive."""
        buffer = b""
        while not self._closing.is_set():
            sock.settimeout(0.05)
            while b"\r\n\r\n" not in buffer:
                try:
                    received = sock.recv(65_536)
                except TimeoutError:
                    if self._closing.is_set():
                        return
                    continue
                if not received:
                    return
                buffer += received
            sock.settimeout(5)
            text, _, buffer = buffer.partition(b"\r\n\r\n")
            yield _parsed(text.decode("latin-1"))


def _parsed(text: str) -> Request:
    first, *lines = text.split("\r\n")
    method, target, _ = first.split(" ")
    address = urlsplit(target)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return Request(method, address.path, parse_qs(address.query, keep_blank_values=True), headers)
