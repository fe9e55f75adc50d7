"""Rules about what a trigger adds to its query: holidays, events, leading queries."""

import re
from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from scaler.agenda import parse_events
from scaler.lint.facts import WARNING, Facts, Said, key_yaml
from scaler.lint.trigger import counter_without_rate
from scaler.manifest import ReadTrigger

_ZONE = re.compile(r":\d\d(?:Z|[+-]\d\d:?\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def calendar_zone(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find local days and times without a time zone to read them in."""
    if facts.metadata(read, "timezone").is_given or "timezone" in read.unknown:
        return
    for key, what in (("holidays", "whole days"), ("events", "times")):
        node = facts.metadata(read, key)
        if node.is_given and not (key == "events" and _names_zones(node.text)):
            text = f"{key} are {what} of the time zone, and that is UTC where none is given"
            yield Said(WARNING, node, text, key_yaml("timezone", "Europe/Berlin"))


def _names_zones(text: str) -> bool:
    """Return whether each event names its own zone: no cron, and an offset after each time."""
    events = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return "cron" not in events and len(_ZONE.findall(events)) >= len(_DAY.findall(events))


def event_demand(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find an event whose demand needs more than can be had."""
    node = facts.metadata(read, "events")
    if not node.is_given or not (read.knows("events") and read.knows("threshold")):
        return
    params = read.params
    raises = params.max_capacity_buffer is not None
    most, limit = (facts.maximum, "maxReplicaCount") if raises else _ceiling(facts, read)
    carries = f"at {params.threshold:g} a replica" + (
        "" if read.trigger is None or read.trigger.capacity_queries is None else " (thresholdPrior)"
    )
    for number, line in enumerate(node.text.splitlines(), start=1):
        for event in parse_events(line, params.zone)[0]:
            needed = ceil((event.demand or 0.0) / params.threshold)
            if needed > most:
                text = (
                    f"events: demand {event.demand:g} needs {needed} replicas {carries}, and "
                    f"{limit} is {most}: the rest is not there when the event begins"
                )
                below = number if "\n" in node.text else 0
                yield Said(WARNING, replace(node, line=node.line + below), text)


def _ceiling(facts: Facts, read: ReadTrigger) -> tuple[int, str]:
    """Return the lower one of the two limits, and its name."""
    if not read.knows("maxReplicas") or facts.maximum < read.params.max_replicas:
        return facts.maximum, "maxReplicaCount"
    return read.params.max_replicas, "maxReplicas"


def leading_query(facts: Facts, read: ReadTrigger) -> Iterator[Said]:
    """Find a leading query that can't lead: the main query itself, or a counter."""
    if read.trigger is None:
        return
    node = facts.metadata(read, "leadingQueries")
    for name, query in read.trigger.plan.leading:
        counter = counter_without_rate(query)
        if "".join(query.split()) == "".join(read.trigger.query.query.split()):
            text = f"{name} is the trigger's own query, whose past is looked at anyway"
            yield Said(WARNING, node, text)
        elif counter:
            text = f"{name}: {counter[0]} is a counter, which only grows; what leads is its rate"
            yield Said(WARNING, node, text)
