"""`prewarm check` as a whole: what it prints, what it decides and how it ends."""

import asyncio
import io
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry

from forecasting.default import default_forecaster
from forecasting.series import Series
from prometheus_server import PrometheusServer, newest
from scaler.adapters.memory import ManualClock, MemoryHistorySource
from scaler.check import FINE, FOUND, UNUSABLE, run_check
from scaler.errors import HistoryUnavailable
from scaler.lint import RULES as LINT_RULES
from scaler.lint import TRIGGER_RULES
from scaler.metadata import FIELD_OF_KEY, IGNORED_KEYS, KNOWN_KEYS
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb.externalscaler_pb2_grpc import ExternalScalerStub
from scaler.policy import RULES
from scaler.ports import DemandQuery, HistorySource
from scaler.service import running
from scaler.settings import ControllerSettings, ServerSettings
from scaler.sources import SourceFlags
from scaler.words import WORDS

NOW = 1_763_985_615.0  # 2025-11-24 12:00:15 UTC, a Monday
DAY = 1440  # minutes: holds one spike, and is quick to fit
QUERY = "sum(rate(gateway_requests_total[2m]))"
FINE_OBJECT = f"""\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: chat
  namespace: llm
spec:
  scaleTargetRef:
    name: chat
  minReplicaCount: 1
  maxReplicaCount: 20
  fallback:
    failureThreshold: 3
    replicas: 1
    behavior: currentReplicasIfHigher
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp:
          tolerance: "0"
  triggers:
  - type: external
    metadata:
      scalerAddress: prewarm.keda.svc:6000
      query: {QUERY}
      threshold: "10"
      maxReplicas: "20"
      leadTimeSeconds: "300"
"""
FLAGS = SourceFlags(prometheus_address="http://127.0.0.1:9090")
DOCS = Path(__file__).parents[2] / "docs" / "trigger.md"


class Opened:
    """Opens a source in memory, and remembers with which flags."""

    def __init__(self, series: Series | None = None, *, seconds: float = 0.0) -> None:
        self.source = MemoryHistorySource({} if series is None else {QUERY: series})
        self.flags: SourceFlags | None = None
        self._seconds = seconds

    def __call__(
        self,
        flags: SourceFlags,
        *,
        now: float,
        on_rejected: Callable[[DemandQuery, str, int], None],
        on_expensive: Callable[[DemandQuery, float, float], None],
    ) -> HistorySource:
        del now, on_rejected
        self.flags = flags
        if self._seconds:
            on_expensive(DemandQuery(query=QUERY, step_seconds=60.0), self._seconds, 1e9)
        return self.source


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def check(
    text: str | bytes, *files: str, stdout: io.StringIO | None = None, **settings: Any
) -> tuple[int, str]:
    data = text.encode() if isinstance(text, str) else text
    stream = stdout or io.StringIO()
    settings.setdefault("at", NOW)
    status = run_check(files or ["-"], stdin=io.BytesIO(data), stdout=stream, **settings)
    return status, stream.getvalue()


def daily_spike(minutes: int = DAY, *, spike: float = 60.0) -> Series:
    """Demand of 18 by day, and a spike of half an hour that begins at 12:02 each day."""
    step = 60.0
    end_at = NOW // step * step
    times = end_at - step * np.arange(minutes)[::-1]
    minute = times % 86_400 / 60
    values = np.full(minutes, 18.0) + 0.5 * np.sin(times / 977)
    values[(minute >= 722) & (minute < 752)] = spike
    return Series(start_at=float(times[0]), step_seconds=step, values=values)


def test_a_fine_object_is_fine():
    assert check(FINE_OBJECT) == (
        FINE,
        "ScaledObject llm/chat (-:1)\n\n1 prewarm trigger: 0 errors, 0 warnings, 0 notes\n",
    )


def test_a_bad_key_is_one_line_and_an_error():
    status, printed = check(FINE_OBJECT.replace("threshold:", "thresholt:"))
    assert status == FOUND
    assert "-:25: error: thresholt: no such key; did you mean threshold? [metadata]\n" in printed


