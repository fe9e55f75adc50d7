"""What scales today: prometheus triggers of ScaledObjects, external metrics of HPAs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaler.manifest import MAX_FILE_BYTES, Node, Unreadable
from scaler.manifest.objects import why_not_ours
from scaler.manifest.reading import read_documents
from simulations.autoscaling.keda import ScaledObjectSpec
from simulations.backtest.errors import BadInput
from simulations.trials.scaled_object import spec_of

SUFFIXES = (".yaml", ".yml", ".json")
BACKLOG = ("waiting", "running", "queue", "pending", "inflight", "in_flight", "utilization")
MOST_NAME = 80
BACKLOG_NOTE = (
    'The query says "{word}": if it measures a backlog and not arrivals, it depends on how many '
    "replicas ran, and what is simulated here is a guess."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One query that scales a workload, with all that the emulation needs of its autoscaler.

    `server_address` is the trigger's own, None for an HPA. `notes` are doubts about the reading.
    """

    name: str
    query: str
    threshold: float
    spec: ScaledObjectSpec
    server_address: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that was not scanned, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was read."""

    candidates: tuple[Candidate, ...]
    left: tuple[Left, ...]


def read_files(paths: Sequence[Path], queries: Mapping[str, str]) -> Found:
    """Return what manifests hold; a file that can't be read is named and the rest goes on."""
    found: list[Candidate | Left] = []
    for path in _files(paths):
        try:
            with path.open("rb") as file:
                found += read_objects(file.read(MAX_FILE_BYTES + 1), str(path), queries)
        except OSError as exc:
            found.append(Left(name=str(path), why=f"can't be read: {exc.strerror}"))
    return collected(found)


def collected(found: Sequence[Candidate | Left]) -> Found:
    """Return candidates and what was left out, apart."""
    return Found(
        candidates=tuple(one for one in found if isinstance(one, Candidate)),
        left=tuple(one for one in found if isinstance(one, Left)),
    )


def read_objects(data: bytes, where: str, queries: Mapping[str, str]) -> Iterator[Candidate | Left]:
    """Yield the candidates of one file's bytes. `queries` is PromQL by external metric."""
    try:
        documents, _ = read_documents(data)
    except Unreadable as exc:
        yield Left(name=where, why=f"line {exc.line}: {exc}")
        return
    for document in documents:
        is_list = document.get("kind").text.endswith("List")
        for node in document.get("items").items if is_list else (document,):
            kind = node.get("kind").text
            if kind == "ScaledObject":
                yield from _of_scaled_object(node, where)
            elif kind == "HorizontalPodAutoscaler":
                yield from _of_hpa(node, where, queries)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
        else:
            yield path


def _named(node: Node) -> str:
    metadata = node.get("metadata")
    name = f"{metadata.get('namespace').text or 'default'}/{metadata.get('name').text or '?'}"
    return name[:MOST_NAME]


def _of_scaled_object(node: Node, where: str) -> Iterator[Candidate | Left]:
    name = _named(node)
    try:
        spec = spec_of(node.get("spec"), Path(where))
    except BadInput as exc:
        yield Left(name=name, why=str(exc))
        return
    for index, trigger in enumerate(node.get("spec", "triggers").items):
        kind, metadata = trigger.get("type").text, trigger.get("metadata")
        called = f"{name} triggers[{index}]"
        if not why_not_ours(trigger):
            yield Left(name=called, why="is Prewarm's already; see prewarm backtest")
        elif kind != "prometheus":
            yield Left(name=called, why=f"type {kind or 'not given'}, not prometheus")
        elif (trigger.get("metricType").text or "AverageValue") != "AverageValue":
            yield Left(name=called, why="metricType Value: no demand that one replica carries")
        else:
            yield _candidate(
                called,
                metadata.get("query").text,
                metadata.get("threshold").text,
                spec,
                address=metadata.get("serverAddress").text or None,
                notes=_trigger_notes(node, trigger),
            )


