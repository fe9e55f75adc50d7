"""Opening a state file: checked, made where it is missing, set aside where it isn't sound."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from scaler.adapters.system_clock import SystemClock

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

# What SQLite says of a damaged schema quotes its bytes, and Python can't read them as text.
FAULTS = (sqlite3.DatabaseError, UnicodeDecodeError)


class Malformed(Exception):  # noqa: N818 - a state of the file
    """The file is none of ours, damaged, or of another version; `label` goes into its new name."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(why)
        self.label = label


def connected_anew(directory: Path) -> sqlite3.Connection:
    """Return a sound database, after setting aside what isn't one."""
    try:
        return connected(directory)
    except Malformed as exc:
        set_aside(directory, exc.label, str(exc))
    except FAULTS as exc:
        if not is_malformed(exc):
            raise
        set_aside(directory, "corrupt", str(exc))
    return connected(directory)


def connected(directory: Path) -> sqlite3.Connection:
    """Return the database, made where it is missing. Raises `Malformed` or sqlite3's errors."""
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
        with transaction(connection):
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        return
    if application != APPLICATION_ID:
        raise Malformed("not-prewarm", "the file is another program's")
    if version != VERSION:
        raise Malformed(f"version-{version}", f"version {version}; this scaler knows {VERSION}")
    connection.execute("SELECT owner, kind, format, saved_at, payload, checksum FROM blobs LIMIT 1")


def set_aside(directory: Path, label: str, why: str) -> None:
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


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block did, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def is_malformed(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Return whether the file is at fault, and not the disk or a lock."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return not isinstance(error, sqlite3.OperationalError)
    # A table that has lost its columns is SQLITE_ERROR, the code of a statement it can't compile.
    return code & 0xFF in MALFORMED or code == sqlite3.SQLITE_ERROR
