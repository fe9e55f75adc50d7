"""A trigger as the scaler would get it, with a finding for each bad key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scaler.errors import BadMetadata
from scaler.manifest.findings import Finding, Severity
from scaler.manifest.nodes import Node
from scaler.manifest.objects import ScaledObject, TriggerEntry
from scaler.metadata import FROM_ENVIRONMENT, STAND_INS, Trigger, good_params, parse
from scaler.params import TargetParams

# A line of a key that holds several; they stand below the key when its text is a block.
_LINE_WITHIN = re.compile(r"(?:events|leadingQueries): line (\d+):")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadTrigger:
    """One of our triggers as the scaler would get it.

    `unknown` are keys whose value only the cluster knows: what hangs on them can't be told here.
    `trigger` is None when a key is `bad`; `params` are those of the keys that are good.
    """

    entry: TriggerEntry
    sent: Mapping[str, str]
    unknown: tuple[str, ...]
    bad: frozenset[str]
    trigger: Trigger | None
    params: TargetParams
    findings: tuple[Finding, ...]

    def knows(self, key: str) -> bool:
        """Return whether what `params` say of a key is what the trigger says, or its default."""
        return key not in self.bad and key not in self.unknown


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
            sent[key] = as_text(node)
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
        params, bad = trigger.params, frozenset[str]()
    except BadMetadata as exc:
        bad = frozenset(line.partition(":")[0].removesuffix(FROM_ENVIRONMENT) for line in exc.lines)
        trigger, params = None, good_params(sent, bad)
        findings += [_bad_key(line, entry.node) for line in exc.lines]
    return ReadTrigger(
        entry=entry,
        sent=sent,
        unknown=tuple(unknown),
        bad=bad,
        trigger=trigger,
        params=params,
        findings=tuple(findings),
    )


def as_text(node: Node) -> str:
    """Return what is meant by a scalar: `yes` without quotes is KEDA's "true".

    That it must be quoted is a finding of its own.
    """
    return str(node.value).lower() if isinstance(node.value, bool) else node.text


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
