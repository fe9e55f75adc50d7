"""A real vLLM says the same with weights from everywhere. Run by `make test-serving`."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="make test-serving has vLLM")

from safetensors.torch import load_file, save_file

pytestmark = [pytest.mark.serving, pytest.mark.slow, pytest.mark.timeout(900)]
FORMAT = "prewarm_stream"


@pytest.fixture(scope="module")
def other(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same model with other weights."""
    folder = tmp_path_factory.mktemp("other")
    for path in llama.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for path in folder.glob("*.safetensors"):
        save_file({name: -tensor for name, tensor in load_file(path).items()}, path)
    return folder


@pytest.fixture(scope="module")
def lacking(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights without one tensor."""
    folder = tmp_path_factory.mktemp("lacking")
    tensors: dict[str, Any] = {}
    for path in llama.glob("*.safetensors"):
        tensors |= load_file(path)
    del tensors["model.layers.1.mlp.down_proj.weight"]
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def told(
    engines: Any,
    llama: Path,
    bare: Path,
    other: Path,
    lacking: Path,
    http_address: str,
    s3_endpoint: str,
) -> dict[str, dict[str, Any]]:
    s3 = {"weights": "s3://weights/llama", "s3_endpoint": s3_endpoint, "s3_region": "us-east-1"}
    cases: dict[str, dict[str, Any]] = {
        "auto": {"load_format": "auto", "model": llama, "does": "plain"},
        "disk": {"load_format": FORMAT, "model": llama, "does": "reload", "other": other},
        "other": {"load_format": "auto", "model": other},
        "http": {"load_format": FORMAT, "model": bare, "extra": {"weights": http_address}},
        "s3": {"load_format": FORMAT, "model": bare, "extra": s3},
        "lacking": {"load_format": FORMAT, "model": bare, "extra": {"weights": str(lacking)}},
        "typo": {"load_format": FORMAT, "model": llama, "extra": {"read_thread": 3}},
        "hub": {"load_format": FORMAT, "model": bare},
    }
    texts = json.loads(json.dumps(list(cases.values()), default=str))
    found = engines(texts, VLLM_ENABLE_V1_MULTIPROCESSING="0")
    return dict(zip(cases, found, strict=True))


@pytest.mark.parametrize("source", ["disk", "http", "s3"])
def test_token_ids_are_those_of_the_default_loader(told: dict[str, Any], source: str):
    assert told[source].get("error") is None
    assert told[source]["ids"] == told["auto"]["ids"]
    assert told["auto"]["ids"] != told["other"]["ids"]


def test_weights_that_were_wiped_are_read_again(told: dict[str, Any]):
    disk = told["disk"]
    assert disk["wiped_ids"] != disk["ids"]
    assert disk["reloaded_ids"] == disk["ids"]


def test_a_reload_from_another_path_reads_that_path(told: dict[str, Any]):
    assert told["disk"]["other_ids"] == told["other"]["ids"]


def test_a_parameter_that_got_nothing_stops_the_start(told: dict[str, Any]):
    assert "Incomplete" in told["lacking"]["error"]
    assert "model.layers.1.mlp.down_proj.weight" in told["lacking"]["error"]


def test_an_unknown_key_is_refused_by_name(told: dict[str, Any]):
    assert "unknown key 'read_thread': did you mean 'read_threads'" in told["typo"]["error"]
    assert "weights, sharing, start_file, requires_all, read_threads" in told["typo"]["error"]


def test_a_folder_without_weights_is_told(told: dict[str, Any]):
    assert "holds no safetensors files" in told["hub"]["error"]


def test_what_was_loaded_is_in_the_log(told: dict[str, Any]):
    assert "limited by:" in told["disk"]["log"]
