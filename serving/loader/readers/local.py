"""Files: past the page cache when they aren't in it, through it when they are.

A copy out of the page cache is the fastest read there is, and filling it with weights that are read
once is the slowest: every byte is copied twice by the processor and other pages are driven out. So
each read first asks whether its pages are there (`RWF_NOWAIT` fails instead of reading from disk).
"""

import ctypes
import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from serving.loader.errors import Changed, NotFound, StorageFailed
from serving.loader.plan import PAGE_BYTES
from serving.loader.readers.pace import Pace
from serving.loader.settings import DirectIo

# Shorter reads are not worth going past the cache.
MIN_DIRECT_BYTES = 256 * 1024
# Until the deadline or the end is looked at again.
STEP_BYTES = 8 * 1024 * 1024
_Identity = tuple[int, int, int, int]


class LocalFile:
    """A file that is open; refuses to go on once it is another than it was."""

    def __init__(self, path: Path, pace: Pace, direct_io: DirectIo) -> None:
        self.label = str(path)
        self._pace = pace
        self._direct_io = direct_io
        self._buffered = _opened(path)
        self._probe = self._direct = -1
        try:
            self._require_regular()
            self._identity = self._now()
            self.n_bytes = self._identity[0]
            if direct_io != "never":
                self._direct = _opened_direct(path)
                self._probe = _opened(path)
                # Else asking for a page would read those behind it too.
                os.posix_fadvise(self._probe, 0, 0, os.POSIX_FADV_RANDOM)
        except BaseException:
            self.close()
            raise

    def read_into(self, start: int, into: memoryview) -> None:
        """Fill `into`; raises Changed where the file ends before that, or isn't what it was."""
        done = 0
        while done < len(into):
            step = into[done : done + STEP_BYTES]
            self._pace.allowed(len(step), self.label)
            try:
                self._read_step(start + done, step)
            except OSError as exc:
                raise StorageFailed(
                    f"{self.label}: bytes {start + done} to {start + done + len(step)} can't be "
                    f"read: {exc.strerror}"
                ) from exc
            done += len(step)
        if self._now() != self._identity:
            raise Changed(f"{self.label}: was written to while it was read. Next step: load again")

    def interrupt(self) -> None:
        """Do nothing: a read of a disk can't be cut short."""

    def close(self) -> None:
        """Close the file."""
        held = (self._buffered, self._direct, self._probe)
        self._buffered = self._direct = self._probe = -1
        for descriptor in held:
            if descriptor >= 0:
                os.close(descriptor)

    def _read_step(self, start: int, into: memoryview) -> None:
        done = 0
        if self._goes_past_the_cache(start, into):
            done = self._read_direct(start, into)
        self._read_buffered(start + done, into[done:])

    def _goes_past_the_cache(self, start: int, into: memoryview) -> bool:
        if self._direct < 0 or len(into) < MIN_DIRECT_BYTES:
            return False
        if (_address(into) - start) % PAGE_BYTES:
            return False
        return self._direct_io == "always" or not self._is_cached(start, len(into))

    def _is_cached(self, start: int, n_bytes: int) -> bool:
        """Return whether the first, the middle and the last page are in the page cache."""
        page = bytearray(1)
        try:
            for position in (start, start + n_bytes // 2, start + n_bytes - 1):
                if os.preadv(self._probe, [page], position, os.RWF_NOWAIT) != 1:
                    return False
        except BlockingIOError:
            return False
        except OSError as exc:
            if exc.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            return True  # a file system that can't tell: leave it to its cache
        return True

    def _read_direct(self, start: int, into: memoryview) -> int:
        """Read whole pages past the cache; return how many bytes of `into` are filled.

        What lies before the first whole page is read with that page, into a page of its own.
        """
        before = -start % PAGE_BYTES
        if before:
            self._read_edge(start, into[:before])
        body = (len(into) - before) // PAGE_BYTES * PAGE_BYTES
        done = 0
        while done < body:
            part = into[before + done : before + body]
            try:
                n_read = os.preadv(self._direct, [part], start + before + done)
            except OSError as exc:
                if exc.errno != errno.EINVAL:
                    raise
                return before + done  # this file system wants it otherwise: buffered from here on
            if n_read == 0 or n_read % PAGE_BYTES:
                return before + done + n_read
            done += n_read
        rest = len(into) - before - body
        if rest:
            self._read_edge(start + before + body, into[before + body :])
        return len(into)

    def _read_edge(self, start: int, into: memoryview) -> None:
        """Read less than a page, which may be one that the next read wants the rest of."""
        self._read_buffered(start, into, self._probe)

    def _read_buffered(self, start: int, into: memoryview, descriptor: int | None = None) -> None:
        done = 0
        while done < len(into):
            n_read = os.preadv(
                self._buffered if descriptor is None else descriptor, [into[done:]], start + done
            )
            if n_read == 0:
                raise Changed(
                    f"{self.label}: ends at byte {start + done}, it had {self.n_bytes} when it "
                    "was opened"
                )
            done += n_read

    def _require_regular(self) -> None:
        """Refuse what would hang or never end; a link to a file elsewhere is fine.

        The cache of a model hub is made of such links, and what is read must be safetensors.
        """
        if not stat.S_ISREG(os.fstat(self._buffered).st_mode):
            raise StorageFailed(f"{self.label}: isn't a regular file")

    def _now(self) -> _Identity:
        found = os.fstat(self._buffered)
        return found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A directory."""

    path: Path
    pace: Pace
    direct_io: DirectIo
    is_remote: bool = False

    @property
    def label(self) -> str:
        """The path."""
        return str(self.path)

    def open(self, name: str) -> LocalFile:
        """Open a file of it; a link may lead elsewhere, as the cache of a model hub's does."""
        return LocalFile(self.path / name, self.pace, self.direct_io)

    def names(self) -> tuple[str, ...]:
        """Return the names of all files."""
        try:
            return tuple(sorted(entry.name for entry in self.path.iterdir()))
        except OSError as exc:
            raise NotFound(f"{self.path}: can't be listed: {exc.strerror}") from exc

    def close(self) -> None:
        """Release nothing."""


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as exc:
        raise NotFound(f"{path}: there is no such file") from exc
    except OSError as exc:
        raise StorageFailed(f"{path}: can't be opened: {exc.strerror}") from exc


def _opened_direct(path: Path) -> int:
    """Open past the page cache; -1 where the file system can't."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
    except OSError:
        return -1


def _address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))
