"""Reads what is tested: a data file, a Prometheus query, or the triggers of a manifest."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from forecasting.localtime import DAY_SECONDS
from forecasting.samples import on_grid
from forecasting.series import Series
from scaler.adapters.file_table import Rows, read_table
from scaler.adapters.prometheus_settings import BadConfiguration
from scaler.check import NEXT_STEPS
from scaler.destinations import BadAddress, parse_address
from scaler.errors import HistoryUnavailable
from scaler.manifest import MAX_FILE_BYTES, ReadTrigger, Unreadable, read_manifest, read_trigger
from scaler.metadata import Trigger
from scaler.ports import DemandQuery
from scaler.sources import BadFlag, SourceFlags, open_source
from simulations.backtest.bridging import Gaps, bridged, gaps_of
from simulations.backtest.case import observed
from simulations.backtest.companions import Missing, Named, beside, read_companions
from simulations.backtest.errors import BadInput
from simulations.backtest.units import words

MANIFEST_SUFFIXES = frozenset({".yaml", ".yml"})
UNTIMED_START_AT = 1_736_121_600.0  # Monday 2025-01-06 00:00 UTC, as good as any
DEFAULT_STEP_SECONDS = 60.0
DEFAULT_DAYS = 33.0  # 28 to learn from and 5 to score
MOST_POINTS = 2_000_000
NO_COLUMN = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The flags that say how an input is read. None: as the input itself says."""

    source: SourceFlags
    query: str | None = None
    column: str | None = None
    time_column: str | None = None
    step_seconds: float | None = None
    days: float | None = None
    timezone: str | None = None
    is_bridged: bool = False
    leading: Named = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Input:
    """A series as read, its name, and the trigger that it belongs to, if any.

    The leading queries are companions of the series; `missing` are those without history.
    """

    name: str
    series: Series
    zone: ZoneInfo
    observed_ratio: float
    trigger: Trigger | None = None
    gaps: Gaps | None = None  # where the series is bridged
    missing: tuple[Missing, ...] = ()


def read_inputs(names: Sequence[str], reading: Reading, *, now: float) -> tuple[Input, ...]:
    """Return the series of all inputs. Raises `BadInput` with the next step."""
    try:
        if not names:
            return (asyncio.run(_queried(reading, now)),)
        return tuple(each for name in names for each in _read(name, reading, now))
    except HistoryUnavailable as exc:
        step = NEXT_STEPS.get(exc.reason, "")
        raise BadInput(f"no history: {exc}{'. Next step: ' if step else ''}{step}") from exc
    except (BadFlag, BadConfiguration) as exc:
        raise BadInput(str(exc)) from exc


