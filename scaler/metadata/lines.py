"""What is said of a bad key: one line that names the key, its value and what is allowed."""

import json
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

from scaler.metadata.keys import FIELD_OF_KEY, IGNORED_KEYS, KNOWN_KEYS
from scaler.zones import zone_hint

# What is written in the place of a key: names of the ScaledObject's spec, of other triggers and
# other autoscalers. By letters alone minReplicas would be maxReplicas.
OTHER_WORDS = {
    "minReplicas": "warmFloor",
    "minReplicaCount": "warmFloor",
    "floor": "warmFloor",
    "maxReplicaCount": "maxReplicas",
    "metricThreshold": "threshold",
    "targetValue": "threshold",
    "prometheusAddress": "serverAddress",
    "promQL": "query",
    "coldStartSeconds": "leadTimeSeconds",
    "schedule": "scheduledFloors",
    "tz": "timezone",
    "dryRun": "mode",
}
# Of KEDA's prometheus trigger, in older manifests.
GONE = {
    "metricName": "KEDA dropped it too: delete the line",
    "cortexOrgID": "KEDA dropped it too: customHeaders with X-Scope-OrgID=... takes its place",
}
_BY_WORD = {
    word.casefold(): key
    for word, key in OTHER_WORDS.items() | {(key, key) for key in (*KNOWN_KEYS, *IGNORED_KEYS)}
}
LEAST_LIKENESS = 0.6


def unknown_line(name: str, key: str) -> str:
    """Return the line about a key that nobody knows; `key` is `name` without `FromEnv`."""
    shown = quoted(name)[1:-1]
    if key in GONE:
        return f"{shown}: no such key; {GONE[key]}"
    near = get_close_matches(key.casefold()[:80], _BY_WORD, n=1, cutoff=LEAST_LIKENESS)
    hint = f"did you mean {_BY_WORD[near[0]]}?" if near else f"known keys: {', '.join(KNOWN_KEYS)}"
    return f"{shown}: no such key; {hint}"


def quoted(text: str) -> str:
    """Return at most 80 characters of `text` in quotes, with no line break that forges a line."""
    return json.dumps(text[:80], ensure_ascii=False)


def bad_line(key: str, value: str, hidden: AbstractSet[str]) -> str:
    """Return the line about a value that isn't allowed; those of `hidden` keys aren't shown."""
    shown = "(not shown)" if key in hidden else quoted(value)
    hint = zone_hint(value) if key == "timezone" and key not in hidden else ""
    return f"{key}: {shown} is not allowed; {hint}allowed is {FIELD_OF_KEY[key][1].description}"


def missing_line(key: str) -> str:
    """Return the line about a key that is needed."""
    return f"{key}: missing; needed is {FIELD_OF_KEY[key][1].description}"
