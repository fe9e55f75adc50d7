"""Building parts: once per machine and version, safely beside other builders."""

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .catalog import Family, Part, part
from .golang import build_environment, require_go
from .store import cache_folder, place_of

Say = Callable[[str], None]
TELL_EVERY_SECONDS = 10.0


class BuildFailed(RuntimeError):  # noqa: N818 - named after what happened
    """`go build` ended with an error; the message ends with what it printed last."""


def build(*names: str, say: Say = lambda _line: None) -> dict[str, Path]:
    """Build what is missing of `names` and return every program's path.

    Takes milliseconds when all are there. `say` gets one line per step and a sign of life every
    ten seconds. Raises GoMissing or BuildFailed.
    """
    places = {name: place_of(part(name)) for name in names}
    for name, place in places.items():
        if not place.is_file():
            _build_one(part(name), place, say)
    return places


def _build_one(wanted: Part, place: Path, say: Say) -> None:
    go = require_go()
    place.parent.mkdir(parents=True, exist_ok=True)
    with _family_lock(wanted.family, say):
        if place.is_file():  # another builder was faster
            return
        say(
            f"building {wanted.name} {wanted.family.version} "
            f"(first time about {wanted.cold_build_seconds} s on two cores)"
        )
        started = time.monotonic()
        # A name of its own first: nobody ever sees half a program under the final name.
        temporary = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            _go_build(go, wanted, temporary, say)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        say(f"built {wanted.name} in {time.monotonic() - started:.0f} s")


@contextmanager
def _family_lock(family: Family, say: Say) -> Iterator[None]:
    """Hold the family's lock: a second builder would only compete for the same packages."""
    path = cache_folder() / f".{family.name}.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another build of {family.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _go_build(go: str, wanted: Part, output: Path, say: Say) -> None:
    family = wanted.family
    command = [go, "build", "-v", "-mod=readonly", "-trimpath", "-ldflags", family.linker_flags]
    if family.tags:
        command += ["-tags", family.tags]
    package = f"{family.module}/{wanted.package}".rstrip("/")
    process = subprocess.Popen(
        [*command, "-o", str(output), package],
        cwd=family.folder,
        env=build_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    started = time.monotonic()
    try:
        while _still_runs(process, TELL_EVERY_SECONDS):
            # With -v Go names each package it compiles: their number is the progress.
            say(f"  {wanted.name}: {time.monotonic() - started:.0f} s, {len(lines)} packages done")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        reader.join()
    if process.returncode != 0:
        raise BuildFailed(f"go build {package} failed:\n" + "".join(lines[-20:]))


def _collect(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stderr is not None
    lines.extend(process.stderr)
    process.stderr.close()


def _still_runs(process: subprocess.Popen[str], wait_seconds: float) -> bool:
    try:
        process.wait(wait_seconds)
    except subprocess.TimeoutExpired:
        return True
    return False