def zone_of(flag: str, name: str) -> ZoneInfo:
    """Return a time zone. Raises `BadInput`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadInput(
            f'{flag}: "{name}" is not allowed; allowed is an IANA time zone such as Europe/Berlin'
        ) from exc


def _read(name: str, reading: Reading, now: float) -> Iterator[Input]:
    path = Path(name)
    if not path.is_file():
        raise BadInput(
            f'"{name}" is no file; name a CSV or Parquet file, or a manifest that ends in .yaml'
        )
    if reading.query is not None:
        raise BadInput(
            f"--query: not allowed beside {name}; a column is named with --column, and a manifest "
            "has its own queries"
        )
    if path.suffix.lower() in MANIFEST_SUFFIXES:
        if reading.leading:
            raise BadInput(f"--leading: not allowed beside {name}; it has its own leadingQueries")
        yield from asyncio.run(_of_manifest(path, reading, now))
    else:
        yield _of_file(path, reading)


def _of_file(path: Path, reading: Reading) -> Input:
    """Return the demand column of a file on a grid of its own step, or of the one asked for."""
    table = read_table(path, zone_of("--file-zone", reading.source.file_zone), _rows(path, reading))
    column = reading.column or next(iter(table.columns))
    if column not in table.columns:
        raise BadInput(
            f'--column: "{column}" is not allowed; allowed are the columns of {path}: '
            f"{', '.join(table.columns)}"
        )
    step = reading.step_seconds or table.step_seconds
    if not step > 0:
        raise BadInput(f"{path} holds one row; a history needs more, and --step to tell its grid")
    for name, wanted in reading.leading:
        if wanted not in table.columns:
            raise BadInput(
                f'--leading: "{wanted}" ({name}) is not allowed; allowed are the columns of '
                f"{path}: {', '.join(table.columns)}"
            )
    start_at = ceil(table.times[0] / step - 1e-6) * step
    n_points = floor((table.times[-1] - start_at) / step + 1e-6) + 1
    if n_points > MOST_POINTS:
        raise BadInput(
            f"--step: {step:g} s makes {n_points} points of {path}; allowed are {MOST_POINTS}, so "
            "give a longer one"
        )

    def gridded(named: str) -> Series:
        values = on_grid(
            table.times,
            table.columns[named],
            hold_seconds=table.step_seconds,
            start_at=start_at,
            step_seconds=step,
            n_points=n_points,
        )
        return Series(start_at=start_at, step_seconds=step, values=values)

    given = _input(path.name, gridded(column), reading, zone=reading.timezone or "UTC")
    return _led(given, {name: gridded(each) for name, each in reading.leading})


def _rows(path: Path, reading: Reading) -> Rows:
    if reading.time_column == NO_COLUMN:
        if reading.step_seconds is None:
            raise BadInput(f"--step: missing; without a column of times {path} needs it, as in 1m")
        return Rows(step_seconds=reading.step_seconds, start_at=UNTIMED_START_AT)
    return Rows(time_column=reading.time_column)


async def _queried(reading: Reading, now: float) -> Input:
    if reading.query is None:
        raise BadInput(
            "nothing to read: name a CSV or Parquet file or a manifest, or give --query with "
            "--prometheus-address"
        )
    step = reading.step_seconds or DEFAULT_STEP_SECONDS
    query = DemandQuery(query=reading.query, step_seconds=step)
    days = reading.days or DEFAULT_DAYS
    series = await _range(reading.source, query, days=days, now=now)
    given = _input(reading.query, series, reading, zone=reading.timezone or "UTC")

    async def read(text: str) -> Series:
        return await _range(reading.source, replace(query, query=text), days=days, now=now)

    return _led(given, *await read_companions(reading.leading, read))


async def _of_manifest(path: Path, reading: Reading, now: float) -> list[Input]:
    try:
        with path.open("rb") as file:
            manifest = read_manifest(file.read(MAX_FILE_BYTES + 1))
    except (OSError, Unreadable) as exc:
        raise BadInput(f"{path}: {exc}; see prewarm check {path}") from exc
    found = []
    for scaled_object in manifest.scaled_objects:
        for entry in scaled_object.prewarm_triggers:
            read = read_trigger(scaled_object, entry)
            name = f"{scaled_object.namespace}/{scaled_object.name} {entry.where}"
            found.append(await _of_trigger(name, read, reading, path, now))
    if not found:
        raise BadInput(f"{path} holds no trigger of Prewarm; see prewarm check {path}")
    return found


async def _of_trigger(
    name: str, read: ReadTrigger, reading: Reading, path: Path, now: float
) -> Input:
    if read.trigger is None or read.unknown:
        raise BadInput(f"{name} can't be read; prewarm check {path} says what is wrong")
    params, flags = read.params, reading.source
    query = replace(read.trigger.query, step_seconds=reading.step_seconds or params.step_seconds)
    # An address among the flags is the same Prometheus seen from here, as in `prewarm check`.
    if flags.source == "file" or flags.prometheus_address is not None:
        query = replace(query, server_address=None)
    elif query.server_address is not None:
        try:
            address = str(parse_address(query.server_address))
        except BadAddress as exc:
            raise BadInput(f"{name}: serverAddress: {exc}") from exc
        flags = replace(flags, allow_address=(*flags.allow_address, address))
    days = reading.days or params.history_days + DEFAULT_DAYS - 28.0
    series = await _range(flags, query, days=days, now=now)
    zone = reading.timezone or str(params.zone)
    given = replace(_input(name, series, reading, zone=zone), trigger=read.trigger)

    async def read_leading(text: str) -> Series:
        return await _range(flags, replace(query, query=text), days=days, now=now)

    return _led(given, *await read_companions(read.trigger.plan.leading, read_leading))


def _led(given: Input, found: Mapping[str, Series], missing: tuple[Missing, ...] = ()) -> Input:
    """Return the input with the companions that were found."""
    series, empty = beside(given.series, found)
    return replace(given, series=series, missing=(*missing, *empty))


async def _range(flags: SourceFlags, query: DemandQuery, *, days: float, now: float) -> Series:
    step = query.step_seconds
    end_at = floor(now / step) * step
    start_at = end_at - round(days * DAY_SECONDS / step) * step
    source = open_source(flags, now=now, on_rejected=lambda *_: None, on_expensive=lambda *_: None)
    try:
        return await source.read_range(query, start_at=start_at, end_at=end_at)
    finally:
        await source.close()


def _input(name: str, series: Series, reading: Reading, *, zone: str) -> Input:
    shown = observed(series)
    if reading.days is not None:
        # So many whole days of points, the newest one included.
        begin_at = shown.end_at - reading.days * DAY_SECONDS + 0.5 * shown.step_seconds
        shown = observed(shown.between(begin_at, shown.end_at))
    if not len(shown):
        raise BadInput(
            f"{name}: nothing was observed in {words(len(series) * series.step_seconds)}; unknown "
            "is not zero, so there is nothing to test. Is the name right, and is it collected?"
        )
    share = float(np.mean(~np.isnan(shown.values)))
    return Input(
        name=name,
        series=bridged(shown) if reading.is_bridged else shown,
        zone=zone_of("--timezone", zone),
        observed_ratio=share,
        gaps=gaps_of(shown) if reading.is_bridged else None,
    )
