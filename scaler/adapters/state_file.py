"""The SQLite file of a state directory: rows with checksums, damage healed. No threads here."""

import errno
import hashlib
import logging
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self, TypeVar

from scaler.adapters.state_lock import hold
from scaler.adapters.state_opening import (
    FAULTS,
    FILE,
    Malformed,
    connected,
    connected_anew,
    is_malformed,
    set_aside,
    transaction,
)
from scaler.errors import StateUnavailable
from scaler.ports import Blob

logger = logging.getLogger(__name__)

REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_CANTOPEN: "no-access",
    sqlite3.SQLITE_PERM: "no-access",
    sqlite3.SQLITE_AUTH: "no-access",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
}
OS_REASONS = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
    errno.EACCES: "no-access",
    errno.EPERM: "no-access",
    errno.ENOTDIR: "no-access",
}

Result = TypeVar("Result")


class StateFile:
    """An open state file. Every method raises `StateUnavailable` and nothing else."""

    def __init__(
        self, directory: Path, connection: sqlite3.Connection, lock: IO[str] | None
    ) -> None:
        self._directory = directory
        self._connection = connection
        self._lock = lock

    @classmethod
    def opened(cls, directory: Path) -> Self:
        """Return the file for reading and writing, locked against every other process."""
        with _translated(directory):
            directory.mkdir(parents=True, exist_ok=True)
            lock = hold(directory)
            try:
                return cls(directory, connected_anew(directory), lock)
            except BaseException:
                lock.close()
                raise

    @classmethod
    def opened_to_read(cls, directory: Path) -> Self:
        """Return the file for reading alone, as it was when it was last closed properly."""
        with _translated(directory):
            uri = f"{(directory / FILE).absolute().as_uri()}?mode=ro&immutable=1"
            return cls(directory, sqlite3.connect(uri, uri=True, isolation_level=None), None)

    def load(self, owner: str) -> Mapping[str, Blob]:
        """Return the blobs of `owner` whose checksums match."""
        rows = self._healed(
            lambda connection: connection.execute(
                "SELECT kind, format, saved_at, payload, checksum FROM blobs WHERE owner = ?",
                (owner,),
            ).fetchall()
        )
        return dict(_sound(owner, rows))

    def save(self, blobs: Mapping[tuple[str, str], Blob]) -> None:
        """Write all blobs, or none."""
        rows = [
            (owner, kind, blob.format, blob.saved_at, blob.payload, _checksum(owner, kind, blob))
            for (owner, kind), blob in blobs.items()
        ]

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany("INSERT OR REPLACE INTO blobs VALUES (?,?,?,?,?,?)", rows)

        self._healed(write)

    def forget(self, before: float) -> int:
        """Delete the rows saved before that time."""

        def delete(connection: sqlite3.Connection) -> int:
            with transaction(connection):
                return connection.execute(
                    "DELETE FROM blobs WHERE saved_at < ?", (before,)
                ).rowcount

        return self._healed(delete)

    def close(self) -> None:
        """Close the file and let go of the lock."""
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def _healed(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do `work`; on a file that turns out malformed, set it aside and do it on a new one."""
        with _translated(self._directory):
            try:
                return work(self._connection)
            except FAULTS as exc:
                if self._lock is None or not is_malformed(exc):
                    raise
                with suppress(sqlite3.Error):
                    self._connection.close()
                set_aside(self._directory, "corrupt", str(exc))
                self._connection = connected(self._directory)
                return work(self._connection)


def _sound(
    owner: str, rows: list[tuple[str, str, float, bytes, bytes]]
) -> Iterator[tuple[str, Blob]]:
    for kind, form, saved_at, payload, checksum in rows:
        try:
            blob = Blob(format=form, payload=bytes(payload), saved_at=float(saved_at))
            is_sound = _checksum(owner, kind, blob) == checksum
        except (TypeError, ValueError, AttributeError):  # a column of another type
            is_sound, blob = False, None
        if is_sound and blob is not None:
            yield kind, blob
        else:
            logger.error("a damaged record was dropped", extra={"owner": owner, "kind": str(kind)})


def _checksum(owner: str, kind: str, blob: Blob) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (owner.encode(), kind.encode(), blob.format.encode(), blob.payload):
        digest.update(struct.pack("<Q", len(part)))
        digest.update(part)
    digest.update(struct.pack("<d", blob.saved_at))
    return digest.digest()


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except StateUnavailable:
        raise
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
        raise StateUnavailable(REASONS.get(code, "io"), f"{directory}: {exc}") from exc
    except OSError as exc:
        reason = OS_REASONS.get(exc.errno or 0, "io")
        raise StateUnavailable(reason, f"{directory}: {exc.strerror or exc}") from exc
    except (Malformed, UnicodeDecodeError) as exc:
        raise StateUnavailable("io", f"{directory}: {exc}") from exc
