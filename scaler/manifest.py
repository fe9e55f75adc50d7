"""YAML manifests to ScaledObjects, with the line of everything that may be said about them.

Rules
- A file is read whole or not at all: what is no YAML is one `Unreadable` that names its line.
- Bounds on bytes, depth and nodes. An alias is the node that it names, never a copy, and what a
  merge key copies counts: ten lines of nested aliases stay ten lines.
- Scalars are typed as kubectl types them (Go's yaml, which JSON and KEDA's schema then see): 10,
  1e3, yes and on are no strings; 12:30 is one.
- A key given twice is a finding, and the last one counts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeAlias

import yaml

from scaler.errors import BadMetadata, ScalerError
from scaler.metadata import FROM_ENVIRONMENT, KNOWN_KEYS, Trigger, parse
from scaler.params import TargetParams

MAX_FILE_BYTES = 8 * 1024 * 1024  # all of KEDA's CRDs are 1 MB
MAX_DEPTH = 100  # the deepest schemas of Kubernetes nest some 50 levels
MAX_NODES = 500_000

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where it is built

# Keys that KEDA's own prometheus trigger has too, and words that any scaler may use.
SHARED_KEYS = frozenset(
    {"query", "threshold", "serverAddress", "activationThreshold", "namespace", "customHeaders"}
    | {"queryParameters", "ignoreNullValues", "authModes", "mode", "timezone"}
)
OWN_KEYS = tuple(key for key in KNOWN_KEYS if key not in SHARED_KEYS)
# What a required key counts as where its value is not known.
STAND_INS = {"query": "vector(0)", "threshold": "1"}
EXTERNAL_TYPES = frozenset({"external", "external-push"})

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"[yY]|[nN]|(?:yes|no|on|off|true|false)", re.IGNORECASE)
_TRUE = frozenset({"y", "yes", "on", "true"})
_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-fA-F]+|0b[01]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# A line of a key that holds several; they stand below the key when its text is a block.
_LINE_WITHIN = re.compile(r"(?:events|leadingQueries): line (\d+):")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Severity(StrEnum):
    """How much a finding matters; the worst one decides the exit status."""

    ERROR = "error"  # KEDA or the scaler refuses it, or no prediction can have an effect
    WARNING = "warning"  # a prediction comes late, is cut or is ignored
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to say about a line; `paste` is YAML that settles it, or empty."""

    rule: str
    severity: Severity
    line: int
    text: str
    paste: str = ""


class Unreadable(ScalerError):  # noqa: N818 - a state of the file
    """A file that is no YAML, or too much of it; `line` is 0 where none is to blame."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A YAML value and the line it starts on. What isn't there is a node too: its value is None."""

    value: "Value"
    line: int
    text: str = ""  # a scalar, as written

    @property
    def is_given(self) -> bool:
        """Whether there is a value; null is none."""
        return self.value is not None

    @property
    def entries(self) -> "Mapping[str, Node]":
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items of a list; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def kind(self) -> str:
        """What the value is, in the words of YAML's users."""
        return _KINDS[type(self.value)]

    @property
    def whole(self) -> int | None:
        """The value as a whole number, None when it is none."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def get(self, *path: str) -> "Node":
        """Return the node at the end of `path`; one that isn't given where the path breaks off."""
        node = self
        for key in path:
            node = node.entries.get(key, Node(None, node.line))
        return node


