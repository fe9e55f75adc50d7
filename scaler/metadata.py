"""Trigger metadata to `Trigger`: every bad key reported, each in one line, all of them at once."""

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import ceil
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from scaler.agenda import FORMS
from scaler.capacity import MAX_REPLICAS
from scaler.errors import BadMetadata
from scaler.metadata_pairs import pair_problems, quantile_of
from scaler.metadata_values import read_queries, read_scale_down_limit
from scaler.params import (
    AUTO_LEAD_TIME_SECONDS,
    DEFAULT_MAX_REPLICAS,
    STALE_AFTER_STEPS,
    MaxCapacityBehavior,
    Mode,
    OnStale,
    ProofMargins,
    ScaleDownLimit,
    TargetParams,
)
from scaler.plan import MAX_LEADING, Plan, read_plan
from scaler.ports import DemandQuery
from scaler.public_holidays import EXAMPLE
from scaler.saturation.queries import CapacityQueries
from scaler.schedule import BadSchedule, Schedule, parse_schedules

# What KEDA itself reads of an external trigger and passes on to us; `timeout` and `unsafeSsl` of
# KEDA's prometheus trigger are the operator's to decide here (`--prometheus-config`).
IGNORED_KEYS = frozenset(
    {"scalerAddress", "enableTLS", "unsafeSsl", "caCert", "tlsClientCert", "tlsClientKey"}
    | {"tlsCertFile", "timeout"}
)
SECRET_KEYS = frozenset({"customHeaders", "queryParameters", "serverAddress"})
FROM_ENVIRONMENT = "FromEnv"
AUTH_MODES = frozenset({"basic", "bearer", "custom", "tls"})

# Who answers, not what is answered: a target's memory outlives a change of these.
SWITCH_KEYS = frozenset(
    {"mode", "approved", "proveDays", "proveMinShortageSavedPercent", "proveMaxExtraPercent"}
)

DAY_SECONDS = 86_400
MAX_HISTORY_POINTS = 90 * 1_440  # 90 days of minutes: 1 MB a target
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A validated trigger: how to scale, and where demand is read."""

    params: TargetParams
    query: DemandQuery
    zero_when_empty: bool  # `ignoreNullValues: "true"`, set explicitly
    is_lead_time_measured: bool  # `leadTimeSeconds: auto`
    plan: Plan = field(default_factory=Plan)
    schedules: tuple[Schedule, ...] = ()
    capacity_queries: CapacityQueries | None = None  # `threshold: auto`
    # Keys whose value came from a workload's environment: what is shown must not hold it.
    hidden_keys: frozenset[str] = field(default=frozenset(), compare=False)
    # Keys and their text as given, in the order of the documentation; never a secret one.
    given: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def _number(text: object) -> float:
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def _whole(text: object) -> int:
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)


def _boolean(text: object) -> bool:
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _auto_or_number(text: object) -> float | None:
    return None if text == "auto" else _number(text)


def _zone(text: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(text))
    except (ZoneInfoNotFoundError, OSError) as exc:  # OSError: a name that is a folder, or too long
        raise ValueError from exc


def _pairs(text: object) -> tuple[tuple[str, str], ...]:
    """Read `name=value,name=value`, KEDA's form; a value may hold further equals signs."""
    pairs: list[tuple[str, str]] = []
    for part in str(text).split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        is_printable = value.isascii() and value.isprintable()
        if not equals or not _HEADER_NAME.fullmatch(name) or not is_printable:
            raise ValueError
        pairs.append((name, value))
    return tuple(pairs)


def _modes(text: object) -> tuple[str, ...]:
    modes = tuple(part.strip() for part in str(text).split(","))
    if not AUTH_MODES.issuperset(modes):
        raise ValueError
    return modes


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_whole)]
Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)]
AuthModes = Annotated[tuple[str, ...], BeforeValidator(_modes)]