def _trigger_notes(node: Node, trigger: Node) -> tuple[str, ...]:
    notes = []
    if len(node.get("spec", "triggers").items) > 1:
        notes.append("Other triggers scale it too; here this one is alone.")
    if trigger.get("authenticationRef").is_given:
        notes.append("Its authenticationRef is not read; give credentials by --prometheus-config.")
    return tuple(notes)


def _of_hpa(node: Node, where: str, queries: Mapping[str, str]) -> Iterator[Candidate | Left]:
    name = _named(node)
    owners = node.get("metadata", "ownerReferences").items
    if any(owner.get("kind").text == "ScaledObject" for owner in owners):
        return  # KEDA's own: its ScaledObject is what is scanned
    try:
        spec = _hpa_spec(node.get("spec"), where)
    except BadInput as exc:
        yield Left(name=name, why=str(exc))
        return
    for index, metric in enumerate(node.get("spec", "metrics").items):
        called = f"{name} metrics[{index}]"
        target = metric.get("external", "target")
        if metric.get("type").text != "External":
            yield Left(name=called, why=f"type {metric.get('type').text}, not External")
        elif not target.get("averageValue").is_given:
            yield Left(name=called, why="its target is no averageValue")
        else:
            query, notes = _external_query(node, metric.get("external", "metric"), queries)
            yield _candidate(
                called, query, target.get("averageValue").text, spec, address=None, notes=notes
            )


def _hpa_spec(node: Node, where: str) -> ScaledObjectSpec:
    """Return what KEDA would be told for the same HPA."""
    config = Node({"behavior": node.get("behavior")}, node.line)
    fields = {
        "minReplicaCount": node.get("minReplicas"),
        "maxReplicaCount": node.get("maxReplicas"),
        "advanced": Node({"horizontalPodAutoscalerConfig": config}, node.line),
    }
    if not fields["minReplicaCount"].is_given:
        fields["minReplicaCount"] = Node(1, node.line, "1")
    return spec_of(Node(fields, node.line), Path(where))


def _external_query(
    node: Node, metric: Node, queries: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """Return the PromQL behind an external metric: as told, or by prometheus-adapter's usual rule.

    The HPA knows only the name; the query is in the adapter's configuration.
    """
    name = metric.get("name").text
    if name in queries:
        return queries[name], ()
    labels = {"namespace": node.get("metadata", "namespace").text or "default"}
    matched = metric.get("selector", "matchLabels").entries
    labels |= {key: value.text for key, value in matched.items()}
    matchers = ",".join(f'{key}="{value}"' for key, value in labels.items())
    query = f"sum({name}{{{matchers}}})"
    return query, (f"Query guessed from the metric's name; say it by --external-query {name}=...",)


def _candidate(
    name: str,
    query: str,
    threshold: str,
    spec: ScaledObjectSpec,
    *,
    address: str | None,
    notes: tuple[str, ...],
) -> Candidate | Left:
    if not query.strip():
        return Left(name=name, why="query: missing")
    value = _quantity(threshold)
    if value is None:
        return Left(
            name=name, why=f'threshold: "{threshold[:40]}" is not allowed; allowed is a number > 0'
        )
    word = next((word for word in BACKLOG if word in query.lower()), None)
    if word is not None:
        notes = (
            *notes,
            BACKLOG_NOTE.format(word=word),
        )
    return Candidate(
        name=name, query=query.strip(), threshold=value, spec=spec, server_address=address,
        notes=notes,
    )  # fmt: skip


def _quantity(text: str) -> float | None:
    """Return a Kubernetes quantity such as 5, 2.5, 500m or 2k; None when it is none, or not > 0."""
    factors = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
    number, factor = (text[:-1], factors[text[-1]]) if text[-1:] in factors else (text, 1.0)
    try:
        value = float(number) * factor
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
