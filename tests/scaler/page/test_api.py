"""The JSON API: its names, its nulls, and what it never says."""

import json
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards import (
    LEDGER,
    METADATA,
    NOON,
    add,
    ask,
    fleet,
    lead_time,
    live,
    new_board,
    page_of,
    publish,
    seen,
)
from scaler.adapters.memory import ManualClock
from scaler.page import as_json
from scaler.page.answers import MAX_ON_A_PAGE, SORTS, nearest
from scaler.page.app import StatusPage
from scaler.page.extras import Extras
from scaler.page.view import StepView
from scaler.types import Evidence, PolicyState

SUMMARY_KEYS = [
    "namespace",
    "name",
    "trigger",
    "evidence",
    "mode",
    "mode_in_force",
    "answer",
    "replicas",
    "is_active",
    "predicted_replicas",
    "reactive_replicas",
    "needed_replicas",
    "wanted_replicas",
    "ready_replicas",
    "starting_replicas",
    "unschedulable_replicas",
    "warm_floor_replicas",
    "max_replicas",
    "observed_demand",
    "observed_age_seconds",
    "forecast_demand",
    "lead_time_seconds",
    "is_lead_time_measured",
    "shortfall",
    "problem",
    "problem_text",
    "last_change",
    "asked_age_seconds",
]
DETAIL_KEYS = [
    "summary",
    "as_of",
    "is_stale_answer",
    "evidence_text",
    "trigger",
    "invalid_lines",
    "steps",
    "forecast",
    "lead_time",
    "ledger",
    "history",
    "moments",
    "changes",
    "missing",
    "settings",
]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def api(page: StatusPage, path: str, query: str = "") -> dict:
    status, headers, text = ask(page, f"/api/v1/{path}", query=query)
    assert headers["Content-Type"] == "application/json"
    body = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    return {**body, "status": status}


def test_the_names_in_the_list_are_those_that_are_documented(clock: ManualClock):
    board = new_board()
    live(add(board, clock), clock, [10.0, 30.0])
    body = api(page_of(board, clock), "targets")
    assert [*body] == [
        *("api_version", "at", "version", "is_ready", "search", "sort", "first", "n_targets"),
        *("n_matching", "n_in_trouble", "targets", "status"),
    ]
    assert body["api_version"] == "v1"
    assert [*body["targets"][0]] == SUMMARY_KEYS


def test_a_target_is_told_with_its_decision(clock: ManualClock):
    board = new_board()
    live(add(board, clock), clock, [10.0, 30.0], fleet=fleet(), lead_time=lead_time())
    body = api(page_of(board, clock), "targets/llm/chat")
    assert body["status"] == "200 OK"
    [details] = body["triggers"]
    assert [*details] == DETAIL_KEYS
    summary = details["summary"]
    assert (summary["replicas"], summary["needed_replicas"], summary["evidence"]) == (4, 3, "fresh")
    assert (summary["ready_replicas"], summary["wanted_replicas"]) == (3, 5)
    assert summary["observed_age_seconds"] == 0.0
    assert summary["lead_time_seconds"] == 240.0
    assert details["lead_time"]["n_starts"] == 40
    assert [step["rule"] for step in details["steps"]][:2] == ["cover_forecast", "cover_observed"]
    assert "At most 36 is expected" in details["steps"][0]["because"]
    assert [each["observed_demand"] for each in details["moments"]] == [10.0, 30.0]
    assert details["changes"][0]["before_replicas"] == 2
    assert {each["what"] for each in details["missing"]} == {"cold starts", "ledger"}


