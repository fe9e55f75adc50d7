"""From the operator's flags to a source of demand. Shared by `serve` and `check`."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scaler.adapters.file import FileSource
from scaler.adapters.prometheus import OnExpensive, OnRejected, PrometheusSource
from scaler.adapters.prometheus_config import load_settings
from scaler.adapters.prometheus_rules import recording_rule
from scaler.ports import DemandQuery, HistorySource
from scaler.telemetry import TickTelemetry

logger = logging.getLogger(__name__)


class BadFlag(ValueError):  # noqa: N818 - named after what is wrong
    """A flag that can't be used; the message names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFlags:
    """The flags that say where demand is read, as they were given."""

    source: str = "prometheus"
    prometheus_address: str | None = None
    allow_address: tuple[str, ...] = ()
    prometheus_config: str | None = None
    file: str | None = None
    file_ends_at: str | None = None
    file_zone: str = "UTC"

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> Self:
        """Pick these flags from all that a command was given."""
        return cls(**{each.name: flags[each.name] for each in fields(cls)})


def parse_time(flag: str, text: str, now: float) -> float:
    """Return Unix seconds of `now` or an ISO time (UTC unless it says otherwise)."""
    if text == "now":
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadFlag(
            f'{flag}: "{text}" is not allowed; allowed is an ISO time such as 2026-01-31T08:00Z'
        ) from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _zone(flag: str, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadFlag(
            f'{flag}: "{name}" is not allowed; allowed is an IANA time zone such as Europe/Berlin'
        ) from exc


def open_source(
    flags: SourceFlags, *, now: float, on_rejected: OnRejected, on_expensive: OnExpensive
) -> HistorySource:
    """Return the source that the flags ask for.

    Raises `BadFlag`, or `BadConfiguration` for what is wrong in --prometheus-config.
    """
    if flags.source == "file":
        if flags.file is None:
            raise BadFlag("--file: missing; with --source file it names a CSV or Parquet file")
        if not Path(flags.file).is_file():
            raise BadFlag(f'--file: "{flags.file}" is no file')
        ends_at = flags.file_ends_at
        shift = None if ends_at is None else parse_time("--file-ends-at", ends_at, now)
        zone = _zone("--file-zone", flags.file_zone)
        return FileSource(flags.file, zone=zone, ends_at=shift, on_rejected=on_rejected)
    if flags.file is not None:
        raise BadFlag("--file: needs --source file beside it")
    settings = load_settings(
        flags.prometheus_config,
        default_address=flags.prometheus_address,
        allow_addresses=flags.allow_address,
    )
    return PrometheusSource(settings, on_rejected=on_rejected, on_expensive=on_expensive)


def count_rejected(telemetry: TickTelemetry) -> Callable[[DemandQuery, str, int], None]:
    """Return a callback that counts samples that can't be demand."""

    def count(query: DemandQuery, reason: str, samples: int) -> None:
        del query
        telemetry.rejected_samples.labels(reason).inc(samples)

    return count


def name_expensive(telemetry: TickTelemetry) -> Callable[[DemandQuery, float, float], None]:
    """Return a callback that counts an expensive query, and logs once what would make it cheap."""
    named: set[str] = set()

    def name(query: DemandQuery, seconds: float, samples: float) -> None:
        telemetry.expensive_queries.inc()
        if query.query in named or len(named) >= MAX_NAMED:
            return
        named.add(query.query)
        logger.warning(
            "query is expensive; record it and query the record instead",
            extra={
                "query": query.query,
                "seconds": round(seconds, 3),
                "samples": samples,
                "recording_rule": recording_rule(query.query, interval_seconds=query.step_seconds),
            },
        )

    return name


# Queries come from triggers: what is remembered of them must not grow without end.
MAX_NAMED = 1_000
