"""A file's bytes to nodes.

Rules
- A file is read whole or not at all: what is no YAML is one `Unreadable` that names its line.
- Bounds on bytes, depth and nodes. An alias is the node that it names, never a copy, and what a
  merge key copies counts: ten lines of nested aliases stay ten lines.
- A key given twice is a finding, and the last one counts.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from scaler.errors import ScalerError
from scaler.manifest.findings import Finding, Severity
from scaler.manifest.nodes import Node
from scaler.manifest.scalars import typed

MAX_FILE_BYTES = 8 * 1024 * 1024  # all of KEDA's CRDs are 1 MB
MAX_DEPTH = 100  # the deepest schemas of Kubernetes nest some 50 levels
MAX_NODES = 500_000

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where it is built

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unreadable(ScalerError):  # noqa: N818 - a state of the file
    """A file that is no YAML, or too much of it; `line` is 0 where none is to blame."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def read_documents(data: bytes) -> tuple[list[Node], tuple[Finding, ...]]:
    """Return the root of each document, and what was found on the way. Raises `Unreadable`."""
    builder = _Builder(_decoded(data))
    documents = builder.documents()
    return documents, tuple(builder.findings)


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
            return Node(typed(event), line, event.value)
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