def test_what_is_unknown_is_null_and_never_zero(clock: ManualClock):
    board = new_board()
    target = add(board, clock)
    pending = api(page_of(board, clock), "targets")["targets"][0]
    assert pending["evidence"] == "pending"
    publish(target, seen(NOON, evidence=Evidence.UNKNOWN), clock, PolicyState())
    unknown = api(page_of(board, clock), "targets")["targets"][0]
    for summary in (pending, unknown):
        for key in SUMMARY_KEYS:
            if key.startswith(("observed", "forecast", "needed", "ready", "wanted", "starting")):
                assert summary[key] is None, key
    publish(target, seen(NOON, 0.0, 0.0), clock, PolicyState())
    zero = api(page_of(board, clock), "targets")["targets"][0]
    assert (zero["observed_demand"], zero["needed_replicas"], zero["forecast_demand"]) == (0, 0, 0)


def test_an_answer_that_is_withheld_has_no_replicas(clock: ManualClock):
    board = new_board()
    target = add(board, clock, onStale="error")
    publish(target, seen(NOON, 20.0, evidence=Evidence.STALE), clock, PolicyState())
    summary = api(page_of(board, clock), "targets")["targets"][0]
    assert summary["replicas"] is None
    assert summary["answer"] == "an error (onStale: error)"


def test_an_answer_past_its_time_is_the_one_for_old_data(clock: ManualClock):
    board = new_board()
    live(add(board, clock), clock, [30.0])
    clock.advance(301.0)
    [details] = api(page_of(board, clock), "targets/llm/chat")["triggers"]
    assert details["is_stale_answer"]


def test_a_trigger_that_cannot_be_used_says_why(clock: ManualClock):
    board = new_board()
    add(board, clock, threshold="many")
    [details] = api(page_of(board, clock), "targets/llm/chat")["triggers"]
    assert details["summary"]["evidence"] == "invalid"
    assert details["summary"]["replicas"] is None
    assert details["invalid_lines"][0].startswith('threshold: "many" is not allowed')


def test_replicas_that_the_ceiling_takes_are_a_shortfall(clock: ManualClock):
    board = new_board()
    live(add(board, clock), clock, [95.0])
    shortfall = api(page_of(board, clock), "targets")["targets"][0]["shortfall"]
    assert shortfall == {
        "missing_replicas": 4,
        "at": None,
        "because": "the ceiling is reached",
    }


def test_replicas_without_a_node_are_a_shortfall(clock: ManualClock):
    board = new_board()
    live(add(board, clock), clock, [20.0], fleet=fleet(unschedulable=2))
    assert api(page_of(board, clock), "targets")["targets"][0]["shortfall"]["missing_replicas"] == 2


def test_a_ledger_and_cold_starts_are_shown_when_somebody_keeps_them(clock: ManualClock):
    board = new_board()
    live(add(board, clock), clock, [20.0])
    extras = Extras(ledger=LEDGER, cold_starts_seconds=(60.0, 75.0))
    page = page_of(board, clock, get_extras=lambda _: extras)
    [details] = api(page, "targets/llm/chat")["triggers"]
    assert details["ledger"]["prewarm"]["short_seconds"] == 30.0
    assert details["lead_time"]["cold_starts_seconds"] == [60.0, 75.0]
    assert "ledger" not in {each["what"] for each in details["missing"]}


SECRETS = {
    "customHeaders": "X-Token=s3cret-header",
    "queryParameters": "key=s3cret-parameter",
    "serverAddress": "http://prometheus.example.org:9090/s3cret-path",
    "queryFromEnv": "s3cret-query",
}


@pytest.mark.parametrize(
    "path", ["/", "/targets/llm/chat", "/api/v1/targets", "/api/v1/targets/llm/chat"]
)
def test_no_secret_is_ever_said(clock: ManualClock, path: str):
    board = new_board()
    metadata = {**METADATA, **SECRETS}
    del metadata["query"]
    target = board.find("llm", "chat", metadata, clock.monotonic())
    live(target, clock, [20.0])
    status, headers, text = ask(page_of(board, clock), path)
    assert status == "200 OK"
    assert "s3cret" not in text + str(headers)


def test_a_password_in_an_address_is_not_said_even_where_the_address_is_refused(clock: ManualClock):
    board = new_board()
    live(add(board, clock, serverAddress="http://me:s3cret@prometheus:9090"), clock, [20.0])
    _, _, text = ask(page_of(board, clock), "/api/v1/targets/llm/chat")
    assert "s3cret" not in text
    assert json.loads(text)["triggers"][0]["trigger"]["source"] == "not shown"


