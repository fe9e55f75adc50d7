"""`prewarm explain` against a real scaler's HTTP port."""

import asyncio
import io
import json

import pytest
from click.testing import CliRunner

from boards import NOON, add, ask, live, new_board, page_of
from rig import Rig
from scaler.__main__ import main
from scaler.adapters.memory import ManualClock
from scaler.explain import CannotExplain, run_explain
from scaler.http import HttpServer


async def explained(rig: Rig, target: str | None, **more: object) -> str:
    stream = io.StringIO()
    options = {"address": address_of(rig), "hours": 6.0, "as_json": False, **more}
    await asyncio.to_thread(run_explain, target, stdout=stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def address_of(rig: Rig) -> str:
    return f"http://127.0.0.1:{rig.service.page_port}"


async def test_the_decision_is_told_in_words_with_a_plot(rig: Rig) -> None:
    told = await rig.observe(rig.ref(warmFloor="2"))
    printed = await explained(rig, "prod/llm")
    assert told == 5
    assert printed.startswith("prod/llm  fresh  mode: predict\n")
    assert "KEDA is told 5 replicas as of Mon 2026-01-05 12:00" in printed
    assert "  observed    42, " in printed
    assert "  forecast    at most 42 until " in printed
    assert "  cover_forecast      0 -> 5  At most 42 is expected" in printed
    assert "unmoved by cover_observed" in printed
    assert "what so many replicas carry" in printed
    assert "no start was measured" in " ".join(printed.split())
    assert "No ledger: " not in printed, "the scaler keeps one"


async def test_what_was_set_stands_beside_what_is_in_force(rig: Rig) -> None:
    await rig.observe(rig.ref(mode="prove", warmFloor="2"))
    printed = await explained(rig, "prod/llm")
    assert printed.startswith("prod/llm  fresh  mode: prove, in force: observe\n")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in printed.splitlines() if line}
    assert rows["mode"] == "prove; in force: observe"
    assert rows["warmFloor"] == "2"
    assert rows["quantile"] == "0.95 (default)"
    assert rows["leadTimeSeconds"].startswith("auto; in force: 330 s (5 min 30 s), a cautious")


async def test_json_is_what_the_api_says(rig: Rig) -> None:
    await rig.observe(rig.ref())
    body = json.loads(await explained(rig, "prod/llm", as_json=True))
    assert body["api_version"] == "v1"
    assert body["triggers"][0]["summary"]["replicas"] == 5


async def test_without_a_name_all_targets_are_listed(rig: Rig) -> None:
    assert "No target yet" in await explained(rig, None)
    await rig.observe(rig.ref())
    await rig.observe(rig.ref(name="other", query="nothing"))
    lines = (await explained(rig, None)).splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["prod/other", "unknown", "0"],
        ["prod/llm", "fresh", "5"],
    ]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("prod/lm", "did you mean prod/llm"),
        ("dev/llm", "did you mean prod/llm"),
        ("llm", "allowed is NAMESPACE/NAME of a ScaledObject; did you mean prod/llm"),
        ("x/y", "`prewarm explain` lists them all"),
        ("/", "allowed is NAMESPACE/NAME"),
    ],
)
async def test_a_wrong_name_is_answered_with_the_nearest(rig: Rig, target: str, words: str) -> None:
    await rig.observe(rig.ref())
    with pytest.raises(CannotExplain) as told:
        await explained(rig, target)
    assert words in str(told.value)


def test_a_scaler_that_is_not_there_is_an_error_with_the_next_step() -> None:
    result = CliRunner().invoke(main, ["explain", "a/b", "--address", "http://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "can't be reached" in result.output
    assert "port-forward" in result.output


async def test_another_server_is_told_apart(rig: Rig) -> None:
    with pytest.raises(CannotExplain, match="not as Prewarm's API does"):
        await explained(rig, "a/b", address=f"{address_of(rig)}/metrics#")


def test_nothing_that_a_trigger_says_steers_the_terminal() -> None:
    board, clock = new_board(), ManualClock(NOON)
    live(add(board, clock, name="a\x1b[31mb"), clock, [10.0])
    server = HttpServer("--http-address", "127.0.0.1:0", page_of(board, clock))
    server.start()
    try:
        stream = io.StringIO()
        address = f"http://127.0.0.1:{server.port}"
        run_explain(None, address=address, hours=6.0, as_json=False, stdout=stream)
        name = json.loads(ask(page_of(board, clock), "/api/v1/targets")[2])["targets"][0]["name"]
        run_explain(f"llm/{name}", address=address, hours=6.0, as_json=False, stdout=stream)
    finally:
        server.stop()
    assert "\x1b" not in stream.getvalue()
    assert "llm/a?[31mb" in stream.getvalue()
