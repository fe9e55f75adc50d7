"""An HTTP server of one object by ranges, with whatever goes wrong on the way."""

import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from faulty_http import Connection, Request, head

Fault = Callable[["Ranges", Connection, Request, int, int], None]


def etag_of(content: bytes) -> str:
    """Return a strong ETag."""
    return f'"{hash(content) & 0xFFFFFFFF:x}"'


@dataclass
class Ranges:
    """Serves `objects` by path. The faults come one for each range that is no opening, in turn.

    An opening is a range that begins with the first byte.
    """

    objects: dict[str, bytes]
    faults: list[Fault] = field(default_factory=list)
    etag: str | None = ""
    is_conditional: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, connection: Connection, request: Request) -> None:
        """Answer one request."""
        content = self.objects.get(request.path)
        if content is None:
            connection.send(head(404, length=0))
            return
        first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
        start, stop = int(first), int(last) + 1
        etag = self.etag_now(content)
        if self.is_conditional and request.headers.get("if-match", etag) != etag:
            connection.send(head(412, length=0))
            return
        if start >= len(content):
            connection.send(head(416, length=0, Content_Range=f"bytes */{len(content)}"))
            return
        with self.lock:
            fault = self.faults.pop(0) if start and self.faults else serve
        fault(self, connection, request, start, min(stop, len(content)))

    def etag_now(self, content: bytes) -> str | None:
        """Return the object's ETag, its content's own unless the test says one."""
        return etag_of(content) if self.etag == "" else self.etag

    def headers(self, content: bytes, start: int, stop: int) -> dict[str, str]:
        """Return the headers of a right answer."""
        etag = self.etag_now(content)
        told = {"Content_Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        return told if etag is None else {**told, "ETag": etag}


def serve(server: Ranges, connection: Connection, request: Request, start: int, stop: int) -> None:
    """Answer rightly."""
    content = server.objects[request.path]
    headers = server.headers(content, start, stop)
    connection.send(head(206, length=stop - start, **headers) + content[start:stop])


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and nothing else."""

    def fault(_: Ranges, connection: Connection, __: Request, ___: int, ____: int) -> None:
        connection.send(head(code, length=0, **headers))

    return fault


def hang_up(_: Ranges, connection: Connection, __: Request, ___: int, ____: int) -> None:
    """End the connection without an answer."""
    connection.close()


def reset_after(n_bytes: int) -> Fault:
    """Send so many bytes of the range, then cut the connection."""

    def fault(
        server: Ranges, connection: Connection, request: Request, start: int, stop: int
    ) -> None:
        content = server.objects[request.path]
        headers = server.headers(content, start, stop)
        body = content[start : min(stop, start + n_bytes)]
        connection.send(head(206, length=stop - start, **headers) + body)
        linger = struct.pack("ii", 1, 0)
        with suppress(OSError):
            connection._socket.setsockopt(1, 13, linger)  # SO_LINGER: closing it is a reset
        connection.close()

    return fault


def stall_after(n_bytes: int) -> Fault:
    """Send so many bytes, then nothing while the client waits."""

    def fault(
        server: Ranges, connection: Connection, request: Request, start: int, stop: int
    ) -> None:
        content = server.objects[request.path]
        headers = server.headers(content, start, stop)
        body = content[start : min(stop, start + n_bytes)]
        connection.send(head(206, length=stop - start, **headers) + body)
        connection.wait_for_the_end()

    return fault


def trickle(seconds: float, n_bytes: int) -> Fault:
    """Send the range in small steps, each after a pause."""

    def fault(
        server: Ranges, connection: Connection, request: Request, start: int, stop: int
    ) -> None:
        content = server.objects[request.path]
        connection.send(head(206, length=stop - start, **server.headers(content, start, stop)))
        for at in range(start, stop, n_bytes):
            connection.send(content[at : min(stop, at + n_bytes)])
            if connection.wait(seconds):
                return

    return fault


def everything(server: Ranges, connection: Connection, request: Request, _: int, __: int) -> None:
    """Answer 200 with the whole object, as a server that knows no ranges does."""
    content = server.objects[request.path]
    connection.send(head(200, length=len(content)) + content)


def shifted(by: int) -> Fault:
    """Answer another range than was asked for, and say so."""

    def fault(
        server: Ranges, connection: Connection, request: Request, start: int, stop: int
    ) -> None:
        serve(server, connection, request, start - by, stop - by)

    return fault


def claiming(**headers: str) -> Fault:
    """Answer rightly but for some headers."""

    def fault(
        server: Ranges, connection: Connection, request: Request, start: int, stop: int
    ) -> None:
        content = server.objects[request.path]
        told = {**server.headers(content, start, stop), **headers}
        connection.send(head(206, length=stop - start, **told) + content[start:stop])

    return fault


def replaced_by(content: bytes) -> Fault:
    """Put another object in the place of this one, and answer from that."""

    def fault(
        server: Ranges, connection: Connection, request: Request, start: int, stop: int
    ) -> None:
        server.objects[request.path] = content
        if server.is_conditional:
            connection.send(head(412, length=0))
        else:
            serve(server, connection, request, start, stop)

    return fault