def test_a_warning_fails_only_when_strict():
    text = FINE_OBJECT.replace('tolerance: "0"', 'tolerance: "0.1"')
    assert check(text)[0] == FINE
    assert check(text, is_strict=True)[0] == FOUND


def test_a_note_never_fails_and_may_be_left_out():
    text = FINE_OBJECT.replace("query:", "mode: observe\n      query:")
    status, printed = check(text, is_strict=True)
    assert (status, "note: mode: observe is a dry run" in printed) == (FINE, True)
    _, printed = check(text, shows_notes=False)
    assert "note:" not in printed
    assert "1 note\n" in printed


def test_what_to_paste_stands_under_a_finding():
    _, printed = check(FINE_OBJECT.replace('tolerance: "0"', 'tolerance: "0.1"'))
    pasted = [line[6:] for line in printed.splitlines() if line.startswith("      ")]
    assert yaml.safe_load("\n".join(pasted)) == {
        "spec": {
            "advanced": {
                "horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"tolerance": "0"}}}
            }
        }
    }


def test_what_is_no_yaml_names_file_and_line(tmp_path: Path):
    file = tmp_path / "broken.yaml"
    file.write_text("a: 1\n\tb: 2\n")
    status, printed = check("", str(file))
    assert status == UNUSABLE
    assert printed.startswith(f"{file}:2: error: ")
    assert "indented with a tab" in printed


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_what_is_no_file_is_said_without_a_traceback(name: str, tmp_path: Path):
    status, printed = check("", str(tmp_path / name))
    assert status == UNUSABLE
    assert "no such file" in printed or "a folder; name the files in it" in printed


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(FINE_OBJECT.replace('"300"', '"x"'))
    bad.write_text("a: [")
    status, printed = check("", str(bad), str(good))
    assert status == UNUSABLE
    assert f"{good}:27: error: leadTimeSeconds" in printed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ""),
        ("kind: Deployment\n", ""),
        (
            FINE_OBJECT.replace("type: external", "type: prometheus"),
            "skipped: ScaledObject llm/chat (type prometheus, although it has maxReplicas: ",
        ),
    ],
)
def test_nothing_to_check_is_no_success(text: str, why: str):
    status, printed = check(text)
    assert status == UNUSABLE
    assert why in printed
    assert printed.endswith("error: no prewarm trigger in what was given, so nothing was checked\n")


def test_another_external_scalers_trigger_is_named_as_skipped_and_checked_when_asked():
    text = "kind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: external}]}\n"
    _, printed = check(FINE_OBJECT + "---\n" + text)
    assert "-:29: skipped: ScaledObject default/a (an external scaler without" in printed
    status, printed = check(text, takes_all_external=True)
    assert status == FOUND
    assert "query: missing" in printed


def test_an_escape_sequence_in_a_manifest_does_not_reach_the_terminal():
    text = FINE_OBJECT.replace("name: chat", r'name: "ch\e[31mat"').replace(
        "maxReplicas:", r'"a\e[2J":'
    )
    _, printed = check(text)
    assert "\x1b" not in printed


def test_a_secret_is_not_printed():
    text = FINE_OBJECT.replace("query:", 'customHeaders: "Authorization hunter2"\n      query:')
    status, printed = check(text)
    assert (status, "hunter2" in printed) == (FOUND, False)


