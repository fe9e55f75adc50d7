"""A small process that outlives a killed test run and tidies up after it.

The run holds the write end of this process's standard input and names, one a line, the process
groups and folders that it made (`group 1234`, `folder /tmp/x`) and those that are gone again
(`gone 1234`). When the run ends, in whatever way, SIGKILL included, the pipe closes: what is
still there is killed by its id, the folders are removed, and this process ends.

Only the standard library: it is started once per run and must be up in milliseconds.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable

WAIT_FOR_KILLED_SECONDS = 5.0


def main(lines: Iterable[str]) -> None:
    """Follow the run's notes until they end, then tidy up."""
    for expected in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(expected, signal.SIG_IGN)  # it ends when the run has ended, not before
    groups: dict[int, int] = {}  # leader's process id -> a handle that a reused id can't fool
    folders: list[str] = []
    for line in lines:
        verb, _, value = line.rstrip("\n").partition(" ")
        if verb == "folder":
            folders.append(value)
        elif verb == "group":
            _hold(groups, int(value))
        elif verb == "gone" and int(value) in groups:
            os.close(groups.pop(int(value)))
    _kill(groups)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _hold(groups: dict[int, int], leader: int) -> None:
    try:
        groups[leader] = os.pidfd_open(leader)
    except ProcessLookupError:
        return  # ended before its note arrived


def _kill(groups: dict[int, int]) -> None:
    for leader, handle in reversed(groups.items()):
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.killpg(leader, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + WAIT_FOR_KILLED_SECONDS
    while time.monotonic() < deadline and any(map(_is_running, groups.values())):
        time.sleep(0.02)


def _is_running(handle: int) -> bool:
    try:
        signal.pidfd_send_signal(handle, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(sys.stdin)
