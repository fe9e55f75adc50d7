"""A trigger as the scaler would get it, with a finding for each bad key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scaler.errors import BadMetadata
from scaler.manifest.findings import Finding, Severity
from scaler.manifest.nodes import Node
from scaler.manifest.objects import ScaledObject, TriggerEntry
from scaler.metadata import FROM_ENVIRONMENT, Trigger, parse
from scaler.params import TargetParams

# What a required key counts as where its value is not known.
STAND_INS = {"query": "vector(0)", "threshold": "1"}
# A line of a key that holds several; they stand below the key when its text is a block.
_LINE_WITHIN = re.compile(r"(?:events|leadingQueries): line (\d+):")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadTrigger:
    """One of our triggers as the scaler would get it.

    `unknown` are keys whose value only the cluster knows: what hangs on them can't be told here.
    `trigger` is None when a key is bad; `params` are those of the keys that are good.
    """

    entry: TriggerEntry
    sent: Mapping[str, str]
    unknown: tuple[str, ...]
    trigger: Trigger | None
    params: TargetParams
    findings: tuple[Finding, ...]


def read_trigger(scaled_object: ScaledObject, entry: TriggerEntry) -> ReadTrigger:
    """Return one of our triggers, with a finding for each bad key."""
    sent: dict[str, str] = {}
    unknown: list[str] = []
    findings: list[Finding] = []
    metadata = entry.node.get("metadata")
    for key, node in metadata.entries.items():
        name = key.removesuffix(FROM_ENVIRONMENT)
        if not node.text and not isinstance(node.value, str):
            unknown.append(name)  # empty, a list or a mapping: the lint of fields says so
        elif name == key:
            sent[key] = node.text
        else:
            value, finding = _from_environment(scaled_object, key, node)
            findings.append(finding)
            if value is None:
                unknown.append(name)
            elif value:
                sent[key] = value
    stand_ins = {key: STAND_INS[key] for key in unknown if key in STAND_INS and key not in sent}
    try:
        trigger = parse(stand_ins | sent)
        params = trigger.params
    except BadMetadata as bad:
        trigger, params = None, _good_params(sent, bad.lines)
        findings += [_bad_key(line, entry.node) for line in bad.lines]
    return ReadTrigger(
        entry=entry,
        sent=sent,
        unknown=tuple(unknown),
        trigger=trigger,
        params=params,
        findings=tuple(findings),
    )


def _from_environment(
    scaled_object: ScaledObject, key: str, node: Node
) -> tuple[str | None, Finding]:
    """Return the value of a variable of the workload: "" when unset, None when not known here."""
    wanted = scaled_object.spec.get("scaleTargetRef", "envSourceContainerName").text
    containers = scaled_object.workload.get("spec", "template", "spec", "containers").items
    named = (each for each in containers if wanted in {"", each.get("name").text})
    container = next(named, None)
    value, severity = None, Severity.NOTE
    text = f"{key}: the value of {node.text[:80]} is not known here"
    if container is not None:
        variables = {each.get("name").text: each for each in container.get("env").items}
        variable = variables.get(node.text)
        if variable is None and not container.get("envFrom").is_given:
            value, severity = "", Severity.WARNING
            text = f"{key}: the container sets no {node.text[:80]}, so KEDA sends nothing"
        elif (
            variable is not None
            and variable.get("value").text
            and "$(" not in variable.get("value").text
        ):
            value = variable.get("value").text
            text = f"{key}: read from the workload, line {variable.line}"
    return value, Finding(rule="from-environment", severity=severity, line=node.line, text=text)


def _bad_key(line: str, trigger: Node) -> Finding:
    key = line.partition(":")[0]
    metadata = trigger.get("metadata")
    node = metadata.get(key) if metadata.get(key).is_given else metadata.get(f"{key}FromEnv")
    within = _LINE_WITHIN.match(line)
    n_below = int(within[1]) if within and "\n" in node.text else 0
    return Finding(rule="metadata", severity=Severity.ERROR, line=node.line + n_below, text=line)


def _good_params(sent: Mapping[str, str], lines: tuple[str, ...]) -> TargetParams:
    bad = {line.partition(":")[0] for line in lines}
    good = {
        key: text for key, text in sent.items() if key.removesuffix(FROM_ENVIRONMENT) not in bad
    }
    try:
        return parse(STAND_INS | good).params
    except BadMetadata:
        return parse(STAND_INS).params