def test_on_a_terminal_it_is_coloured_and_wrapped_at_80(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    settings: dict[str, Any] = {"source_flags": FLAGS, "open_with": Opened(daily_spike())}
    text = FINE_OBJECT.replace('tolerance: "0"', "stabilizationWindowSeconds: 300")
    _, printed = check(text, stdout=Terminal(), **settings)
    assert "\x1b[" in printed
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert max(len(line) for line in plain.splitlines()) <= 80

    monkeypatch.setenv("NO_COLOR", "1")
    _, printed = check(text, stdout=Terminal(), **settings)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", printed)  # bold and dim stay, colours go


def test_without_a_terminal_each_finding_is_one_plain_line():
    text = FINE_OBJECT.replace('tolerance: "0"', "stabilizationWindowSeconds: 300")
    _, printed = check(text)
    assert "\x1b" not in printed
    finding = r"^-:19: error: every prediction .*\[scale-up-stabilization\]$"
    assert re.search(finding, printed, re.MULTILINE)


def test_the_decision_is_explained():
    opened = Opened(daily_spike(5 * DAY))
    status, printed = check(FINE_OBJECT, source_flags=FLAGS, open_with=opened)
    assert status == FINE
    title = r"triggers\[0\] answers (\d+) replicas as of Mon 2025-11-24 12:00:00 UTC\n"
    answer = re.search(title, printed)
    assert answer is not None
    assert 6 <= int(answer[1]) <= 8  # the spike needs 6, and is two minutes away
    assert re.search(r"  observed  \d+(\.\d)? at 12:00:00; one replica carries 10\n", printed)
    assert re.search(
        r"  forecast  at most (59\.\d|6\d(\.\d)?) in the next 3\d\d s: quantile 0.95", printed
    )
    assert "  history   5.0 of 28 days, without a gap; a point every 60 s\n" in printed
    assert "  reactive  2 replicas without the forecast\n" in printed
    assert f"  cover_forecast        0 -> {answer[1]}  At most " in printed
    assert "unmoved by cover_observed" in printed
    assert "what so many replicas carry" in printed
    assert opened.source.is_closed


async def test_the_decision_is_the_one_that_a_server_gives_keda():
    _, printed = await asyncio.to_thread(
        check, FINE_OBJECT, source_flags=FLAGS, open_with=Opened(daily_spike(5 * DAY))
    )
    answer = re.search(r"answers (\d+) replicas", printed)
    assert answer is not None
    metadata = yaml.safe_load(FINE_OBJECT)["spec"]["triggers"][0]["metadata"]
    wanted = pb.GetMetricsRequest(
        scaledObjectRef=pb.ScaledObjectRef(name="chat", namespace="llm", scalerMetadata=metadata)
    )
    anywhere = ServerSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0")
    async with (
        running(
            source=MemoryHistorySource({QUERY: daily_spike(5 * DAY)}),
            forecaster=default_forecaster(),
            clock=ManualClock(NOW),
            server_settings=anywhere,
            controller_settings=ControllerSettings(is_all_in_first_tick=True),
            registry=CollectorRegistry(),
        ) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel,
    ):
        stub = ExternalScalerStub(channel)
        specs = await stub.GetMetricSpec(wanted.scaledObjectRef)
        wanted.metricName = specs.metricSpecs[0].metricName
        await stub.GetMetrics(wanted)
        await service.controller.idle()
        told = (await stub.GetMetrics(wanted)).metricValues[0].metricValueFloat
    assert told == int(answer[1])


def test_every_rule_of_the_policy_has_words():
    assert set(WORDS) == {rule.__name__ for rule in RULES}
    assert all(WORDS.values())


def test_the_plot_is_ascii_where_the_stream_takes_no_braille():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    run_check(
        ["-"],
        stdin=io.BytesIO(FINE_OBJECT.encode()),
        stdout=stream,
        at=NOW,
        source_flags=FLAGS,
        open_with=Opened(daily_spike()),
    )
    stream.seek(0)
    assert "* demand   = at most" in stream.read()


def test_an_address_on_the_command_line_stands_in_for_every_server_address():
    text = FINE_OBJECT.replace("query:", "serverAddress: http://far:9090\n      query:")
    opened = Opened(daily_spike())
    check(text, source_flags=FLAGS, open_with=opened)
    assert {read.query.server_address for read in opened.source.reads} == {None}
    assert opened.flags == FLAGS


def test_without_one_the_addresses_of_the_manifests_are_permitted():
    text = FINE_OBJECT.replace("query:", "serverAddress: http://far:9090\n      query:")
    opened = Opened(daily_spike())
    check(text, source_flags=SourceFlags(allow_address=("http://b",)), open_with=opened)
    assert {read.query.server_address for read in opened.source.reads} == {"http://far:9090"}
    assert opened.flags is not None
    assert opened.flags.allow_address == ("http://b", "http://far:9090")


def test_nothing_is_read_without_source_flags_nor_where_a_key_is_bad():
    opened = Opened(daily_spike())
    check(FINE_OBJECT, open_with=opened)
    check(FINE_OBJECT.replace('"10"', '"x"'), source_flags=FLAGS, open_with=opened)
    text = FINE_OBJECT.replace('threshold: "10"', "thresholdFromEnv: LIMIT")
    _, printed = check(text, source_flags=FLAGS, open_with=opened)
    assert "triggers[0]: no decision without threshold\n" in printed
    assert opened.flags is None


def test_each_decision_stands_below_what_was_found_for_it_and_a_trigger_without_one_says_why():
    begin = FINE_OBJECT.index("  - type: external")
    trigger = FINE_OBJECT[begin:]
    lost, bad = trigger.replace(QUERY, "lost"), trigger.replace('"10"', '"x"')
    status, printed = check(
        FINE_OBJECT[:begin] + lost + bad + trigger,
        source_flags=FLAGS,
        open_with=Opened(daily_spike()),
    )
    assert status == FOUND
    parts = (
        'error: threshold: "x"',
        "warning: the query returned nothing",
        "triggers[0] answers",
        "triggers[1]: no decision until its errors are mended",
        "triggers[2] answers",
    )
    places = [printed.index(part) for part in parts]
    assert places == sorted(places)


def test_one_mistake_is_one_finding():
    text = FINE_OBJECT.replace('threshold: "10"', "threshold: 10\n      ignoreNullValues: yes")
    _, printed = check(text)
    assert "1 prewarm trigger: 2 errors, 0 warnings, 0 notes" in printed
    assert '      ignoreNullValues: "true"\n' in printed
    _, printed = check(FINE_OBJECT.replace('maxReplicas: "20"', 'maxReplicas: "many"'))
    assert "1 prewarm trigger: 1 error, 0 warnings, 0 notes" in printed


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("refused", "Next step: is it up, and reached from here?"),
        ("several-series", "Next step: let the query return one series"),
        ("negative", "told"),
    ],
)
def test_a_source_that_fails_is_an_error_with_the_next_step(reason: str, said: str):
    opened = Opened()
    opened.source.fail(reason, "told")
    status, printed = check(FINE_OBJECT, source_flags=FLAGS, open_with=opened)
    assert status == FOUND
    assert f"[source-{reason}]" in printed
    assert said in printed
    assert "triggers[0] answers 0 replicas, but active, as of" in printed
    assert "Traceback" not in printed