class TriggerMetadata(BaseModel):
    """The keys of a trigger. A field's description says what is allowed; errors quote it."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )

    query: str = Field(
        min_length=1, max_length=16_384, description="a PromQL expression that gives one series"
    )
    threshold: Annotated[float | None, BeforeValidator(_auto_or_number)] = Field(
        gt=0, le=1e15, description="a number > 0: the demand that one replica carries, or auto"
    )
    threshold_prior: Number | None = Field(None, gt=0, le=1e15, description="a number > 0")
    capacity_model: str | None = Field(
        None,
        max_length=253,
        pattern=r"^[A-Za-z0-9_./:@+-]+$",
        description="the model_name of vLLM's metrics",
    )
    capacity_queries: Annotated[tuple[tuple[str, str], ...], BeforeValidator(read_queries)] = Field(
        (), description=CapacityQueries.ALLOWED
    )
    server_address: str | None = Field(
        None, max_length=2_048, description="the http or https address of a Prometheus"
    )
    activation_threshold: Number = Field(0.0, ge=0, le=1e15, description="a number >= 0")
    namespace: str | None = Field(
        None, min_length=1, max_length=253, description="a namespace, for namespaced queries"
    )
    custom_headers: Pairs = Field((), description="name=value pairs, separated by commas")
    query_parameters: Pairs = Field((), description="name=value pairs, separated by commas")
    ignore_null_values: Annotated[bool, BeforeValidator(_boolean)] = Field(
        False, description='"true" or "false"'
    )
    auth_modes: AuthModes = Field((), description="any of basic, bearer, custom, tls")
    warm_floor: Whole = Field(
        0, ge=0, le=MAX_REPLICAS, description="a whole number from 0 to maxReplicas"
    )
    max_replicas: Whole = Field(
        DEFAULT_MAX_REPLICAS,
        ge=1,
        le=MAX_REPLICAS,
        description=f"a whole number from 1 to {MAX_REPLICAS}",
    )
    lead_time_seconds: Annotated[float | None, BeforeValidator(_auto_or_number)] = Field(
        None, ge=1, le=21_600, description="seconds from 1 to 21600, or auto"
    )
    quantile: Number = Field(0.95, ge=0.5, le=0.999, description="a number from 0.5 to 0.999")
    history_days: Number = Field(28.0, ge=1, le=90, description="days from 1 to 90")
    step_seconds: Whole = Field(
        60, ge=10, le=3_600, description="whole seconds from 10 to 3600 that divide a day"
    )
    stale_after_seconds: Number | None = Field(
        None, ge=10, le=DAY_SECONDS, description="seconds from stepSeconds to 86400"
    )
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(
        ZoneInfo("UTC"), description="an IANA time zone such as Europe/Berlin"
    )
    holidays: str | None = Field(
        None, min_length=1, max_length=1_024, description=f"codes such as {EXAMPLE}"
    )
    events: str | None = Field(
        None, min_length=1, max_length=16_384, description=f"lines, each {FORMS}"
    )
    leading_queries: str | None = Field(
        None,
        min_length=1,
        max_length=16_384,
        description=f"1 to {MAX_LEADING} PromQL expressions, one a line, with or without `name: `",
    )
    mode: Mode = Field(Mode.PREDICT, description="predict, observe, prove or advise")
    prove_days: Whole = Field(7, ge=1, le=45, description="whole days from 1 to 45")
    prove_min_shortage_saved_percent: Number = Field(
        20.0, gt=0, le=100, description="a number above 0, up to 100"
    )
    prove_max_extra_percent: Number = Field(
        20.0, ge=0, le=1_000, description="a number from 0 to 1000"
    )
    approved: Annotated[bool, BeforeValidator(_boolean)] = Field(
        False, description='"true" or "false"'
    )
    on_stale: OnStale = Field(OnStale.HOLD, description="hold, floor or error")
    scheduled_floors: str = Field(
        "", max_length=4_096, description="entries such as 4 for 10h from 0 8 * * MON-FRI"
    )
    break_even_seconds: Number | None = Field(
        None, ge=0, le=DAY_SECONDS, description="seconds from 0 to 86400"
    )
    release_margin: Number = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    scale_down_limit: Annotated[ScaleDownLimit | None, BeforeValidator(read_scale_down_limit)] = (
        Field(None, description="replicas or a percentage within a time: 2/5m or 50%/10m")
    )
    hpa_tolerance: Number = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    hpa_scale_down_tolerance: Number = Field(0.0, ge=0, le=1, description="a number from 0 to 1")
    max_capacity_behavior: MaxCapacityBehavior = Field(
        MaxCapacityBehavior.HONOR, description="HonorMaxCapacity or IncreaseMaxCapacity"
    )
    max_capacity_buffer: Whole | None = Field(
        None, ge=0, le=100, description="a whole percentage from 0 to 100"
    )
    miss_cost_per_replica_hour: Number | None = Field(
        None, gt=0, le=1e9, description="a number > 0, in the unit of gpuPricePerHour"
    )
    gpu_price_per_hour: Number | None = Field(
        None, gt=0, le=1e9, description="a number > 0: the price of one replica's GPUs"
    )


FIELD_OF_KEY = {
    field.alias or name: (name, field) for name, field in TriggerMetadata.model_fields.items()
}
KNOWN_KEYS = tuple(FIELD_OF_KEY)


def parse(metadata: Mapping[str, str]) -> Trigger:
    """Return the trigger that `metadata` describes.

    `xFromEnv` is read where `x` is not given; KEDA has put the variable's value there. Raises
    `BadMetadata` with one line for each bad key.
    """
    given, lines = _resolve(metadata)
    # A variable may hold a secret of the workload, and errors end in events: its value isn't shown.
    hidden = SECRET_KEYS | {key for key in given if key not in metadata}
    try:
        read = TriggerMetadata.model_validate(given)
    except ValidationError as exc:
        lines += _lines_of(exc, given, hidden)
        raise BadMetadata(sorted(lines)) from None
    lines += _grid_lines(read)
    plan, plan_lines = read_plan(
        holidays=read.holidays,
        events=read.events,
        leading_queries=read.leading_queries,
        zone=read.timezone,
        shows=frozenset(given) - hidden,
    )
    lines += plan_lines
    lines += pair_problems(read)
    schedules = _schedules_of(read, hidden, lines)
    params = None
    try:
        params = None if lines else _params_of(read)
    except ValueError as exc:
        lines.append(str(exc))
    if lines or params is None:
        raise BadMetadata(sorted(lines))
    return Trigger(
        params=params,
        query=_query_of(read),
        zero_when_empty=read.ignore_null_values,
        is_lead_time_measured=read.lead_time_seconds is None,
        plan=plan,
        schedules=schedules,
        capacity_queries=_capacity_queries_of(read),
        hidden_keys=frozenset(key for key in given if key not in metadata),
        given=tuple((key, given[key]) for key in KNOWN_KEYS if key in given.keys() - hidden),
    )


def _resolve(metadata: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Fold `xFromEnv` into `x`, drop what KEDA keeps for itself, report what nobody knows."""
    given: dict[str, str] = {}
    lines: list[str] = []
    for name in sorted(metadata):
        key = name.removesuffix(FROM_ENVIRONMENT)
        if key in IGNORED_KEYS or (key != name and key in metadata):
            continue
        if key not in FIELD_OF_KEY:
            lines.append(_unknown_line(name, key))
        else:
            given[key] = metadata[name].strip()
    return given, lines


