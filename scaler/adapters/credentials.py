"""Secrets from files: read when used, read again when they change, never shown.

Kubernetes rotates a mounted Secret by swapping a symbolic link, so it is the file behind the path
that is compared (inode, size, time), at every use: one `stat` beside a request.
"""

import base64
import threading
from pathlib import Path

from scaler.errors import HistoryUnavailable

MAX_SECRET_BYTES = 64 * 1024  # tokens are some kilobytes; /dev/zero is longer


class SecretFile:
    """One secret of one line, in a file. Its `repr` and its errors name the path alone."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._secret = ""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    def read(self) -> str:
        """Return the secret without the newline at its end.

        Raises HistoryUnavailable("missing-file") when there is none, or none of one line.
        """
        with self._lock:
            try:
                status = self._path.stat()
                seen = (status.st_ino, status.st_size, status.st_mtime_ns)
                if seen != self._seen:
                    self._secret = self._checked(self._bytes())
                    self._seen = seen
            except OSError as error:
                raise self._unavailable(error.strerror or type(error).__name__) from None
            return self._secret

    def _bytes(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_SECRET_BYTES + 1)

    def _checked(self, content: bytes) -> str:
        if len(content) > MAX_SECRET_BYTES:
            raise self._unavailable(f"it is longer than {MAX_SECRET_BYTES} bytes")
        try:
            secret = content.decode("utf-8").strip()
        except UnicodeDecodeError:  # its own text quotes the bytes
            secret = ""
        if not secret or not secret.isprintable():  # a line break would start another header
            raise self._unavailable("it does not hold one line of text")
        return secret

    def _unavailable(self, why: str) -> HistoryUnavailable:
        return HistoryUnavailable("missing-file", f"can't read {self._path}: {why}")


def basic_authorization(username: str, password: str) -> str:
    """Return the Authorization header of a user name and a password (RFC 7617, UTF-8)."""
    pair = f"{username}:{password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