def test_a_query_that_returns_nothing_is_a_warning():
    status, printed = check(FINE_OBJECT, source_flags=FLAGS, open_with=Opened())
    assert status == FINE
    assert "warning: the query returned nothing in 28 days" in printed
    assert "unknown, which is not zero" in printed


def test_old_data_is_a_warning_that_names_its_age():
    series = daily_spike()
    old = Series(start_at=series.start_at - 3600.0, step_seconds=60.0, values=series.values)
    text = FINE_OBJECT.replace("query:", "onStale: error\n      query:")
    _, printed = check(text, source_flags=FLAGS, open_with=Opened(old))
    assert "the newest observation is 3600 s old" in printed
    assert "triggers[0] answers an error (onStale: error)" in printed


def test_demand_that_could_not_be_served_is_found_in_the_history():
    opened = Opened(daily_spike(spike=500.0))
    _, printed = check(FINE_OBJECT, source_flags=FLAGS, open_with=opened)
    assert re.search(
        r"demand needed 50 replicas on 2025-1\d-\d\d at 12:02, and no more than 20 can", printed
    )


def test_a_rise_that_the_policies_would_not_have_followed_is_found_in_the_history():
    text = (
        FINE_OBJECT.replace(
            'tolerance: "0"',
            'tolerance: "0"\n          policies: [{type: Pods, value: 1, periodSeconds: 150}]',
        )
        .replace('"20"', '"4"')
        .replace("maxReplicaCount: 20", "maxReplicaCount: 4")
    )
    _, printed = check(text, source_flags=FLAGS, open_with=Opened(daily_spike()))
    assert "demand rose from" not in printed  # four pods in 300 s are just enough
    slow = text.replace("periodSeconds: 150", "periodSeconds: 600")
    _, printed = check(slow, source_flags=FLAGS, open_with=Opened(daily_spike()))
    assert "demand rose from 2 to 4 replicas within one lead time" in printed
    assert "these policies reach 3 [rise-above-rate]" in printed


