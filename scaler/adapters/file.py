"""Reads demand from a CSV or Parquet file: for demonstrations, tests and offline use.

The column `timestamp`, or else the first, is the time; a trigger's `query` names one of the others.

A grid point's demand is the mean of the samples since the grid point before it. Where the file is
coarser than the grid, a sample holds until the next is due, and no longer: a row that is missing
is a gap. Nothing that lies after the asked time is shown; what stands at a time counts as known
then, so a file whose times are the starts of its bins needs `ends_at` one bin later.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

from forecasting.arrays import FloatVector
from forecasting.samples import on_grid
from forecasting.series import Series
from scaler.adapters.file_table import Table, read_table
from scaler.destinations import shown
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

OnRejected: TypeAlias = Callable[[DemandQuery, str, int], None]  # reason, samples

MAX_NAMED_COLUMNS = 12


def _ignore(*_: object) -> None:
    pass


class FileSource:
    """A HistorySource on one file, which is read once and read again when it changes.

    `zone` gives times without a zone their meaning. `ends_at` (Unix seconds) shifts the whole file
    so that its last row is there. `on_rejected(query, reason, count)` tells of cells that are no
    demand (`negative`, `not-finite`), once for each time that the file is read.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        zone: ZoneInfo | None = None,
        ends_at: float | None = None,
        on_rejected: OnRejected = _ignore,
    ) -> None:
        self._path = Path(path)
        self._zone = zone or ZoneInfo("UTC")
        self._ends_at = ends_at
        self._on_rejected = on_rejected
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._table: Table | None = None
        self._told: set[str] = set()

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Return the grid points in [start_at, end_at]."""
        n_points = round((end_at - start_at) / query.step_seconds) + 1
        values = await self._resampled(query, start_at=start_at, n_points=n_points)
        return Series(start_at=start_at, step_seconds=query.step_seconds, values=values)

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        """Return demand at `at`; NaN when the file holds none."""
        return float((await self._resampled(query, start_at=at, n_points=1))[0])

    async def close(self) -> None:
        """Forget the file."""
        self._table = self._seen = None

    async def _resampled(
        self, query: DemandQuery, *, start_at: float, n_points: int
    ) -> FloatVector:
        table = await asyncio.to_thread(self._current)
        name = query.query.strip()
        if name not in table.columns:
            known = ", ".join(list(table.columns)[:MAX_NAMED_COLUMNS])
            message = f"{self._path} has no column {shown(name)!r}; it has {known}"
            raise HistoryUnavailable("no-column", message)
        self._tell(query, name, table.rejected.get(name, {}))
        shift = 0.0 if self._ends_at is None else self._ends_at - float(table.times[-1])
        return on_grid(
            table.times,
            table.columns[name],
            hold_seconds=table.step_seconds,
            start_at=start_at - shift,
            step_seconds=query.step_seconds,
            n_points=n_points,
        )

    def _current(self) -> Table:
        """Return the file's content, read again when the file has changed."""
        with self._lock:
            try:
                status = self._path.stat()
            except OSError as error:
                message = f"can't read {self._path}: {error.strerror}"
                raise HistoryUnavailable("missing-file", message) from None
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._table is None or seen != self._seen:
                self._table = read_table(self._path, self._zone)
                self._seen = seen
                self._told.clear()
            return self._table

    def _tell(self, query: DemandQuery, name: str, rejected: Mapping[str, int]) -> None:
        if name not in self._told:
            self._told.add(name)
            for reason, count in rejected.items():
                self._on_rejected(query, reason, count)
