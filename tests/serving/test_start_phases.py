"""From marks to phases: golden rows, and what is unknown stays unknown."""

import json
from pathlib import Path
from typing import Any

import pytest

from serving.vllm_plugin.start import trail
from serving.vllm_plugin.start.metrics import publish
from serving.vllm_plugin.start.phases import PHASES, Start, start_of

BEGUN = {"path": "nowhere", "started_at": 100.0, "registered_at": 110.0}


def ended(at: float, *, n_bytes: int = 0, seconds: float = 1.0, stage: str = "storage") -> dict:
    return {
        "kind": "weights_end",
        "at": at,
        "n_bytes": n_bytes,
        "verified_bytes": 0,
        "retries": 1,
        "seconds": seconds,
        "limiting_stage": stage,
    }


MARKS: list[dict[str, Any]] = [
    {"kind": "weights_begin", "at": 130.0, "rank": 1},
    {"kind": "weights_begin", "at": 131.0, "rank": 0},
    ended(140.0, n_bytes=600, seconds=9.0, stage="consumer"),
    ended(150.0, n_bytes=400, seconds=19.0),
]


def record(*more: dict[str, Any], **begun: Any) -> Start:
    found = start_of({**BEGUN, **begun}, [*MARKS, *more], ready_at=170.0, model="llama")
    assert found is not None
    return found


def test_phases_add_up_to_the_whole_start():
    start = record({"kind": "compile", "at": 155.0, "seconds": 5.0, "process": 1})
    assert dict(start.phase_seconds) == {
        "imports": 10.0,
        "engine_init": 20.0,
        "weights": 20.0,
        "compile": 5.0,
        "graph_capture": None,
        "warm_up": 15.0,
    }
    assert tuple(start.phase_seconds) == PHASES
    assert sum(took or 0.0 for took in start.phase_seconds.values()) == start.seconds == 70.0


def test_ranks_compile_at_the_same_time_and_one_ranks_parts_add_up():
    told = [(1, 5.0), (1, 1.0), (2, 4.0)]
    start = record(
        *({"kind": "compile", "at": 155.0, "seconds": took, "process": who} for who, took in told)
    )
    assert start.phase_seconds["compile"] == 6.0


def test_all_ranks_bytes_count_and_the_slowest_ones_stage():
    weights = record().weights
    assert weights is not None
    assert (weights.n_bytes, weights.retries) == (1000, 2)
    assert weights.bytes_per_second == 50.0
    assert weights.limiting_stage == "storage"


def test_a_rank_that_only_received_counts_for_time_but_not_for_bytes():
    received = {"kind": "weights_end", "at": 155.0, "rank": 1}
    start = record(received)
    assert start.phase_seconds["weights"] == 25.0
    assert start.weights is not None
    assert start.weights.n_bytes == 1000


def test_an_unknown_beginning_is_unknown_and_not_zero():
    start = record(started_at=None)
    assert start.seconds is None
    assert start.phase_seconds["imports"] is None


def test_who_loads_otherwise_has_no_record():
    assert start_of(BEGUN, [], ready_at=170.0, model="llama") is None


def test_the_record_goes_through_json_and_has_a_schema():
    told = json.loads(json.dumps(record().as_json()))
    assert told["schema"] == 1
    assert told["phase_seconds"]["graph_capture"] is None


def test_metrics_leave_out_what_is_unknown():
    from prometheus_client import REGISTRY  # noqa: PLC0415 - the one that vLLM shows

    publish(record())
    of = {"model_name": "llama"}
    value = REGISTRY.get_sample_value
    assert value("prewarm_start_seconds", of) == 70.0
    assert value("prewarm_start_phase_seconds", {**of, "phase": "weights"}) == 20.0
    assert value("prewarm_start_phase_seconds", {**of, "phase": "compile"}) is None
    assert value("prewarm_start_weights_limit", {**of, "stage": "storage"}) == 1.0


def test_marks_are_left_in_one_file_that_only_we_can_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(trail.VARIABLE, "")
    monkeypatch.delenv(trail.VARIABLE)
    trail.mark("lost")
    trail.mark_process()
    begun = trail.beginning()
    assert begun is not None
    path = Path(begun["path"])
    assert not path.exists(), "a start without our loader leaves nothing"
    trail.mark_process()
    assert trail.beginning() == begun
    trail.mark("weights_begin", rank=3)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [(mark["kind"], mark["rank"]) for mark in trail.marks()] == [("weights_begin", 3)]
    trail.forget()
    assert trail.marks() == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_this_process_started_before_now_and_after_its_parent_booted():
    started_at = trail.process_started_at()
    assert started_at is not None
    assert started_at < trail.now()
    assert started_at > trail.now() - 86_400 * 7
