"""Tensor parallel with a real vLLM: one rank reads and sends. Run by `make test-serving`."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="make test-serving has vLLM")

pytestmark = [pytest.mark.serving, pytest.mark.slow, pytest.mark.timeout(900)]


def test_two_ranks_say_what_they_say_with_the_default_loader(
    engines: Any, llama: Path, bare: Path, http_address: str
):
    extra = {"weights": http_address, "sharing": "broadcast"}
    cases = [
        {"load_format": "prewarm_stream", "model": str(bare), "extra": extra, "ranks": 2},
        {"load_format": "prewarm_stream", "model": str(llama), "ranks": 2},
        {"load_format": "auto", "model": str(llama), "ranks": 2},
    ]
    sent, each, auto = engines(
        cases,
        VLLM_ENABLE_V1_MULTIPROCESSING="0",
        VLLM_CPU_OMP_THREADS_BIND="0|1",
        VLLM_CPU_NUM_OF_RESERVED_CPU="0",
    )
    assert auto["ids"]
    assert sent.get("ids") == auto["ids"], sent.get("error", sent["log"][-4000:])
    assert each.get("ids") == auto["ids"], each.get("error", each["log"][-4000:])
