"""Records to a sweep: checked numbers in seconds and tokens, and what they were measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite, log
from pathlib import Path
from typing import Any

from simulations.calibration.errors import BadSweep
from simulations.calibration.records import Record, read_records

MILLI = 1e-3
HINTS = {
    "max_concurrency": "run vllm bench serve with --max-concurrency",
    "mean_itl_ms": "is it a completions benchmark, and is itl among --percentile-metrics?",
    "mean_ttft_ms": "is it a completions benchmark, and is ttft among --percentile-metrics?",
}
# What may be written by hand as --metadata KEY=VALUE, or in a column; flags count before it.
MEASURED_ON = {"model_id": "model", "gpu": "gpu", "vllm_version": "vllm_version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One closed-loop run: `concurrency` requests in flight, mean lengths, mean times."""

    where: str
    concurrency: float
    prompt_tokens: float
    completion_tokens: float
    inter_token_seconds: float
    first_token_seconds: float
    requests_per_second: float | None

    @property
    def setting(self) -> tuple[float, int]:
        """What repeats of one measurement have in common; prompts within 5 % are the same."""
        return self.concurrency, round(log(self.prompt_tokens) / log(1.05))

    @property
    def context_tokens(self) -> float:
        """The KV cache that a sequence holds, on average over its decode."""
        return self.prompt_tokens + self.completion_tokens / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOn:
    """What a fit holds for, and no other; None: nobody said."""

    model: str | None = None
    gpu: str | None = None
    vllm_version: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Rows of one server: a model, a GPU, a version, one set of flags."""

    rows: tuple[Row, ...]
    measured_on: MeasuredOn
    kv_cache_tokens: float | None


def read_sweep(paths: tuple[Path, ...], told: MeasuredOn, kv_cache_tokens: float | None) -> Sweep:
    """Return the sweep of files and folders; what is `told` counts before what they say.

    Raises `BadSweep`, which names file and field.
    """
    records = read_records(paths)
    rows = tuple(_row(record) for record in records)
    said = {
        name: getattr(told, name) or _same(records, field) for field, name in MEASURED_ON.items()
    }
    kv = kv_cache_tokens
    if kv is None and (text := _same(records, "kv_cache_tokens")) is not None:
        kv = _number(records[0], {"kv_cache_tokens": text}, "kv_cache_tokens")
    source = told.source or _same(records, "source") or ", ".join(path.name for path in paths)
    return Sweep(rows=rows, measured_on=MeasuredOn(source=source, **said), kv_cache_tokens=kv)


def unsaid(measured_on: MeasuredOn) -> tuple[str, ...]:
    """Return what nobody said of where it was measured."""
    return tuple(one.name for one in fields(measured_on) if getattr(measured_on, one.name) is None)


def _row(record: Record) -> Row:
    told = record.fields
    completed = _number(record, told, "completed")
    if told.get("failed") and _number(record, told, "failed", least=0.0) > 0:
        raise BadSweep(f"{record.where}: failed: {told['failed']}; a run with failures is no row")
    completion = _number(record, told, "total_output_tokens") / completed
    if not completion > 1:
        raise BadSweep(
            f"{record.where}: total_output_tokens: {told['total_output_tokens']} of {completed:g} "
            "requests; needed are answers of more than one token"
        )
    return Row(
        where=record.where,
        concurrency=_number(record, told, "max_concurrency"),
        prompt_tokens=_number(record, told, "total_input_tokens") / completed,
        completion_tokens=completion,
        inter_token_seconds=_number(record, told, "mean_itl_ms") * MILLI,
        first_token_seconds=_number(record, told, "mean_ttft_ms") * MILLI,
        requests_per_second=(
            _number(record, told, "request_throughput") if "request_throughput" in told else None
        ),
    )


def _number(record: Record, told: Mapping[str, Any], field: str, *, least: float = 1e-12) -> float:
    value = told.get(field)
    if value is None:
        hint = f"; {HINTS[field]}" if field in HINTS else ""
        raise BadSweep(f"{record.where}: {field}: missing{hint}")
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (isfinite(number) and number >= least):
        allowed = "a number > 0" if least > 0 else "a number >= 0"
        raise BadSweep(
            f"{record.where}: {field}: {str(value)[:60]!r} is not allowed; allowed is {allowed}"
        )
    return number


def _same(records: tuple[Record, ...], field: str) -> str | None:
    """Return what all records that say it say; raises `BadSweep` where they differ."""
    first: tuple[str, str] | None = None
    for record in records:
        value = record.fields.get(field)
        if value is None:
            continue
        if first is not None and str(value) != first[1]:
            raise BadSweep(
                f'{record.where}: {field}: "{value}", and "{first[1]}" in {first[0]}; calibrate '
                "one of them at a time"
            )
        first = first or (record.where, str(value))
    return None if first is None else first[1]
