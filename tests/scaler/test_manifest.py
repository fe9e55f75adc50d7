"""Manifests: what is read from YAML, with which line, and what is refused."""

import pytest
import yaml

import scaler.manifest.reading
from scaler.manifest import (
    MAX_FILE_BYTES,
    Manifest,
    ReadTrigger,
    Severity,
    Unreadable,
    read_manifest,
    read_trigger,
)

OBJECT = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: chat
  namespace: llm
spec:
  scaleTargetRef:
    name: chat
  triggers:
  - type: external
    metadata:
      scalerAddress: scaler.keda.svc:6000
      query: sum(rate(requests_total[2m]))
      threshold: "10"
"""


def manifest(text: str, **settings: bool) -> Manifest:
    return read_manifest(text.encode(), **settings)


def only_trigger(text: str) -> ReadTrigger:
    (scaled_object,) = manifest(text).scaled_objects
    (entry,) = scaled_object.prewarm_triggers
    return read_trigger(scaled_object, entry)


def with_metadata(*lines: str) -> str:
    head = OBJECT.partition("      query:")[0]
    return head + "".join(f"      {line}\n" for line in lines)


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def test_finds_the_object_its_trigger_and_their_lines():
    (found,) = manifest("# a comment\n---\n" + OBJECT).scaled_objects
    assert (found.namespace, found.name, found.node.line) == ("llm", "chat", 3)
    (entry,) = found.prewarm_triggers
    assert (entry.kind, entry.index, entry.node.line) == ("external", 0, 12)
    assert entry.node.get("metadata", "threshold").line == 16


def test_reads_every_document_and_the_items_of_a_list():
    other = OBJECT.replace("name: chat", "name: other")
    as_list = "kind: List\nitems:\n- " + indented(other).lstrip()
    secret = "kind: TriggerAuthentication\nmetadata: {name: a}\n"
    text = f"{secret}---\n{OBJECT}---\n---\n{as_list}"
    found = manifest(text)
    assert [each.name for each in found.scaled_objects] == ["chat", "other"]
    assert found.skipped == ()


def test_a_list_within_a_list_is_left_alone():
    inner = "kind: List\n  items: [{kind: ScaledObject}]"
    assert manifest(f"kind: List\nitems:\n- {inner}\n").scaled_objects == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_carriage_returns_change_nothing(newline: str):
    (found,) = manifest(OBJECT.replace("\n", newline)).scaled_objects
    assert found.spec.get("scaleTargetRef", "name").text == "chat"


def test_a_byte_order_mark_is_no_content():
    assert len(read_manifest(b"\xef\xbb\xbf" + OBJECT.encode()).scaled_objects) == 1


def test_json_is_yaml():
    text = '{"kind": "ScaledObject", "spec": {"triggers": [{"type": "external"}]}}'
    assert len(manifest(text).scaled_objects) == 1


def test_what_is_left_out_is_named():
    job = "kind: ScaledJob\nmetadata: {name: batch}\n"
    found = manifest(f"- a list\n---\njust text\n---\n{job}---\n# nothing\n")
    assert found.skipped == (
        (1, "a document that is a list, no object"),
        (3, "a document that is text, no object"),
        (5, "ScaledJob batch: jobs are not forecast"),
    )


# What is written, what KEDA's schema sees, and why: Go's yaml decides, not Python's.
SCALARS = (
    ("10", 10, "a number"),
    ("-3", -3, "a number"),
    ("1_000", 1000, "underscores are allowed in numbers"),
    ("010", 8, "a leading zero is octal"),
    ("0x1F", 31, "hexadecimal"),
    ("08", 8.0, "no octal digit, so a float"),
    ("1.5", 1.5, "a number"),
    (".5", 0.5, "a number"),
    ("1e3", 1000.0, "PyYAML would call it text"),
    ("9" * 5000, float("inf"), "too long for Python's int, as for Go's"),
    ("yes", True, "a boolean in YAML 1.1"),
    ("Off", False, "a boolean in YAML 1.1"),
    ("true", True, "a boolean"),
    ("12:30", "12:30", "PyYAML would call it 750"),
    ("2026-11-24", "2026-11-24", "PyYAML would call it a date"),
    ("10.0.0.1:6000", "10.0.0.1:6000", "an address"),
    ('"10"', "10", "quoted"),
    ("'yes'", "yes", "quoted"),
    ("!!str 10", "10", "tagged as text"),
    ("", None, "nothing"),
    ("~", None, "nothing"),
    ("null", None, "nothing"),
)


@pytest.mark.parametrize(("written", "value", "why"), SCALARS)
def test_scalars_are_typed_as_kubectl_types_them(written: str, value: object, why: str):
    text = f"kind: ScaledObject\nspec:\n  here: {written}\n"
    found = manifest(text).scaled_objects[0].spec.get("here").value
    assert (type(found), found) == (type(value), value), why


def test_a_key_given_twice_is_found_and_the_last_one_counts():
    text = OBJECT + '      threshold: "20"\n'
    (finding,) = manifest(text).findings
    assert (finding.rule, finding.line) == ("duplicate-key", 15)
    assert finding.text == "threshold: given twice, first on line 14; keep one of them"
    assert only_trigger(text).params.threshold == 20


def test_anchors_and_merge_keys_work():
    text = OBJECT.replace("    metadata:\n", "    metadata:\n      <<: *common\n").replace(
        "metadata:\n  name", "metadata:\n  labels: &common {warmFloor: '2'}\n  name"
    )
    assert only_trigger(text).params.warm_floor == 2


def test_an_alias_bomb_stays_small():
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    found = manifest("kind: ScaledObject\n" + "\n".join(lines))
    assert found.scaled_objects[0].prewarm_triggers == ()


def test_a_bomb_of_merge_keys_is_refused():
    many = ", ".join(f"k{n}: 1" for n in range(1000))
    lines = [f"m: &m {{{many}}}", *(f"n{n}: {{<<: *m}}" for n in range(1000))]
    with pytest.raises(Unreadable, match="more than 500000 values, aliases included"):
        manifest("\n".join(lines))


# What is no manifest, the line that is blamed, and what is said.
UNREADABLE = (
    (b"a: [1, 2", 1, "',' or ']'"),
    (b"a: 1\n\tb: 2\n", 2, "indented with a tab"),
    (b"a: b: c\n", 1, "mapping values are not allowed"),
    (b"a: *nowhere\n", 1, r"alias \*nowhere has no anchor before it"),
    (b"a: &a [*a]\n", 1, r"alias \*a has no anchor before it"),
    (b"[" * 200 + b"]" * 200, 1, "nested deeper than 100 levels"),
    (b"a: 1\nb: \xff\n", 2, "byte 0xff is no UTF-8"),
    (b"a: 1\nb: \x07\n", 2, r"character U\+0007 is not allowed in YAML"),
    (b"x: 1\nthreshold: {{ .Values.threshold }}\n", 2, "helm template"),
    (b"{{- if .Values.on }}\na: 1\n{{- end }}\n", 1, "helm template"),
    (b" " * (MAX_FILE_BYTES + 1), 0, "more than 8 MiB"),
)


@pytest.mark.parametrize(
    "loader", list(dict.fromkeys((yaml.SafeLoader, scaler.manifest.reading.LOADER)))
)
@pytest.mark.parametrize(("data", "line", "said"), UNREADABLE)
def test_what_is_no_manifest_is_refused_with_its_line(
    data: bytes, line: int, said: str, loader: type, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scaler.manifest.reading, "LOADER", loader)
    with pytest.raises(Unreadable, match=said) as raised:
        read_manifest(data)
    assert raised.value.line == line


# A trigger's type and metadata, and why it is not ours.
OURS = (
    ("external", "query: up\n      threshold: '1'", ""),
    ("external-push", "query: up\n      threshold: '1'", ""),
    ("external", "query: up\n      serverAddress: http://p", ""),
    ("external", "queryFromEnv: Q\n      thresholdFromEnv: T", ""),
    ("external", "queryy: up\n      thresholt: '1'", ""),
    ("external", "warmFloor: '1'", ""),
    ("external", "warmfloor: '1'", ""),
    ("external", "scalerAddress: prewarm.keda:6000", ""),
    ("external", "query: up", "an external scaler without Prewarm's keys (query, threshold ...)"),
    (
        "external",
        "inferencePool: a\n      threshold: '1'\n      mode: x",
        "an external scaler without Prewarm's keys (query, threshold ...)",
    ),
    ("prometheus", "query: up\n      threshold: '1'", "type prometheus"),
    (
        "prometheus",
        "warmFloor: '1'",
        "type prometheus, although it has warmFloor: Prewarm's triggers are of type external",
    ),
    ("cpu", "value: '60'", "type cpu"),
    ("externl", "value: '60'", "type externl; did you mean external?"),
)


@pytest.mark.parametrize(("kind", "metadata", "why"), OURS)
def test_our_triggers_are_told_from_those_of_other_scalers(kind: str, metadata: str, why: str):
    text = f"kind: ScaledObject\nspec:\n  triggers:\n  - type: {kind}\n    metadata:\n      "
    (entry,) = manifest(text + metadata).scaled_objects[0].triggers
    assert entry.why_skipped == why


def test_any_external_trigger_is_ours_when_asked():
    text = "kind: ScaledObject\nspec: {triggers: [{type: external}, {type: cpu}]}\n"
    (found,) = manifest(text, takes_all_external=True).scaled_objects
    assert [entry.index for entry in found.prewarm_triggers] == [0]


def test_a_bad_key_is_found_on_its_own_line():
    read = only_trigger(with_metadata("query: up", 'threshold: "ten"', 'warmFlor: "1"'))
    allowed = "a number > 0: the demand that one replica carries, or auto"
    assert read.trigger is None
    assert [(finding.rule, finding.line, finding.text) for finding in read.findings] == [
        (
            "metadata",
            14,
            f'threshold: "ten" is not allowed; allowed is {allowed}',
        ),
        ("metadata", 15, "warmFlor: no such key; did you mean warmFloor?"),
    ]


def test_a_bad_event_is_found_on_its_own_line_of_the_block():
    lines = (
        "query: sum(x)",
        'threshold: "10"',
        "events: |",
        "  2026-11-27T08:00 for 4h factor 3",
        "  # the next one has no end",
        "  2026-11-28T08:00 factor 3",
    )
    (finding,) = only_trigger(with_metadata(*lines)).findings
    text = with_metadata(*lines).splitlines()
    assert text[finding.line - 1].strip() == "2026-11-28T08:00 factor 3"
    assert "line 3" in finding.text
    (finding,) = only_trigger(with_metadata(*lines[:2], "events: tomorrow")).findings
    assert finding.line == len(with_metadata(*lines[:2], "x").splitlines())


def test_a_missing_key_is_found_where_the_metadata_starts():
    (finding,) = only_trigger(with_metadata("query: up", 'warmFloor: "1"')).findings
    assert finding.line == 12
    assert finding.text.startswith("threshold: missing")


def test_the_good_keys_count_beside_a_bad_one():
    read = only_trigger(
        with_metadata("query: up", 'threshold: "0"', 'leadTimeSeconds: "90"', 'quantile: "2"')
    )
    assert (read.params.lead_time_seconds, read.params.quantile) == (90, 0.95)


def test_keys_that_contradict_each_other_leave_the_rest_standing():
    read = only_trigger(
        with_metadata("query: up", 'threshold: "5"', 'warmFloor: "9"', 'maxReplicas: "3"')
    )
    assert (read.params.threshold, read.params.max_replicas) == (5, 3)


def test_a_value_that_is_no_text_is_read_as_what_it_will_be_once_quoted():
    read = only_trigger(with_metadata("query: up", "threshold: 12", "ignoreNullValues: true"))
    assert read.params.threshold == 12
    assert read.trigger is not None
    assert read.trigger.zero_when_empty


def test_a_value_that_is_a_mapping_is_not_called_missing_as_well():
    read = only_trigger(with_metadata("query: {a: 1}", 'threshold: "1"'))
    assert read.findings == ()  # the lint of fields says it
    assert read.unknown == ("query",)


DEPLOYMENT = """\
kind: Deployment
metadata: {name: chat, namespace: llm}
spec:
  template:
    spec:
      containers:
      - name: proxy
      - name: vllm
        env:
        - {name: LIMIT, value: "12"}
        - {name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: MADE, value: "$(LIMIT)0"}