def test_a_query_that_costs_too_much_is_named_with_the_rule_that_records_it():
    _, printed = check(
        FINE_OBJECT, source_flags=FLAGS, open_with=Opened(daily_spike(), seconds=7.5)
    )
    assert "the query took the server 7.5 s" in printed
    assert f"expr: {QUERY}" in printed


def test_what_a_leading_query_is_worth_is_said_with_the_decision():
    minutes = 6 * DAY
    generator = np.random.default_rng(1)
    portal = np.full(minutes, 20.0)
    for begin in np.flatnonzero(generator.random(minutes) < 1 / 180):
        portal[begin : begin + 30] += 180.0
    portal *= generator.gamma(400, 1 / 400, minutes)
    demand = np.concatenate((np.full(10, 10.0), 0.5 * portal[:-10]))
    start_at = NOW // 60 * 60 - 60.0 * (minutes - 1)
    grid = {"start_at": start_at, "step_seconds": 60.0}
    opened = Opened(Series(values=demand, **grid))
    opened.source.put("portal", Series(values=portal, **grid))
    opened.source.put("flat", Series(values=np.ones(minutes), **grid))
    head = "      historyDays: '5'\n      leadingQueries: |\n"
    text = FINE_OBJECT + head + "        portal: portal\n        flat: flat\n        none: none\n"
    status, said = check(text, source_flags=FLAGS, open_with=opened)
    assert status == 0
    (gain,) = re.findall(r"portal: kept; it lowered the loss of a trial by (\d+) %", said)
    assert int(gain) > 40
    assert re.search(r"flat: not kept; it (raised|lowered) the loss of a trial by \d+ %", said)
    assert "none can't be judged yet: too little history [leading-gain]" in said


def test_a_leading_query_that_fails_is_a_warning_and_the_decision_stands():
    class HalfDown(MemoryHistorySource):
        async def _answer(
            self, kind: str, query: DemandQuery, start_at: float, end_at: float
        ) -> None:
            if query.query != QUERY:
                raise HistoryUnavailable("query", "parse error")
            await super()._answer(kind, query, start_at, end_at)

    opened = Opened()
    opened.source = HalfDown({QUERY: daily_spike()})
    text = FINE_OBJECT + "      leadingQueries: 'portal: sum('\n"
    status, said = check(text, source_flags=FLAGS, open_with=opened)
    assert status == 0
    assert "warning: portal: no history, so it is left out: parse error [leading-gain]" in said
    assert "[source-" not in said


def test_an_event_that_has_left_the_history_may_go():
    text = FINE_OBJECT + "      timezone: UTC\n      events: |\n"
    text += "        2020-01-01 for 1d outage; 2099-01-01 for 1h outage\n"
    _, said = check(text, source_flags=FLAGS, open_with=Opened(daily_spike()))
    assert "the event of 2020-01-01 00:00 ended before the 28 days of history begin" in said
    assert "2099" not in said


def test_flags_that_cannot_be_used_are_said_and_end_with_2():
    status, printed = check(FINE_OBJECT, source_flags=SourceFlags(source="file"))
    assert (status, printed) == (
        UNUSABLE,
        "error: --file: missing; with --source file it names a CSV or Parquet file\n",
    )
    flags = SourceFlags(prometheus_address="ftp://x")
    assert check(FINE_OBJECT, source_flags=flags)[0] == UNUSABLE


def test_a_prometheus_that_is_not_there_is_a_clear_message():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        flags = SourceFlags(prometheus_address=f"http://127.0.0.1:{closed.getsockname()[1]}")
        status, printed = check(FINE_OBJECT, source_flags=flags)
    assert status == FOUND
    assert "connection refused. Next step: is it up" in printed
    assert "Traceback" not in printed