def _grid_lines(read: TriggerMetadata) -> list[str]:
    if DAY_SECONDS % read.step_seconds != 0:
        return [_line("stepSeconds", str(read.step_seconds), frozenset())]
    points = int(read.history_days * DAY_SECONDS / read.step_seconds)
    if points > MAX_HISTORY_POINTS:
        line = (
            f'historyDays: "{read.history_days:g}" at stepSeconds {read.step_seconds} are {points} '
            f"points; allowed are {MAX_HISTORY_POINTS}: fewer days or a longer step"
        )
        return [line]
    return []


def _schedules_of(
    read: TriggerMetadata, hidden: AbstractSet[str], lines: list[str]
) -> tuple[Schedule, ...]:
    """Return the scheduled floors, and add a line for what is wrong with them."""
    key, text = "scheduledFloors", read.scheduled_floors
    if "scheduled_floors" not in read.model_fields_set:
        return ()
    try:
        schedules = parse_schedules(text, read.timezone)
    except BadSchedule as exc:
        shown = "(not shown)" if key in hidden else _quoted(exc.entry)
        lines.append(f"{key}: entry {exc.number}, {shown}: {exc.problem}")
        return ()
    for number, schedule in enumerate(schedules, 1):
        if schedule.replicas > read.max_replicas:
            lines.append(
                f"{key}: entry {number} asks for {schedule.replicas} replicas and maxReplicas is "
                f"{read.max_replicas}; allowed are 1 to maxReplicas"
            )
    return schedules


