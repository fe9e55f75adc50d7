"""`vllm serve` with our load format: it answers, and tells what its start was made of."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

pytest.importorskip("vllm", reason="make test-serving has vLLM")

from prometheus_client.parser import text_string_to_metric_families

from scaler.saturation.queries import CapacityQueries

pytestmark = [pytest.mark.serving, pytest.mark.slow, pytest.mark.timeout(900)]
TRIGGER = Path(__file__).parents[3] / "docs" / "trigger.md"
MODEL = "tiny-llama"


@dataclass
class Served:
    answer: dict[str, Any]
    metrics: str
    start: dict[str, Any]
    log: str


@pytest.fixture(scope="module")
def served(
    llama: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Served:
    folder = tmp_path_factory.mktemp("serve")
    extra = json.dumps({"start_file": str(folder / "start.json"), "read_threads": 2})
    with _serving(llama, extra, environment, folder / "log") as address:
        answer = requests.post(
            f"{address}/v1/completions",
            json={"model": MODEL, "prompt": "The scaler", "max_tokens": 8, "ignore_eos": True},
            timeout=60,
        ).json()
        metrics = requests.get(f"{address}/metrics", timeout=60).text
        start = json.loads((folder / "start.json").read_text())
    return Served(answer, metrics, start, (folder / "log").read_text())


@contextlib.contextmanager
def _serving(model: Path, extra: str, environment: dict[str, str], log: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        *(Path(sys.executable).with_name("vllm"), "serve", model, "--host", "127.0.0.1"),
        *("--port", str(port), "--served-model-name", MODEL, "--dtype", "bfloat16"),
        *("--load-format", "prewarm_stream", "--model-loader-extra-config", extra),
        *("--max-model-len", "128", "--max-num-seqs", "4", "--enforce-eager"),
    ]
    with log.open("w") as told:
        process = subprocess.Popen(
            [str(part) for part in command], env=environment, stdout=told, stderr=told
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_ready(address, process, log)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        assert process.poll() is None, log.read_text()[-8000:]
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{address}/health", timeout=10).ok:
                return
        time.sleep(0.5)


def _samples(text: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_it_answers_over_http(served: Served):
    assert served.answer["usage"]["completion_tokens"] == 8
    assert served.answer["choices"][0]["text"]


def test_what_the_scaler_asks_for_is_there_by_name_and_label(served: Served):
    queries = CapacityQueries.of(MODEL, {})
    asked = {
        name
        for query in CapacityQueries.NAMES
        for name in re.findall(r"vllm:\w+", getattr(queries, query))
    }
    asked |= set(re.findall(r"vllm:\w+", TRIGGER.read_text()))
    assert len(asked) >= 4
    there = _samples(served.metrics)
    for name in sorted(asked):
        assert name in there, f"{name} isn't in vLLM's /metrics"
        assert all(labels.get("model_name") == MODEL for labels in there[name]), name


def test_the_start_is_told_by_phases(served: Served):
    start = served.start
    assert start["schema"] == 1
    assert start["model"] == MODEL
    known = {name: took for name, took in start["phase_seconds"].items() if took is not None}
    assert set(known) >= {"imports", "engine_init", "weights", "warm_up"}
    assert start["phase_seconds"]["graph_capture"] is None, "eager: unknown is no zero"
    assert sum(known.values()) == pytest.approx(start["seconds"], abs=0.01)
    assert start["weights"]["n_bytes"] > 0
    assert start["weights"]["retries"] == 0


def test_the_start_is_in_metrics_and_in_the_log(served: Served):
    there = _samples(served.metrics)
    phases = {labels["phase"] for labels in there["prewarm_start_phase_seconds"]}
    assert phases >= {"imports", "engine_init", "weights", "warm_up"}
    assert there["prewarm_start_weights_bytes"] == [{"model_name": MODEL}]
    assert f'"n_bytes": {served.start["weights"]["n_bytes"]}' in served.log