---
"""


def from_environment(variable: str, deployment: str = DEPLOYMENT) -> ReadTrigger:
    text = with_metadata("query: up", f"thresholdFromEnv: {variable}")
    text = text.replace("    name: chat\n", "    name: chat\n    envSourceContainerName: vllm\n")
    return only_trigger(deployment + text)


def test_a_variable_of_the_workload_in_the_same_file_is_read():
    read = from_environment("LIMIT")
    assert read.params.threshold == 12
    assert read.sent["thresholdFromEnv"] == "12"  # as KEDA sends it
    (finding,) = read.findings
    assert finding.text == "thresholdFromEnv: read from the workload, line 10"
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize("variable", ["SECRET", "MADE"])
def test_a_value_that_only_the_cluster_knows_leaves_the_other_keys_checked(variable: str):
    read = from_environment(variable)
    assert read.unknown == ("threshold",)
    assert read.trigger is not None
    (finding,) = read.findings
    assert finding.text == f"thresholdFromEnv: the value of {variable} is not known here"


def test_a_variable_that_the_container_does_not_set_is_missing():
    read = from_environment("OTHER")
    assert [finding.text.partition(";")[0] for finding in read.findings] == [
        "thresholdFromEnv: the container sets no OTHER, so KEDA sends nothing",
        "threshold: missing",
    ]


def test_without_the_workload_no_variable_is_known():
    assert from_environment("LIMIT", deployment="").unknown == ("threshold",)


def test_a_workload_of_another_namespace_is_not_the_one():
    elsewhere = DEPLOYMENT.replace("namespace: llm", "namespace: other")
    assert from_environment("LIMIT", elsewhere).unknown == ("threshold",)


def test_triggers_without_their_object_are_named():
    bare = "- type: external\n  metadata: {query: x, threshold: '1'}\n"
    inner = bare.replace("\n", "\n  ").rstrip()
    for text in (
        "triggers:\n- type: external\n",
        bare,
        bare.replace("- ", "  "),
        f"spec:\n  triggers:\n  {inner}\n",
    ):
        [(line, why)] = manifest(text).skipped
        assert line == 1
        assert "give the whole ScaledObject" in why