def test_a_name_that_is_not_there_is_answered_with_the_nearest(clock: ManualClock):
    board = new_board()
    for name in ("chat", "embed", "rerank"):
        add(board, clock, name=name)
    body = api(page_of(board, clock), "targets/lm/chatt")
    assert body["status"] == "404 Not Found"
    assert body["nearest"][0] == "llm/chat"
    assert nearest("prod/chat", ["llm/chat", "llm/other"]) == ["llm/chat"]


def test_two_triggers_of_one_object_are_both_told(clock: ManualClock):
    board = new_board()
    add(board, clock)
    clock.advance(5.0)
    add(board, clock, threshold="20")
    body = api(page_of(board, clock), "targets/llm/chat")
    assert [each["trigger"]["threshold"] for each in body["triggers"]] == [20.0, 10.0]


@pytest.mark.parametrize("sort", [*SORTS, "nonsense", ""])
def test_every_order_lists_every_target_and_unknown_values_last(clock: ManualClock, sort: str):
    board = new_board()
    for nth in range(3):
        live(add(board, clock, name=f"n{nth}"), clock, [10.0 * nth])
    add(board, clock, name="pending")
    body = api(page_of(board, clock), "targets", f"sort={sort}")
    assert len(body["targets"]) == 4
    if sort in {"demand", "replicas"}:
        assert [each["name"] for each in body["targets"]] == ["n2", "n1", "n0", "pending"]


def test_what_needs_a_person_comes_first(clock: ManualClock):
    board = new_board()
    live(add(board, clock, name="a"), clock, [10.0])
    live(add(board, clock, name="short"), clock, [200.0])
    add(board, clock, name="z", threshold="no")
    body = api(page_of(board, clock), "targets")
    assert [each["name"] for each in body["targets"]] == ["z", "short", "a"]
    assert body["n_in_trouble"] == 2


@pytest.mark.parametrize(
    ("search", "names"),
    [("llm", ["chat", "embed"]), ("LLM chat", ["chat"]), ("fresh", ["chat"]), ("nobody", [])],
)
def test_every_word_of_a_search_must_occur(clock: ManualClock, search: str, names: list[str]):
    board = new_board()
    live(add(board, clock, name="chat"), clock, [10.0])
    add(board, clock, name="embed")
    body = api(page_of(board, clock), "targets", f"search={search}&sort=name")
    assert [each["name"] for each in body["targets"]] == names


@pytest.mark.parametrize("query", ["first=-1", "first=x", "limit=0x10", "first=9" * 40, "first=٣"])
def test_a_question_that_makes_no_sense_is_answered_all_the_same(clock: ManualClock, query: str):
    board = new_board()
    add(board, clock)
    assert api(page_of(board, clock), "targets", query)["status"] == "200 OK"


def test_the_page_shows_so_many_and_the_api_all(clock: ManualClock):
    board = new_board()
    for nth in range(MAX_ON_A_PAGE + 50):
        add(board, clock, name=f"n{nth:04}")
    page = page_of(board, clock)
    assert len(api(page, "targets")["targets"]) == MAX_ON_A_PAGE + 50
    assert len(api(page, "targets", "limit=7&first=3")["targets"]) == 7
    _, _, text = ask(page, "/", query=f"first={MAX_ON_A_PAGE}")
    assert text.count("<tr") == 51  # the heading too
    assert f"{MAX_ON_A_PAGE + 1} to {MAX_ON_A_PAGE + 50} of {MAX_ON_A_PAGE + 50}" in text


@given(st.sampled_from([nan, inf, -inf]))
def test_a_number_that_is_none_is_refused_and_not_written(value: float) -> None:
    view = StepView(rule="x", before_replicas=0, after_replicas=0, because="")
    with pytest.raises(ValueError, match="must be None"):
        as_json.plain((view, value))
