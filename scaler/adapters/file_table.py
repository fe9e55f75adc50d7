"""A CSV or Parquet file as columns of numbers over time."""

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.arrays import FloatVector
from scaler.destinations import shown
from scaler.errors import HistoryUnavailable

TIME_COLUMN = "timestamp"
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
LATEST_AT = 7_258_118_400.0  # the year 2200
EMPTY = frozenset({"", "nan", "NaN", "null", "NA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file's content in time order."""

    times: FloatVector  # (n,), Unix seconds, increasing
    columns: Mapping[str, FloatVector]  # each (n,); NaN is not observed
    rejected: Mapping[str, Mapping[str, int]]  # by column: cells that are no demand, by reason
    step_seconds: float  # between two rows, as a rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """How to tell the times of rows: the column that holds them, or none and a constant step."""

    time_column: str | None = None  # None: `timestamp`, or else the first
    step_seconds: float | None = None  # given: no column holds times
    start_at: float = 0.0  # of the first row, with step_seconds


def read_table(path: Path, zone: ZoneInfo, rows: Rows | None = None) -> Table:
    """Return what a file holds. Raises HistoryUnavailable with the row and what is wrong there."""
    rows = rows or Rows()
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if is_packed else suffixes)[-1:]
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if is_packed else content
    except (OSError, EOFError, zlib.error) as error:
        _stop(path, f"can't be read: {error}")
    is_parquet = bool(kind) and kind[0] in PARQUET_SUFFIXES
    names, cells = _parquet(path, content) if is_parquet else _csv(path, content)
    n_least = 2 if rows.step_seconds is None else 1  # a time and a value
    if len(names) < n_least or not cells[0]:
        _stop(path, "must have a column of times, one of values, and at least one row")
    if len(set(names)) < len(names):
        _stop(path, f"has two columns of the same name among {shown(', '.join(names))}")
    time_place, times = _row_times(path, names, cells, zone, rows)
    order = np.argsort(times, kind="stable")
    # A time that comes twice: the later row corrects the earlier one.
    is_last = np.append(np.diff(times[order]) > 0, True)
    kept = order[is_last]
    columns: dict[str, FloatVector] = {}
    rejected: dict[str, Mapping[str, int]] = {}
    for place, name in enumerate(names):
        if place != time_place:
            values, rejected[name] = _demands(path, name, cells[place])
            columns[name] = values[kept]
    return Table(
        times=times[kept],
        columns=columns,
        rejected=rejected,
        step_seconds=float(np.median(np.diff(times[kept]))) if len(kept) > 1 else 0.0,
    )


def _row_times(
    path: Path, names: list[str], cells: list[Sequence[Any]], zone: ZoneInfo, rows: Rows
) -> tuple[int | None, FloatVector]:
    """Return the place of the column of times, None without one, and the time of each row."""
    if rows.step_seconds is not None:
        return None, rows.start_at + rows.step_seconds * np.arange(len(cells[0]), dtype=np.float64)
    if rows.time_column is not None and rows.time_column not in names:
        _stop(path, f"has no column {shown(rows.time_column)!r}; it has {shown(', '.join(names))}")
    name = rows.time_column or TIME_COLUMN
    place = names.index(name) if name in names else 0
    return place, np.array(_times(path, cells[place], zone))


def _csv(path: Path, content: bytes) -> tuple[list[str], list[Sequence[Any]]]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        _stop(path, f"is no CSV file in UTF-8: {error}")
    rows = [row for row in rows if row]
    if not rows:
        _stop(path, "is empty")
    names = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            _stop(path, f"row {number} has {len(row)} cells where the header has {len(names)}")
    return names, [[row[place].strip() for row in rows[1:]] for place in range(len(names))]


def _parquet(path: Path, content: bytes) -> tuple[list[str], list[Sequence[Any]]]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - of an extra
    except ImportError:
        _stop(path, "needs pyarrow to be read: pip install 'keda-prewarm[simulations]'")
    try:
        table = parquet.read_table(io.BytesIO(content))
    except (ArrowException, OSError) as error:
        _stop(path, f"is no Parquet file: {shown(str(error))}")
    return list(table.column_names), [column.to_pylist() for column in table.columns]


def _times(path: Path, cells: Iterable[Any], zone: ZoneInfo) -> list[float]:
    times: list[float] = []
    for number, cell in enumerate(cells, start=2):
        try:
            times.append(_unix_seconds(cell, zone, times[-1] if times else -math.inf))
        except (TypeError, ValueError, OverflowError):
            what = shown(str(cell))
            _stop(
                path,
                f"row {number}: {what!r} is no time in ISO 8601 or Unix seconds (not milliseconds)",
            )
    return times


def _unix_seconds(cell: Any, zone: ZoneInfo, before: float) -> float:
    if isinstance(cell, str):
        try:
            cell = float(cell)
        except ValueError:
            cell = datetime.fromisoformat(cell)
    if isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
            if moment.timestamp() <= before:  # the hour that comes twice when summer time ends
                moment = moment.replace(fold=1)
        cell = moment.timestamp()
    if not abs(cell) <= LATEST_AT:  # also NaN; milliseconds, as Grafana exports them, lie beyond
        raise ValueError
    return float(cell)


def _demands(path: Path, name: str, cells: Iterable[Any]) -> tuple[FloatVector, Mapping[str, int]]:
    rejected: Counter[str] = Counter()
    values: list[float] = []
    for number, cell in enumerate(cells, start=2):
        try:
            value = math.nan if cell is None or cell in EMPTY else float(cell)
        except (TypeError, ValueError):
            what = shown(str(cell))
            _stop(path, f"row {number}: {what!r} in column {shown(name)} is no number")
        if math.isinf(value) or value < 0:
            rejected["not-finite" if math.isinf(value) else "negative"] += 1
            value = math.nan
        values.append(value)
    return np.array(values, dtype=np.float64), rejected


def _stop(path: Path, what: str) -> NoReturn:
    raise HistoryUnavailable("bad-file", f"{path} {what}")
