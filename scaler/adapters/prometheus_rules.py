"""The recording rule that makes an expensive query cheap. Pure."""

import hashlib
import re

import yaml

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?=\s*[{\[])")


def record_name(query: str) -> str:
    """Return the metric under which a query's result is recorded: the same in every process."""
    digest = hashlib.sha256(query.encode()).hexdigest()[:8]
    found = _METRIC.search(query)
    metric = "demand" if found is None else found.group().strip(":")
    return f"prewarm:{metric}:{digest}"


def recording_rule(query: str, *, interval_seconds: float = 60.0) -> str:
    """Return a rule file (YAML) that records `query`, to be read by its record's name instead.

    The record begins when the rule does; what lies before comes from
    `promtool tsdb create-blocks-from rules`.
    """
    rule = {"record": record_name(query), "expr": query}
    group = {"name": "prewarm", "interval": f"{max(1, round(interval_seconds))}s", "rules": [rule]}
    return str(yaml.safe_dump({"groups": [group]}, sort_keys=False, width=10_000))
