"""One process owns a state directory: a POSIX lock, which ends with its process however that ends.

Forked children don't inherit it, so a worker that outlives a killed scaler keeps nothing locked.
"""

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO

from scaler.errors import StateUnavailable

LOCK = "lock"


def hold(directory: Path) -> IO[str]:
    """Return the lock file, held until it is closed.

    Raises `StateUnavailable` that names who holds it, or OSError where it can't be written.
    """
    lock = (directory / LOCK).open("a+", encoding="utf-8")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.seek(0)
        holder = lock.read(200).strip() or "another process"
        lock.close()
        if exc.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        raise StateUnavailable(
            "in-use",
            f"{directory} is in use by {holder}; give each scaler a state directory of its own "
            f"(a StatefulSet with volumeClaimTemplates), and let a Deployment recreate its pod",
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}")
    lock.flush()
    return lock