def _unknown_line(name: str, key: str) -> str:
    near = get_close_matches(key, (*KNOWN_KEYS, *IGNORED_KEYS), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "known keys: " + ", ".join(KNOWN_KEYS)
    return f"{_quoted(name)[1:-1]}: no such key; {hint}"


def _quoted(text: str) -> str:
    """Return at most 80 characters of `text` in quotes, with no line break that forges a line."""
    return json.dumps(text[:80], ensure_ascii=False)


def _line(key: str, value: str, hidden: AbstractSet[str]) -> str:
    shown = "(not shown)" if key in hidden else _quoted(value)
    return f"{key}: {shown} is not allowed; allowed is {FIELD_OF_KEY[key][1].description}"


def _lines_of(
    error: ValidationError, given: Mapping[str, str], hidden: AbstractSet[str]
) -> list[str]:
    lines: list[str] = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        key = str(problem["loc"][0])
        if key not in given:
            lines.append(f"{key}: missing; needed is {FIELD_OF_KEY[key][1].description}")
        else:
            lines.append(_line(key, given[key], hidden))
    return lines


def _params_of(read: TriggerMetadata) -> TargetParams:
    lead_time_seconds = read.lead_time_seconds
    stale_after_seconds = read.stale_after_seconds
    values: dict[str, Any] = {
        "lead_time_seconds": AUTO_LEAD_TIME_SECONDS
        if lead_time_seconds is None
        else lead_time_seconds,
        "stale_after_seconds": STALE_AFTER_STEPS * read.step_seconds
        if stale_after_seconds is None
        else stale_after_seconds,
    }
    return TargetParams(
        threshold=read.threshold or read.threshold_prior or 0.0,
        zone=read.timezone,
        activation_threshold=read.activation_threshold,
        warm_floor=read.warm_floor,
        max_replicas=read.max_replicas,
        quantile=quantile_of(read),
        history_days=float(ceil(read.history_days)),
        step_seconds=float(read.step_seconds),
        mode=read.mode,
        margins=ProofMargins(
            days=read.prove_days,
            min_saved_ratio=read.prove_min_shortage_saved_percent / 100,
            max_extra_ratio=read.prove_max_extra_percent / 100,
        ),
        is_approved=read.approved,
        on_stale=read.on_stale,
        break_even_seconds=read.break_even_seconds,
        release_margin=read.release_margin,
        scale_down_limit=read.scale_down_limit,
        hpa_tolerance=read.hpa_tolerance,
        hpa_scale_down_tolerance=read.hpa_scale_down_tolerance,
        max_capacity_buffer=_share_of(read.max_capacity_buffer),
        miss_cost_per_replica_hour=read.miss_cost_per_replica_hour,
        gpu_price_per_hour=read.gpu_price_per_hour,
        **values,
    )


def _share_of(percentage: int | None) -> float | None:
    return None if percentage is None else percentage / 100.0


def _capacity_queries_of(read: TriggerMetadata) -> CapacityQueries | None:
    if read.threshold is not None:
        return None
    return CapacityQueries.of(read.capacity_model or "", dict(read.capacity_queries))


def _query_of(read: TriggerMetadata) -> DemandQuery:
    return DemandQuery(
        query=read.query,
        step_seconds=float(read.step_seconds),
        server_address=read.server_address,
        namespace=read.namespace,
        headers=read.custom_headers,
        parameters=read.query_parameters,
        auth_modes=read.auth_modes,
    )
