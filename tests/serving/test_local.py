import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.loader.errors import Changed, NotFound, StorageFailed
from serving.loader.plan import PAGE_BYTES
from serving.loader.readers.local import MIN_DIRECT_BYTES, LocalFile, LocalFolder
from serving.loader.readers.pace import Pace
from serving.loader.settings import DirectIo
from serving.loader.targets import anonymous_memory

SIZE = 3 * MIN_DIRECT_BYTES + 777
CONTENT = np.random.default_rng(1).bytes(SIZE)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file on the disk rather than in memory, where the two differ."""
    made = tmp_path_factory.mktemp("local") / "w.safetensors"
    made.write_bytes(CONTENT)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    return made


def opened(path: Path, direct_io: DirectIo = "auto") -> LocalFile:
    return LocalFile(path, Pace(), direct_io)


def make_cold(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


@settings(max_examples=60)
@given(
    direct_io=st.sampled_from(["auto", "always", "never"]),
    is_cold=st.booleans(),
    start=st.integers(0, 3 * PAGE_BYTES),
    less=st.integers(0, 3 * PAGE_BYTES),
    askew=st.integers(0, 2),
)
def test_every_range_is_read_to_the_byte_wherever_it_goes(
    path: Path, *, direct_io: DirectIo, is_cold: bool, start: int, less: int, askew: int
):
    if is_cold:
        make_cold(path)
    n_bytes = SIZE - start - less
    at = start % PAGE_BYTES + askew
    into = anonymous_memory(SIZE + PAGE_BYTES + 2)[at : at + n_bytes]
    file = opened(path, direct_io)
    file.read_into(start, into)
    file.close()
    assert bytes(into) == CONTENT[start : start + n_bytes]


def test_what_is_in_the_page_cache_is_told_from_what_is_not(path: Path):
    file = opened(path)
    make_cold(path)
    cold = file._is_cached(0, SIZE)
    path.read_bytes()
    warm = file._is_cached(0, SIZE)
    file.close()
    # A file system in memory has nothing that isn't cached.
    assert (cold, warm) in [(False, True), (True, True)]


def test_reading_cold_leaves_the_page_cache_as_it_was(path: Path):
    file = opened(path)
    make_cold(path)
    if file._is_cached(0, SIZE) or file._direct < 0:
        file.close()
        pytest.skip("the file system of the temporary folder has no reads past the cache")
    file.read_into(0, anonymous_memory(SIZE))
    middle = file._is_cached(PAGE_BYTES, MIN_DIRECT_BYTES)
    file.close()
    assert not middle


def test_a_file_system_that_refuses_alignment_is_read_through_the_cache(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = opened(path, "always")
    real = os.preadv

    def picky(descriptor: int, buffers: list[memoryview], *rest: int) -> int:
        if descriptor == file._direct:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(descriptor, buffers, *rest)

    monkeypatch.setattr(os, "preadv", picky)
    into = anonymous_memory(SIZE)
    file.read_into(0, into)
    file.close()
    assert bytes(into) == CONTENT


def test_a_disk_error_is_told_with_the_file_and_the_bytes(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = opened(path, "never")

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(StorageFailed, match=r"w\.safetensors: bytes 4 to 14 .*Input/output error"):
        file.read_into(4, memoryview(bytearray(10)))
    file.close()


def test_a_file_that_was_cut_or_rewritten_is_refused(tmp_path: Path):
    path = tmp_path / "w"
    path.write_bytes(b"0123456789")
    cut, rewritten = opened(path), opened(path)
    path.write_bytes(b"01234")
    with pytest.raises(Changed, match="ends at byte 5, it had 10"):
        cut.read_into(0, memoryview(bytearray(10)))
    with pytest.raises(Changed, match="was written to"):
        rewritten.read_into(0, memoryview(bytearray(3)))
    cut.close()
    rewritten.close()


def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    folder = LocalFolder(tmp_path, Pace(), "auto")
    with pytest.raises(StorageFailed, match="isn't a regular file"):
        folder.open("pipe")
    with pytest.raises(NotFound, match="there is no such file"):
        folder.open("nothing")
    with pytest.raises(NotFound, match="can't be listed"):
        LocalFolder(tmp_path / "nowhere", Pace(), "auto").names()
