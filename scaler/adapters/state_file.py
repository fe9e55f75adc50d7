"""The SQLite file of a state directory: opened, checked, set aside. No threads here."""

import errno
import hashlib
import logging
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self, TypeVar

from scaler.adapters.state_lock import hold
from scaler.adapters.system_clock import SystemClock
from scaler.errors import StateUnavailable
from scaler.ports import Blob

logger = logging.getLogger(__name__)

FILE = "state.sqlite"
VERSION = 1
APPLICATION_ID = 0x50_57_4D_31  # "PWM1": says whose file it is
SET_ASIDE_KEPT = 3
COMPANIONS = ("", "-wal", "-shm")  # SQLite's own names for a database and its log

SCHEMA = """
CREATE TABLE blobs (
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  format TEXT NOT NULL,
  saved_at REAL NOT NULL,
  payload BLOB NOT NULL,
  checksum BLOB NOT NULL,
  PRIMARY KEY (owner, kind)
)"""

MALFORMED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
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


class Malformed(Exception):  # noqa: N818 - a state of the file
    """The file is none of ours, damaged, or of another version; `label` goes into its new name."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(why)
        self.label = label


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
                return cls(directory, _connected_anew(directory), lock)
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
            with _transaction(connection):
                connection.executemany("INSERT OR REPLACE INTO blobs VALUES (?,?,?,?,?,?)", rows)

        self._healed(write)

    def forget(self, before: float) -> int:
        """Delete the rows saved before that time."""

        def delete(connection: sqlite3.Connection) -> int:
            with _transaction(connection):
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
            except sqlite3.DatabaseError as exc:
                if self._lock is None or not _is_malformed(exc):
                    raise
                with suppress(sqlite3.Error):
                    self._connection.close()
                _set_aside(self._directory, "corrupt", str(exc))
                self._connection = _connected(self._directory)
                return work(self._connection)


def _connected_anew(directory: Path) -> sqlite3.Connection:
    """Return a sound database, after setting aside what isn't one."""
    try:
        return _connected(directory)
    except Malformed as exc:
        _set_aside(directory, exc.label, str(exc))
    except sqlite3.DatabaseError as exc:
        if not _is_malformed(exc):
            raise
        _set_aside(directory, "corrupt", str(exc))
    return _connected(directory)


def _connected(directory: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(directory / FILE, isolation_level=None, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Make the table in a new file; raise `Malformed` for a file that isn't sound or isn't ours."""
    [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Malformed("corrupt", str(verdict))
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [n_tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if n_tables == 0:
        with _transaction(connection):
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        return
    if application != APPLICATION_ID:
        raise Malformed("not-prewarm", "the file is another program's")
    if version != VERSION:
        raise Malformed(f"version-{version}", f"version {version}; this scaler knows {VERSION}")
    connection.execute("SELECT owner, kind, format, saved_at, payload, checksum FROM blobs LIMIT 1")


def _set_aside(directory: Path, label: str, why: str) -> None:
    """Rename the file and its companions; the newest `SET_ASIDE_KEPT` of such files are kept."""
    moment = datetime.fromtimestamp(SystemClock().now(), UTC).strftime("%Y%m%dT%H%M%S%fZ")
    name = f"{FILE}.{label}-{moment}"
    for companion in COMPANIONS:
        with suppress(FileNotFoundError):
            (directory / f"{FILE}{companion}").rename(directory / f"{name}{companion}")
    logger.error(
        "state file can't be used; it was set aside and a new one begun",
        extra={"directory": str(directory), "set_aside_as": name, "why": why},
    )
    aside = sorted(
        (p for p in directory.glob(f"{FILE}.*Z")), key=lambda path: path.name.rpartition("-")[2]
    )
    for path in aside[:-SET_ASIDE_KEPT]:
        for companion in COMPANIONS:
            path.with_name(f"{path.name}{companion}").unlink(missing_ok=True)


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
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _is_malformed(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return not isinstance(error, sqlite3.OperationalError)
    # A table that has lost its columns is SQLITE_ERROR, the code of a statement it can't compile.
    return code & 0xFF in MALFORMED or code == sqlite3.SQLITE_ERROR


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
    except Malformed as exc:
        raise StateUnavailable("io", f"{directory}: {exc}") from exc
