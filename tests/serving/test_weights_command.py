import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from checkpoints import Tensor, sound_file, write_sharded
from serving.loader.commands import weights

A, B = Tensor("BF16", (300, 500)), Tensor("F32", (900,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sharded(tmp_path, [{"a": A}, {"b": B}])
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(weights, list(words))


def test_plan_says_what_would_be_read(folder: Path):
    result = run("plan", str(folder))
    assert result.exit_code == 0
    assert "2 tensors, 296.48 KiB" in result.output
    assert "by type: BF16 292.97 KiB, F32 3.52 KiB" in result.output
    assert "largest: a [300, 500]" in result.output


def test_plan_is_one_json_object_for_programs(folder: Path):
    facts = json.loads(run("plan", str(folder), "--json").output)
    assert facts["bytes"] == 303_600
    assert facts["bytes_by_dtype"] == {"BF16": 300_000, "F32": 3_600}
    assert facts["files"]["model-00002-of-00002.safetensors"]["tensors"] == 1


def test_a_malformed_file_ends_in_one_line_and_status_one(folder: Path):
    path = folder / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    result = run("plan", str(folder))
    assert result.exit_code == 1
    assert result.output.startswith("Error: model-00001-of-00002.safetensors: its tensors end at")
    assert len(result.output.splitlines()) == 1


def test_bench_reads_and_names_the_stage_that_limits(folder: Path):
    facts = json.loads(run("bench", str(folder), "--json").output)
    assert facts["bytes"] == 303_600
    assert facts["limiting_stage"] in ("storage", "consumer", "copy to the device")
    assert "limiting stage:" in run("bench", str(folder)).output


def test_bench_reads_no_more_than_it_was_told(tmp_path: Path):
    tensors = {str(number): Tensor("U8", (600_000,)) for number in range(5)}
    (tmp_path / "model.safetensors").write_bytes(sound_file(tensors))
    facts = json.loads(run("bench", str(tmp_path), "--most-gigabytes", "0.0013", "--json").output)
    assert facts["bytes"] == 1_200_000


def test_a_device_that_is_not_there_is_refused(folder: Path):
    result = run("bench", str(folder), "--device", "cuda")
    assert result.exit_code == 1
    assert "torch" in result.output or "--device must be host" in result.output


def test_digest_makes_what_check_takes_and_check_tells_a_flipped_bit(folder: Path):
    manifest = folder / "digests.json"
    assert run("digest", str(folder), "-o", str(manifest)).exit_code == 0
    good = run("digest", str(folder), "--check", str(manifest))
    assert good.exit_code == 0
    assert "303600 bytes are those of" in good.output
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")
    bad = run("digest", str(folder), "--check", str(manifest))
    assert bad.exit_code == 1
    assert "tensor 'b': its bytes from 0 on differ" in bad.output


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ("read_threads", 2, "must be KEY=VALUE"),
        ("read_thread=4", 1, "did you mean 'read_threads'"),
        ("read_threads=0", 1, "must be from 1 to 256"),
    ],
)
def test_a_bad_setting_is_told(folder: Path, given: str, status: int, says: str):
    result = run("plan", str(folder), "--set", given)
    assert result.exit_code == status
    assert says in result.output


@pytest.mark.parametrize("name", ["plan", "bench", "digest"])
def test_help_has_an_example_of_each(name: str):
    assert f"prewarm weights {name} " in run(name, "--help").output
