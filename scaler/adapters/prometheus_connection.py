"""Connections that keep to a deadline and a size, and that go only where they may.

urllib3's own timeouts bound each read, not the whole: a server that sends a byte now and then is
waited for without end, in its headers as in its body. So the raw reader below every response
gets a deadline and a cap, and no time goes by outside it: the connection is made to an address
that was just judged, and TLS handshakes keep to the socket's timeout as a whole.
"""

import contextlib
import http.client
import io
import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from scaler.destinations import IpAddress

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection  # exists for type checkers only


class AddressRefused(Exception):  # noqa: N818 - named after what happened
    """The name resolves to an address that may not be connected to."""


class TooLarge(Exception):  # noqa: N818 - named after what is wrong
    """The server sent more than one answer can hold."""


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """One request under way, its retries included; its connection asks it what is permitted."""

    deadline_at: float  # on time.monotonic
    connect_seconds: float
    max_bytes: int  # of what is received, and again of what that unpacks to
    refusal_of_ip: Callable[[IpAddress], str | None]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer: Any = None  # the last Answer, also when it was no success
    _received_bytes: int = 0
    _sock: socket.socket | None = None

    def remaining_seconds(self) -> float:
        """Return what is left of the deadline. Raises TimeoutError when that is nothing."""
        remaining = self.deadline_at - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("deadline passed")
        return remaining

    def abort(self) -> None:
        """End it now, from another thread: whoever reads is woken."""
        self.deadline_at = -math.inf
        if self._sock is not None:
            with contextlib.suppress(OSError):  # not connected, or closed by now
                self._sock.shutdown(socket.SHUT_RDWR)

    def read_by(self, sock: socket.socket) -> None:
        """Note which socket it is read from."""
        self._sock = sock

    def take_bytes(self, n_bytes: int) -> None:
        """Count bytes that came in. Raises TooLarge when they are too many."""
        self._received_bytes += n_bytes
        if self._received_bytes > self.max_bytes:
            raise TooLarge


_under_way: ContextVar[Exchange] = ContextVar("exchange")


@contextlib.contextmanager
def under_way(exchange: Exchange) -> Iterator[None]:
    """Let every connection that this thread uses keep to `exchange`."""
    token = _under_way.set(exchange)
    try:
        yield
    finally:
        _under_way.reset(token)


def current_exchange() -> Exchange:
    """Return the exchange of this thread."""
    return _under_way.get()


class _BoundedReader(io.RawIOBase):
    """Reads from a socket while the exchange's deadline and size allow."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw  # http.client's own, which keeps the socket open until it is closed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        exchange = current_exchange()
        self._sock.settimeout(exchange.remaining_seconds())
        n_bytes = self._raw.readinto(buffer) or 0
        exchange.take_bytes(n_bytes)
        return n_bytes

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        current_exchange().read_by(sock)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_BoundedReader(sock, raw), 64 * 1024)


class _Guarded(HTTPConnection):
    """What both kinds of connection share."""

    response_class = _BoundedResponse

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, once all of them may be connected to."""
        exchange = current_exchange()
        failure: OSError = OSError("the name has no address")
        for family, kind, protocol, _, place in self._places(exchange):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(min(exchange.connect_seconds, exchange.remaining_seconds()))
                sock.connect(place)
            except OSError as error:
                sock.close()
                failure = error
            else:
                sock.settimeout(exchange.remaining_seconds())  # TLS's handshake comes next
                return sock
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "connect timed out") from failure
        raise NewConnectionError(self, failure.strerror or str(failure)) from failure

    def _places(self, exchange: Exchange) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        exchange.remaining_seconds()
        try:
            places = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        for *_, place in places:
            # One bad address spoils the name: it is there to be tried when the good one fails.
            refusal = exchange.refusal_of_ip(ip_address(str(place[0]).partition("%")[0]))
            if refusal is not None:
                raise AddressRefused(f"resolves to {place[0]}, which {refusal}")
        return places  # type: ignore[return-value]


class _HttpConnection(_Guarded):
    pass


class _HttpsConnection(_Guarded, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection

    def _validate_conn(self, conn: "BaseHTTPConnection") -> None:
        """Connect, without urllib3's warning: whether to verify is the operator's decision."""
        if conn.is_closed:
            conn.connect()


class GuardedAdapter(HTTPAdapter):
    """The transport of one destination: no retries of its own, no proxies, guarded connections."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools whose connections are guarded."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
