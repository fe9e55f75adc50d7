import json
from pathlib import Path

import pytest

from checkpoints import Tensor, sound_file, write_sharded
from loading import load
from serving.loader.checkpoint import INDEX_NAME, open_checkpoint
from serving.loader.errors import BadCheckpoint, Incomplete, NotFound, StorageFailed

A, B = Tensor("BF16", (10, 30)), Tensor("F32", (7,))


def test_a_folder_an_index_and_a_file_are_opened_alike(tmp_path: Path):
    write_sharded(tmp_path, [{"a": A}, {"b": B}])
    for address in (str(tmp_path), f"file://{tmp_path}", str(tmp_path / INDEX_NAME)):
        with open_checkpoint(address) as checkpoint:
            assert checkpoint.names == {"a", "b"}
            assert checkpoint.n_bytes == 628
            assert checkpoint.warnings == ()
    with open_checkpoint(str(tmp_path / "model-00001-of-00002.safetensors")) as checkpoint:
        assert checkpoint.names == {"a"}


def test_a_file_that_the_index_does_not_name_is_left_alone(tmp_path: Path):
    write_sharded(tmp_path, [{"a": A}])
    (tmp_path / "consolidated.safetensors").write_bytes(sound_file({"other": B}))
    with open_checkpoint(str(tmp_path)) as checkpoint:
        assert checkpoint.names == {"a"}


def test_without_an_index_all_files_of_a_folder_are_the_checkpoint(tmp_path: Path):
    (tmp_path / "1.safetensors").write_bytes(sound_file({"a": A}))
    (tmp_path / "2.safetensors").write_bytes(sound_file({"b": B}))
    with open_checkpoint(str(tmp_path)) as checkpoint:
        assert checkpoint.names == {"a", "b"}
    (tmp_path / "3.safetensors").write_bytes(sound_file({"b": B}))
    with pytest.raises(BadCheckpoint, match="'b' is in two files"), open_checkpoint(str(tmp_path)):
        pass


def test_a_shard_that_is_not_there_is_named(tmp_path: Path):
    write_sharded(tmp_path, [{"a": A}, {"b": B}])
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(NotFound, match="model-00002"), open_checkpoint(str(tmp_path)):
        pass


def test_a_wrong_total_is_a_warning(tmp_path: Path):
    weight_map = write_sharded(tmp_path, [{"a": A}])
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (tmp_path / INDEX_NAME).write_text(json.dumps(index))
    with open_checkpoint(str(tmp_path)) as checkpoint:
        assert "total_size is 1, its tensors have 600 bytes" in checkpoint.warnings[0]


def test_what_a_model_lacks_is_told_by_name_and_what_is_tied_is_there(tmp_path: Path):
    write_sharded(tmp_path, [{"embed": A, "extra": B}])
    with open_checkpoint(str(tmp_path)) as checkpoint:
        checkpoint.require({"embed", "head"}, tied={"head": "embed"})
        assert checkpoint.unneeded({"embed"}) == ("extra",)
        with pytest.raises(Incomplete, match=r"1 of 2 tensors that the model needs .*: head"):
            checkpoint.require({"embed", "head"})
        with pytest.raises(Incomplete, match="head and 2 more"):
            checkpoint.require({"a", "b", "c", "d", "head", "x", "y"})


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://host/llama", "can't be read; weights are at a path, file://, http://"),
        ("s3:///llama", "names no bucket"),
        ("gs://", "names no bucket"),
        ("/nowhere/at/all", "can't be listed"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address: str, says: str):
    with pytest.raises(StorageFailed, match=says), open_checkpoint(address):
        pass


def test_a_folder_without_weights_is_told(tmp_path: Path):
    with pytest.raises(NotFound, match="holds no safetensors files"):
        load(str(tmp_path))
