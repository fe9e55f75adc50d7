"""A StateStore in one SQLite file, with one thread that reads and writes.

Rules
- One process owns a directory (`state_lock.py`); another one is told who does.
- Write-ahead log, `synchronous=NORMAL`: a transaction that was reported outlives the process. What
  a power cut takes is the last few transactions, never the file.
- Each row has a checksum over all of it. A row that doesn't match is dropped and logged.
- A file that SQLite calls malformed, or of a version that this code doesn't know, is set aside
  under a name that says so, and a new one begun.
- A directory that can't be written is still read, and tried again with every save.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar

from scaler.adapters.state_file import StateFile
from scaler.errors import StateUnavailable
from scaler.ports import Blob

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class SqliteStateStore:
    """Keeps blobs in `directory`. Made by `opened`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._file: StateFile | None = None
        self._is_closed = False

    @classmethod
    async def opened(cls, directory: Path) -> Self:
        """Return a store in `directory`, which is made where it is missing.

        Raises `StateUnavailable` with reason in-use when another process has it. One that can't be
        written now is opened all the same: it is read where possible, and its saves fail.
        """
        store = cls(directory)
        try:
            await store._run(store._writable)
        except StateUnavailable as exc:
            if exc.reason == "in-use":
                await store.close()
                raise
            logger.error(  # noqa: TRY400 - the reason says it all
                "state directory can't be written; scaling goes on without memory",
                extra={"directory": str(directory), "reason": exc.reason, "why": str(exc)},
            )
        return store

    async def load(self, owner: str) -> Mapping[str, Blob]:
        """Return all blobs of `owner` by kind."""
        return await self._run(lambda: self._load(owner))

    async def save(self, blobs: Mapping[tuple[str, str], Blob]) -> None:
        """Write the blobs in one transaction."""
        await self._run(lambda: self._writable().save(blobs))

    async def forget(self, before: float) -> int:
        """Delete what was saved before that time."""
        return await self._run(lambda: self._writable().forget(before))

    async def close(self) -> None:
        """Close the file after what is under way."""
        if not self._is_closed:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
            self._is_closed = True
            self._thread.shutdown()

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._is_closed:
            raise StateUnavailable("closed", "the state store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # From here on in the store's own thread.

    def _load(self, owner: str) -> Mapping[str, Blob]:
        try:
            file = self._writable()
        except StateUnavailable:
            with closing(StateFile.opened_to_read(self._directory)) as readable:
                return readable.load(owner)
        return file.load(owner)

    def _writable(self) -> StateFile:
        if self._file is None:
            self._file = StateFile.opened(self._directory)
        return self._file

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
