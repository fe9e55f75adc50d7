"""The ScaledObjects of a file, and which of their triggers are ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from scaler.manifest.findings import Finding
from scaler.manifest.nodes import Node
from scaler.manifest.reading import read_documents
from scaler.metadata import FROM_ENVIRONMENT, KNOWN_KEYS

# Keys that KEDA's own prometheus trigger has too, and words that any scaler may use.
SHARED_KEYS = frozenset(
    {"query", "threshold", "serverAddress", "activationThreshold", "namespace", "customHeaders"}
    | {"queryParameters", "ignoreNullValues", "authModes", "mode", "timezone"}
)
OWN_KEYS = tuple(key for key in KNOWN_KEYS if key not in SHARED_KEYS)
BARE = "triggers without their object; give the whole ScaledObject, with its kind"
EXTERNAL_TYPES = frozenset({"external", "external-push"})


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


def read_manifest(data: bytes, *, takes_all_external: bool = False) -> Manifest:
    """Return the ScaledObjects of a file. Raises `Unreadable`.

    `takes_all_external`: an external trigger is ours even when it looks like another scaler's.
    """
    documents, findings = read_documents(data)
    objects = [each for document in documents for each in _unlisted(document)]
    skipped = [
        (each.line, f"a document that is {each.kind}, no object")
        for each in objects
        if each.is_given and not each.entries and not _is_bare(each)
    ]
    skipped += [
        (each.line, f"ScaledJob {each.get('metadata', 'name').text}: jobs are not forecast")
        for each in objects
        if each.get("kind").text == "ScaledJob"
    ]
    skipped += [(each.line, BARE) for each in objects if _is_bare(each)]
    scaled_objects = tuple(
        _scaled_object(each, objects, takes_all_external=takes_all_external)
        for each in objects
        if each.get("kind").text == "ScaledObject"
    )
    return Manifest(scaled_objects=scaled_objects, findings=findings, skipped=tuple(skipped))


def _is_bare(node: Node) -> bool:
    """Return whether it is triggers, or a spec, that were cut out of their object."""
    if node.get("kind").is_given:
        return False
    if node.get("triggers").is_given or node.get("spec", "triggers").is_given:
        return True
    candidates = node.items or (node,)
    return any(each.get("type").is_given and each.get("metadata").entries for each in candidates)


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
        near = get_close_matches(kind, sorted(EXTERNAL_TYPES), n=1, cutoff=0.8)
        hint = f"; did you mean {near[0]}?" if near else ""
        if own and not hint:
            return f"type {kind}, although it has {own}: Prewarm's triggers are of type external"
        although = f", although it has {own}" if own else ""
        return f"type {kind}{although}{hint}" if kind else "no type"
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
