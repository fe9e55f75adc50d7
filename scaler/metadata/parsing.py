"""Trigger metadata to `Trigger`: every bad key reported, each in one line, all of them at once."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from pydantic import ValidationError

from scaler.errors import BadMetadata
from scaler.metadata.keys import (
    DAY_SECONDS,
    FIELD_OF_KEY,
    FROM_ENVIRONMENT,
    IGNORED_KEYS,
    KNOWN_KEYS,
    SECRET_KEYS,
    TriggerMetadata,
)
from scaler.metadata.lines import bad_line, lines_of, quoted, unknown_line
from scaler.metadata.pairs import pair_problems
from scaler.metadata.trigger import Trigger, capacity_queries_of, params_of, query_of
from scaler.plan import read_plan
from scaler.schedule import BadSchedule, Schedule, parse_schedules

MAX_HISTORY_POINTS = 90 * 1_440  # 90 days of minutes: 1 MB a target


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
        lines += lines_of(exc, given, hidden)
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
        params = None if lines else params_of(read)
    except ValueError as exc:
        lines.append(str(exc))
    if lines or params is None:
        raise BadMetadata(sorted(lines))
    return Trigger(
        params=params,
        query=query_of(read),
        zero_when_empty=read.ignore_null_values,
        is_lead_time_measured=read.lead_time_seconds is None,
        plan=plan,
        schedules=schedules,
        capacity_queries=capacity_queries_of(read),
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
            lines.append(unknown_line(name, key))
        else:
            given[key] = metadata[name].strip()
    return given, lines


def _grid_lines(read: TriggerMetadata) -> list[str]:
    if DAY_SECONDS % read.step_seconds != 0:
        return [bad_line("stepSeconds", str(read.step_seconds), frozenset())]
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
        shown = "(not shown)" if key in hidden else quoted(exc.entry)
        lines.append(f"{key}: entry {exc.number}, {shown}: {exc.problem}")
        return ()
    for number, schedule in enumerate(schedules, 1):
        if schedule.replicas > read.max_replicas:
            lines.append(
                f"{key}: entry {number} asks for {schedule.replicas} replicas and maxReplicas is "
                f"{read.max_replicas}; allowed are 1 to maxReplicas"
            )
    return schedules
