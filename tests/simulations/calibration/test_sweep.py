"""Sweep files as `vllm bench serve` writes them, and what is said of bad ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulations.calibration.errors import BadSweep
from simulations.calibration.sweep import MILLI, MeasuredOn, Row, Sweep, read_sweep, unsaid

# The fields of vllm/benchmarks/serve.py at 32f5573, without --save-detailed.
RESULT: dict[str, Any] = {
    "date": "20260102-101112", "endpoint_type": "vllm", "backend": "vllm", "label": None,
    "model_id": "some/model-8b", "tokenizer_id": "some/model-8b", "num_prompts": 20,
    "gpu": "H100-80GB", "vllm_version": "0.11.0", "request_rate": "inf", "burstiness": 1.0,
    "max_concurrency": 4, "duration": 12.5, "completed": 20, "failed": 0,
    "total_input_tokens": 20480, "total_output_tokens": 2560, "request_throughput": 1.6,
    "request_goodput": None, "output_throughput": 204.8, "total_token_throughput": 1843.2,
    "max_output_tokens_per_s": 260.0, "max_concurrent_requests": 6,
    "mean_ttft_ms": 91.0, "median_ttft_ms": 90.0, "std_ttft_ms": 3.0, "p99_ttft_ms": 99.0,
    "mean_tpot_ms": 9.1, "median_tpot_ms": 9.0, "std_tpot_ms": 0.2, "p99_tpot_ms": 9.9,
    "mean_itl_ms": 9.0, "median_itl_ms": 8.9, "std_itl_ms": 0.5, "p99_itl_ms": 11.0,
}  # fmt: skip


def read(path: Path, **told: str) -> Sweep:
    return read_sweep((path,), MeasuredOn(**told), None)


def write(path: Path, **changed: Any) -> Path:
    path.write_text(json.dumps(RESULT | changed), encoding="utf-8")
    return path


def test_reads_a_result_of_vllm_bench_serve(tmp_path: Path) -> None:
    path = write(tmp_path / "result.json")
    sweep = read(path)
    (row,) = sweep.rows
    assert row == Row(
        where=str(path), concurrency=4.0, prompt_tokens=1024.0, completion_tokens=128.0,
        inter_token_seconds=9.0 * MILLI, first_token_seconds=91.0 * MILLI,
        requests_per_second=1.6,
    )  # fmt: skip
    on = sweep.measured_on
    assert (on.model, on.gpu, on.vllm_version) == ("some/model-8b", "H100-80GB", "0.11.0")
    assert unsaid(on) == ()


def test_reads_a_folder_and_leaves_the_pytorch_form_out(tmp_path: Path) -> None:
    write(tmp_path / "a.json", max_concurrency=1)
    write(tmp_path / "b.json", max_concurrency=16)
    (tmp_path / "b.pytorch.json").write_text("[{}]", encoding="utf-8")
    assert [row.concurrency for row in read(tmp_path).rows] == [1.0, 16.0]


def test_reads_results_appended_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    lines = [json.dumps(RESULT | {"max_concurrency": n}) for n in (1, 2, 8)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [row.concurrency for row in read(path).rows] == [1.0, 2.0, 8.0]


def test_a_csv_has_the_same_fields(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    fields = (
        "max_concurrency", "completed", "total_input_tokens", "total_output_tokens",
        "mean_itl_ms", "mean_ttft_ms", "request_throughput", "model_id", "gpu", "vllm_version",
    )  # fmt: skip
    path.write_text(
        f"# by hand\n{','.join(fields)}\n{','.join(str(RESULT[name]) for name in fields)}\n",
        encoding="utf-8",
    )
    from_json = read(write(tmp_path / "result.json")).rows[0]
    (row,) = read(path).rows
    assert (row.inter_token_seconds, row.prompt_tokens, row.requests_per_second) == (
        from_json.inter_token_seconds, from_json.prompt_tokens, from_json.requests_per_second,
    )  # fmt: skip


def test_flags_count_before_what_files_say(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.json"), gpu="H200").measured_on.gpu == "H200"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mean_itl_ms": None}, ("mean_itl_ms", "missing", "--percentile-metrics")),
        ({"max_concurrency": None}, ("max_concurrency", "missing", "--max-concurrency")),
        ({"mean_ttft_ms": "fast"}, ("mean_ttft_ms", "'fast'", "a number > 0")),
        ({"mean_ttft_ms": float("nan")}, ("mean_ttft_ms", "'nan'")),
        ({"completed": 0}, ("completed", "'0'", "a number > 0")),
        ({"completed": True}, ("completed", "'True'")),
        ({"failed": 3}, ("failed", "3")),
        ({"total_output_tokens": 20}, ("total_output_tokens", "more than one token")),
    ],
)
def test_a_bad_field_is_named_with_its_file(
    tmp_path: Path, changed: dict[str, Any], words: tuple[str, ...]
) -> None:
    path = write(tmp_path / "result.json", **changed)
    with pytest.raises(BadSweep) as caught:
        read(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_two_models_are_not_one_sweep(tmp_path: Path) -> None:
    write(tmp_path / "a.json")
    write(tmp_path / "b.json", model_id="another/model")
    with pytest.raises(BadSweep, match=r"b\.json: model_id: .*another/model.*some/model-8b"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.json", "[3]", "is no object"),
        ("a.csv", "completed\n1,2\n", "row 1: more values than columns"),
        ("a.txt", "x", "allowed are a folder and names"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSweep, match=words):
        read(path)