Value: TypeAlias = str | int | float | bool | tuple[Node, ...] | dict[str, Node] | None
_KINDS: dict[type, str] = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TriggerEntry:
    """One trigger as written. `why_skipped` is empty when it is ours."""

    index: int
    node: Node
    why_skipped: str

    @property
    def kind(self) -> str:
        """Its type: external, prometheus, cron ..."""
        return self.node.get("type").text

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"triggers[{self.index}]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaledObject:
    """A ScaledObject, and the workload that it scales where that stands in the same file."""

    node: Node
    triggers: tuple[TriggerEntry, ...]
    workload: Node

    @property
    def spec(self) -> Node:
        """Its spec."""
        return self.node.get("spec")

    @property
    def name(self) -> str:
        """Its name, `?` where it has none."""
        return self.node.get("metadata", "name").text or "?"

    @property
    def namespace(self) -> str:
        """Its namespace; kubectl's default where it names none."""
        return self.node.get("metadata", "namespace").text or "default"

    @property
    def prewarm_triggers(self) -> tuple[TriggerEntry, ...]:
        """The triggers that are ours."""
        return tuple(entry for entry in self.triggers if not entry.why_skipped)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Manifest:
    """What a file holds for us, and (line, reason) for each thing that was left out."""

    scaled_objects: tuple[ScaledObject, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[tuple[int, str], ...]


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


def read_manifest(data: bytes, *, takes_all_external: bool = False) -> Manifest:
    """Return the ScaledObjects of a file. Raises `Unreadable`.

    `takes_all_external`: an external trigger is ours even when it looks like another scaler's.
    """
    builder = _Builder(_decoded(data))
    documents = builder.documents()
    objects = [each for document in documents for each in _unlisted(document)]
    skipped = [
        (each.line, f"a document that is {each.kind}, no object")
        for each in objects
        if each.is_given and not each.entries
    ]
    skipped += [
        (each.line, f"ScaledJob {each.get('metadata', 'name').text}: jobs are not forecast")
        for each in objects
        if each.get("kind").text == "ScaledJob"
    ]
    scaled_objects = tuple(
        _scaled_object(each, objects, takes_all_external=takes_all_external)
        for each in objects
        if each.get("kind").text == "ScaledObject"
    )
    return Manifest(
        scaled_objects=scaled_objects, findings=tuple(builder.findings), skipped=tuple(skipped)
    )


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


def why_not_ours(trigger: Node) -> str:
    """Return why a trigger is not ours, "" when it is.

    Nothing marks it: KEDA knows only `external`. It is ours when it has a key that only we have,
    or a query together with what goes with a query, or an address that names us; a slip of the
    pen in such a key doesn't matter.
    """
    kind = trigger.get("type").text
    metadata = trigger.get("metadata")
    if kind not in EXTERNAL_TYPES:
        own = next((key for key in metadata.entries if key in OWN_KEYS), None)
        return f"type {kind}{f', although it has {own}' if own else ''}" if kind else "no type"
    keys = [key.removesuffix(FROM_ENVIRONMENT) for key in metadata.entries]
    has_query = _has(keys, "query") and _has(keys, "threshold", "serverAddress")
    if has_query or _has(keys, *OWN_KEYS) or "prewarm" in metadata.get("scalerAddress").text:
        return ""
    return "an external scaler without Prewarm's keys (query, threshold ...)"


def _has(keys: list[str], *wanted: str) -> bool:
    lowered = [key.lower() for key in wanted]
    return any(get_close_matches(key.lower(), lowered, n=1, cutoff=0.8) for key in keys)


def _unlisted(document: Node) -> Iterator[Node]:
    """Yield the objects of a document: itself, or the items of a List.

    A List within a List is left alone: with aliases, thirty of them would hold a billion items.
    """
    is_list = document.get("kind").text.endswith("List") and document.get("items").is_given
    yield from document.get("items").items if is_list else (document,)


def _scaled_object(node: Node, objects: list[Node], *, takes_all_external: bool) -> ScaledObject:
    entries = []
    for index, trigger in enumerate(node.get("spec", "triggers").items):
        why = why_not_ours(trigger)
        if takes_all_external and trigger.get("type").text in EXTERNAL_TYPES:
            why = ""
        entries.append(TriggerEntry(index=index, node=trigger, why_skipped=why))
    return ScaledObject(node=node, triggers=tuple(entries), workload=_workload(node, objects))


def _workload(node: Node, objects: list[Node]) -> Node:
    wanted = node.get("spec", "scaleTargetRef")
    key = (wanted.get("kind").text or "Deployment", wanted.get("name").text)
    namespace = node.get("metadata", "namespace").text
    for each in objects:
        metadata = each.get("metadata")
        is_named = (each.get("kind").text, metadata.get("name").text) == key
        if is_named and metadata.get("namespace").text == namespace:
            return each
    return Node(None, node.line)


def _decoded(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(f"more than {MAX_FILE_BYTES // 1024**2} MiB, no manifest is that large")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise Unreadable(f"byte 0x{data[exc.start]:02x} is no UTF-8", line) from None
    found = _UNPRINTABLE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise Unreadable(f"character U+{ord(found[0]):04X} is not allowed in YAML", line)
    return text


class _Builder:
    """Events to nodes. Of its own, since PyYAML keeps neither lines nor a second key."""

    def __init__(self, text: str) -> None:
        self.findings: list[Finding] = []
        self._text = text
        self._events: Iterator[Any] = yaml.parse(text, Loader=LOADER)
        self._anchors: dict[str, Node] = {}
        self._n_nodes = 0

    def documents(self) -> list[Node]:
        """Return the root of each document."""
        found = []
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors = {}
                    found.append(self._node(next(self._events), 0))
        except yaml.MarkedYAMLError as exc:
            raise self._unreadable(exc) from None
        return found

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        self._count(1, line)
        if depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", line)
        if isinstance(event, yaml.AliasEvent):
            return self._named(event.anchor, line)
        node = self._made(event, depth, line)
        if event.anchor is not None:  # only now: a node that holds itself has no end
            self._anchors[event.anchor] = node
        return node

    def _made(self, event: Any, depth: int, line: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Node(_typed(event), line, event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(after := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(after, depth + 1))
            return Node(tuple(items), line)
        return Node(self._mapping(depth), line)

    def _mapping(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        copied: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key.value, tuple | dict):
                raise Unreadable(f"a key can't be {key.kind}{self._hint(key.line)}", key.line)
            if key.text == "<<" and not isinstance(event, yaml.AliasEvent) and event.implicit[0]:
                copied |= self._merged(value)
                continue
            if key.text in lines:
                self._note_duplicate(key, lines[key.text])
            lines[key.text] = key.line
            entries[key.text] = value
        return copied | entries

    def _merged(self, value: Node) -> dict[str, Node]:
        """Return what a merge key brings in: of several mappings the first one counts."""
        copied: dict[str, Node] = {}
        for each in reversed(value.items or (value,)):
            self._count(len(each.entries), each.line)
            copied |= each.entries
        return copied

    def _named(self, anchor: str | None, line: int) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise Unreadable(f"alias *{anchor} has no anchor before it", line)
        return self._anchors[anchor]

    def _count(self, n_nodes: int, line: int) -> None:
        self._n_nodes += n_nodes
        if self._n_nodes > MAX_NODES:
            raise Unreadable(f"more than {MAX_NODES} values, aliases included", line)

    def _note_duplicate(self, key: Node, first_line: int) -> None:
        text = f"{key.text[:80]}: given twice, first on line {first_line}; keep one of them"
        self.findings.append(
            Finding(rule="duplicate-key", severity=Severity.ERROR, line=key.line, text=text)
        )

    def _unreadable(self, error: yaml.MarkedYAMLError) -> Unreadable:
        mark = error.problem_mark or error.context_mark
        n_lines = len(self._text.rstrip("\n").split("\n"))
        line = min(mark.line + 1, n_lines) if mark is not None else 0
        begun = error.context_mark.line + 1 if error.context_mark is not None else line
        context = f" {error.context} from line {begun}" if begun < line else ""
        return Unreadable(f"{error.problem or error.context}{context}{self._hint(line)}", line)

    def _hint(self, line: int) -> str:
        lines = self._text.split("\n")
        shown = lines[line - 1] if 0 < line <= len(lines) else ""
        if "\t" in shown[: len(shown) - len(shown.lstrip())]:
            return "; the line is indented with a tab, YAML wants spaces"
        if "{{" in self._text:
            return "; a template? Render it first: helm template ... | prewarm check -"
        return ""


def _typed(event: Any) -> str | int | float | bool | None:
    """Return a scalar as Go's yaml types it: only what is written plainly is anything but text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() in _TRUE
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    plain = text.replace("_", "") if text[:1].isdigit() or text[:1] in "+-" else text
    if _INTEGER.fullmatch(plain):
        return _integer(plain)
    return float(plain) if _FLOAT.fullmatch(plain) else text


def _integer(text: str) -> int | float:
    """Return a number as Go reads it with base 0: 010 is eight, 08 is a float."""
    digits = text.lstrip("+-")
    base = 8 if digits.startswith("0") and digits.isdigit() and len(digits) > 1 else 0
    try:
        return int(text, base)
    except ValueError:
        return float(text)