@pytest.mark.prometheus
def test_an_empty_prometheus_has_no_data_and_says_so(tmp_path: Path):
    with PrometheusServer(newest(), tmp_path) as server:
        flags = SourceFlags(prometheus_address=server.address)
        status, printed = check(FINE_OBJECT, source_flags=flags)
    assert (status, "[no-data]" in printed) == (FINE, True)


def test_a_file_decides_as_well(tmp_path: Path):
    file = tmp_path / "history.csv"
    file.write_text("timestamp,requests\n2025-11-24T11:59:00,15\n2025-11-24T12:00:00,25\n")
    flags = SourceFlags(source="file", file=str(file))
    text = FINE_OBJECT.replace(QUERY, "requests")
    status, printed = check(text, source_flags=flags)
    assert status == FINE
    assert "observed  25 at 12:00:00; one replica carries 10" in printed


# The documentation.


def examples() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)


def whole(example: str) -> str:
    """Return an example that shows only its triggers as an object."""
    if not example.startswith("triggers:"):
        return example
    head = FINE_OBJECT.partition("  triggers:")[0]
    return head + "".join(f"  {line}\n" for line in example.splitlines())


@pytest.mark.parametrize("example", [each for each in examples() if "type: external" in each])
def test_each_example_of_the_documentation_passes_the_check(example: str):
    status, printed = check(whole(example), is_strict=True)
    assert status == FINE, printed


def test_all_other_examples_are_yaml_too():
    others = [each for each in examples() if "type: external" not in each]
    assert [next(iter(yaml.safe_load(each))) for each in others] == [
        "apiVersion",
        "scheduledFloors",
        "groups",
    ]


def test_the_two_complete_objects_differ_by_type_and_scaler_address_alone():
    reactive, predictive = (
        [line for line in each.splitlines() if not line.startswith("#")]
        for each in examples()
        if each.startswith("#")
    )
    assert "  - type: prometheus" in reactive
    changed = [
        "  - type: external" if line == "  - type: prometheus" else line for line in reactive
    ]
    assert [line for line in predictive if line not in changed] == [
        "      scalerAddress: prewarm.keda.svc:6000"
    ]
    assert [line for line in changed if line not in predictive] == []


def rows() -> dict[str, list[str]]:
    """Return the cells of each documented key."""
    cells = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|(.*)\|$", DOCS.read_text(), re.MULTILINE)
    return {
        key: [cell.strip() for cell in rest.split(" | ")]
        for keys, rest in cells
        for key in re.findall(r"`(\w+)`", keys)
    }


SPOKEN_DEFAULTS = {
    "query": "required",
    "threshold": "required",
    "serverAddress": "the operator's",
    "namespace": "none",
    "customHeaders": "none",
    "queryParameters": "none",
    "authModes": "none",
    "holidays": "none",
    "events": "none",
    "leadingQueries": "none",
    "leadTimeSeconds": "`auto`",
    "staleAfterSeconds": "5 steps",
    "scheduledFloors": "none",
    "breakEvenSeconds": "the lead time",
    "scaleDownLimit": "none",
    "maxCapacityBuffer": "none",
    "missCostPerReplicaHour": "none",
    "gpuPricePerHour": "none",
    "thresholdPrior": "none",
    "capacityModel": "none",
    "capacityQueries": "by `capacityModel`",
}


def spoken(default: object) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, ZoneInfo):
        return f"`{default.key}`"
    return f"`{default:g}`" if isinstance(default, int | float) else f"`{default}`"


@pytest.mark.parametrize("key", KNOWN_KEYS)
def test_each_key_is_documented_with_its_default_and_what_is_allowed(key: str):
    default, allowed, meaning = rows()[key]
    _, field = FIELD_OF_KEY[key]
    assert default == SPOKEN_DEFAULTS.get(key, spoken(field.default))
    assert allowed == field.description
    assert meaning


@pytest.mark.parametrize("key", sorted(IGNORED_KEYS))
def test_each_key_of_keda_is_documented(key: str):
    assert key in rows()


def test_each_lint_is_documented():
    text = DOCS.read_text()
    names = [rule.__name__.replace("_", "-") for rule in (*LINT_RULES, *TRIGGER_RULES)]
    assert [name for name in names if f"`{name}`" not in text] == []
