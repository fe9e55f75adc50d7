"""The marks of one start, left by several processes in one file; all on one machine, one clock.

The first process that registers the plugin names the file, by the environment that the others
inherit. It comes to be with the first weight that is loaded by us: who loads otherwise leaves none.
"""

import atexit
import contextlib
import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

VARIABLE = "PREWARM_START"


def now() -> float:
    """Return the time, in Unix seconds."""
    return time.time()  # noqa: TID251 - this is the shell


def process_started_at() -> float | None:
    """Return when the kernel started this process, in Unix seconds; None where it doesn't tell."""
    try:
        stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return now() - age


def mark_process() -> None:
    """Say that this process has registered the plugin; the first one begins the trail."""
    if VARIABLE in os.environ:  # noqa: TID251 - it is how the processes of one start know it
        return
    path = Path(tempfile.gettempdir()) / f"prewarm-start-{secrets.token_hex(8)}.jsonl"
    begun = {"path": str(path), "started_at": process_started_at(), "registered_at": now()}
    os.environ[VARIABLE] = json.dumps(begun)  # noqa: TID251
    owner = os.getpid()
    atexit.register(lambda: forget() if os.getpid() == owner else None)


def beginning() -> dict[str, Any] | None:
    """Return `path`, `started_at` and `registered_at` of this start; None where none began."""
    try:
        found = json.loads(os.environ.get(VARIABLE, ""))  # noqa: TID251
    except ValueError:
        return None
    return found if isinstance(found, dict) and "path" in found else None


def mark(kind: str, **facts: Any) -> None:
    """Add a mark. A start that can't be written down goes on all the same."""
    begun = beginning()
    if begun is None:
        return
    line = json.dumps({"kind": kind, "at": now(), **facts}) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        file = os.open(begun["path"], flags, 0o600)
        try:
            os.write(file, line.encode())  # one write: lines of several ranks don't mix
        finally:
            os.close(file)


def marks() -> list[dict[str, Any]]:
    """Return all marks so far, in their order."""
    begun = beginning()
    if begun is None:
        return []
    try:
        lines = Path(begun["path"]).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [json.loads(line) for line in lines]


def forget() -> None:
    """Remove the file."""
    if (begun := beginning()) is not None:
        with contextlib.suppress(OSError):
            Path(begun["path"]).unlink(missing_ok=True)
