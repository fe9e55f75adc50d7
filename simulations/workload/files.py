"""Reads a workload from a CSV or Parquet file, packed or not: a row a request, or a row a bin."""

import gzip
import io
import zlib
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from forecasting.arrays import FloatVector
from simulations.workload.bins import COMPLETIONS, PROMPTS, Bins
from simulations.workload.columns import Columns
from simulations.workload.errors import BadWorkload
from simulations.workload.lengths import Lengths
from simulations.workload.requests import Requests
from simulations.workload.streams import stream

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
EARLIEST_UNIX = 315_532_800.0  # 1980: smaller numbers are seconds from the trace's own start
LATEST_UNIX = 7_258_118_400.0  # the year 2200: larger ones are milliseconds
UNTIMED_START_AT = 1_736_121_600.0  # Monday 2025-01-06 00:00 UTC, as good as any


def read_workload(
    path: Path,
    *,
    seed: int,
    columns: Columns | None = None,
    lengths: Lengths | None = None,
    zone: ZoneInfo | None = None,
) -> Requests | Bins:
    """Return what a file holds: `Bins` when it has a column of counts, else `Requests`.

    Times are ISO 8601 (in `zone` where they name none), Unix seconds, or seconds from the start.
    Lengths that a file of requests lacks are drawn from `lengths`. Raises `BadWorkload` with the
    row and what is wrong there.
    """
    frame = _frame(path)
    found = (columns or Columns()).found_in([str(name) for name in frame.columns], str(path))
    times, start_at = _times(path, frame[found.time], zone or ZoneInfo("UTC"))
    order = np.argsort(times, kind="stable")
    times = times[order]
    tokens = {
        "prompt_tokens": _numbers(path, frame, found.prompt, order),
        "completion_tokens": _numbers(path, frame, found.completion, order),
    }
    counts = _numbers(path, frame, found.requests, order)
    if counts is not None:
        return _bins(path, times, start_at, {"counts": counts, **tokens})
    _check_complete(path, times, tokens)
    lengths = lengths or Lengths()
    prompt, completion = tokens["prompt_tokens"], tokens["completion_tokens"]
    if prompt is None:
        prompt = lengths.prompt.draw(stream(seed, PROMPTS), times.size)
    if completion is None:
        completion = lengths.completion.draw(stream(seed, COMPLETIONS), times.size)
    return Requests(
        start_at=start_at,
        seconds=float(np.floor(times[-1]) + 1.0),
        arrivals=times,
        prompt_tokens=prompt,
        # A request that was cut off before its first token still had its prompt read.
        completion_tokens=np.maximum(completion, 1.0),
    )


def _frame(path: Path) -> pd.DataFrame:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if is_packed else suffixes)[-1:]
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if is_packed else content
    except (OSError, EOFError, zlib.error) as exc:
        raise BadWorkload(f"{path} can't be read: {exc}") from exc
    try:
        if kind and kind[0] in PARQUET_SUFFIXES:
            frame = pd.read_parquet(io.BytesIO(content))
            if not isinstance(frame.index, pd.RangeIndex):
                frame = frame.reset_index()
        else:
            frame = pd.read_csv(io.BytesIO(content))
    except ImportError as exc:
        raise BadWorkload(
            f"{path} needs pyarrow to be read: pip install 'keda-prewarm[simulations]'"
        ) from exc
    except (ValueError, OSError) as exc:
        raise BadWorkload(f"{path} is no CSV or Parquet file with a header: {exc}") from exc
    if frame.empty or not len(frame.columns):
        raise BadWorkload(
            f"{path} holds no row; needed are a header and a row for each bin or request"
        )
    return frame


def _times(path: Path, given: "pd.Series[float]", zone: ZoneInfo) -> tuple[FloatVector, float]:
    """Return seconds from the start (n,) in file order, and the start in Unix seconds."""
    if pd.api.types.is_numeric_dtype(given):
        seconds: FloatVector = np.asarray(given, dtype=np.float64)
    else:
        try:
            moments = pd.to_datetime(given, format="ISO8601", utc=False)
        except (ValueError, TypeError) as exc:
            raise BadWorkload(
                f'{path}: column "{given.name}": no time in ISO 8601, Unix seconds or seconds from '
                f"the start: {exc}"
            ) from exc
        if moments.dt.tz is None:
            moments = moments.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        epoch = pd.Timestamp(0, tz="UTC")
        since = (moments - epoch) / pd.Timedelta(seconds=1)
        seconds = np.asarray(since, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(seconds) | (seconds < 0) | (seconds > LATEST_UNIX))
    if bad.size:
        row = int(bad[0])
        raise BadWorkload(
            f'{path}: row {row + 2}: "{given.iloc[row]}" in column "{given.name}" is no time; '
            "allowed are ISO 8601, Unix seconds (not milliseconds) and seconds from the start"
        )
    first = float(seconds.min())
    if first < EARLIEST_UNIX:
        return seconds, UNTIMED_START_AT
    since_first: FloatVector = seconds - first
    return since_first, first


def _numbers(
    path: Path,
    frame: pd.DataFrame,
    name: str | None,
    order: np.ndarray[tuple[int], np.dtype[np.intp]],
) -> FloatVector | None:
    """Return a column in the order of time, (n,); NaN where a cell is empty."""
    if name is None:
        return None
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    is_wrong = (np.isnan(values) & frame[name].notna().to_numpy()) | np.isinf(values) | (values < 0)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        raise BadWorkload(
            f'{path}: row {row + 2}: "{frame[name].iloc[row]}" in column "{name}" is not allowed; '
            "allowed is a number >= 0, or nothing for unknown"
        )
    return values[order]


def _bins(
    path: Path, times: FloatVector, start_at: float, columns: dict[str, FloatVector | None]
) -> Bins:
    """Return rows on their grid; a bin without a row is unknown."""
    if times.size < 2:  # noqa: PLR2004 - a step is the distance of two rows
        raise BadWorkload(f"{path} holds one row; the length of a bin shows in the times of two")
    gaps = np.diff(times)
    if not (gaps > 0).all():
        row = int(np.flatnonzero(gaps <= 0)[0])
        raise BadWorkload(f"{path}: two rows for the time {times[row]:g} s; allowed is one a bin")
    step = float(np.median(gaps))
    places = np.rint((times - times[0]) / step).astype(np.intp)
    if np.abs(times - times[0] - places * step).max() > 0.1 * step or (np.diff(places) < 1).any():
        raise BadWorkload(
            f"{path}: rows are not a constant step apart ({step:g} s is the usual one)"
        )
    laid: dict[str, FloatVector | None] = {}
    for name, values in columns.items():
        on_grid = None if values is None else np.full(int(places[-1]) + 1, np.nan)
        if on_grid is not None:
            on_grid[places] = values
        laid[name] = on_grid
    return Bins(start_at=start_at + float(times[0]), step_seconds=step, **laid)  # type: ignore[arg-type]  # counts are never None


def _check_complete(path: Path, times: FloatVector, tokens: dict[str, FloatVector | None]) -> None:
    for name, values in tokens.items():
        if values is not None and np.isnan(values).any():
            row = int(np.flatnonzero(np.isnan(values))[0])
            raise BadWorkload(
                f"{path}: the request at {times[row]:g} s has no {name}; give it for all requests, "
                "or leave the column out and state a distribution"
            )
