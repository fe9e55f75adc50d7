"""Metadata to a trigger, or all that is wrong with it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from pydantic import ValidationError

from scaler.errors import BadMetadata
from scaler.metadata.keys import (
    FIELD_OF_KEY,
    FROM_ENVIRONMENT,
    IGNORED_KEYS,
    KNOWN_KEYS,
    SECRET_KEYS,
    TriggerMetadata,
)
from scaler.metadata.lines import bad_line, missing_line, quoted, unknown_line
from scaler.metadata.pairs import pair_problems
from scaler.metadata.trigger import Trigger, capacity_queries_of, params_of, query_of
from scaler.params import TargetParams
from scaler.plan import read_plan
from scaler.schedule import Schedule, parse_schedules

# What a needed key counts as while the others are looked at.
STAND_INS = {"query": "vector(0)", "threshold": "1"}


def parse(metadata: Mapping[str, str]) -> Trigger:
    """Return the trigger that `metadata` describes.

    `xFromEnv` is read where `x` is not given; KEDA has put the variable's value there. Raises
    `BadMetadata` with one line for each bad key: one that can't be read hides none of the others.
    """
    given, lines = _resolve(metadata)
    # A variable may hold a secret of the workload, and errors end in events: its value isn't shown.
    hidden = SECRET_KEYS | {key for key in given if key not in metadata}
    read, bad = _validated(given)
    lines += [
        bad_line(key, given[key], hidden) if key in given else missing_line(key) for key in bad
    ]
    plan, plan_lines = read_plan(
        holidays=read.holidays,
        events=read.events,
        leading_queries=read.leading_queries,
        zone=read.timezone,
        shows=frozenset(given) - hidden,
    )
    lines += plan_lines
    lines += pair_problems(read, bad)
    schedules, schedule_lines = _schedules_of(read, bad, is_shown="scheduledFloors" not in hidden)
    lines += schedule_lines
    if lines:
        raise BadMetadata(sorted(lines))
    return Trigger(
        params=params_of(read),
        query=query_of(read),
        zero_when_empty=read.ignore_null_values,
        is_lead_time_measured=read.lead_time_seconds is None,
        plan=plan,
        schedules=schedules,
        capacity_queries=capacity_queries_of(read),
        hidden_keys=frozenset(key for key in given if key not in metadata),
        given=tuple((key, given[key]) for key in KNOWN_KEYS if key in given.keys() - hidden),
    )


def good_params(metadata: Mapping[str, str], bad: AbstractSet[str]) -> TargetParams:
    """Return how to scale by the keys that are not `bad`, with defaults in the place of those.

    For what is said of a trigger beside its errors; nothing is scaled by it.
    """
    given, _ = _resolve(metadata)
    good = {key: text for key, text in given.items() if key not in bad}
    read, _ = _validated(STAND_INS | good)
    if read.threshold is None and read.threshold_prior is None:
        read = read.model_copy(update={"threshold": float(STAND_INS["threshold"])})
    return params_of(read)


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


def _validated(given: Mapping[str, str]) -> tuple[TriggerMetadata, frozenset[str]]:
    """Return the keys as read, and those that are bad or missing: they have their defaults."""
    try:
        read = TriggerMetadata.model_validate(given)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_context=False, include_input=False)
        bad = frozenset(str(problem["loc"][0]) for problem in found)
        good = {key: text for key, text in given.items() if key not in bad}
        return TriggerMetadata.model_validate(STAND_INS | good), bad
    return read, frozenset()


def _schedules_of(
    read: TriggerMetadata, bad: AbstractSet[str], *, is_shown: bool
) -> tuple[tuple[Schedule, ...], list[str]]:
    """Return the scheduled floors, and a line for each that can't be."""
    key, text = "scheduledFloors", read.scheduled_floors
    if text is None:
        return (), []
    schedules, unread = parse_schedules(text, read.timezone)
    lines = []
    for each in unread:
        shown = quoted(each.entry) if is_shown else "(not shown)"
        problem = each.problem if is_shown else each.problem.partition(";")[0]
        lines.append(f"{key}: entry {each.number}, {shown}: {problem}")
    for schedule in schedules if "maxReplicas" not in bad else ():
        if schedule.replicas > read.max_replicas:
            entry = quoted(schedule.text) if is_shown else "an entry"
            lines.append(
                f"{key}: {entry} asks for {schedule.replicas} replicas and maxReplicas is "
                f"{read.max_replicas}; allowed are 1 to maxReplicas"
            )
    return schedules, lines
