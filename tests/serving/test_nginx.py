"""The same weights from a real nginx, as ranges and with what it may do to them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import deserialize

from checkpoints import Tensor, write_sharded
from loading import MIB, SMALL, load, stream_of
from nginx import nginx_serving
from serving.loader.checkpoint import open_checkpoint
from serving.loader.errors import BadAnswer, Changed, NotFound, Refused
from serving.loader.settings import Settings

SHARDS = [
    {"a": Tensor("BF16", (2 * MIB, 3)), "b": Tensor("U8", (7,))},
    {"c": Tensor("F32", (MIB,)), "d": Tensor("U8", (9 * MIB,))},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("weights")
    write_sharded(made, SHARDS)
    return made


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nginx_serving(folder, tmp_path_factory.mktemp("nginx")) as found:
        yield found


def truth(folder: Path) -> dict[str, bytes]:
    return {
        name: bytes(found["data"])
        for path in folder.glob("*.safetensors")
        for name, found in deserialize(path.read_bytes())
    }


def test_a_sharded_checkpoint_is_what_is_on_its_disk(address: str, folder: Path):
    loaded, report = load(address)
    assert loaded == truth(folder)
    assert report.retries == 0


def test_a_throttled_server_only_takes_longer(address: str, folder: Path):
    """Sixteen connections, 2 MB/s each."""
    loaded, _ = load(f"{address}/throttled", Settings(read_bytes=MIB))
    assert loaded == truth(folder)


@pytest.mark.parametrize(
    ("path", "error"), [("whole", BadAnswer), ("refused", Refused), ("nowhere", NotFound)]
)
def test_what_it_refuses_is_told(address: str, path: str, error: type[Exception]):
    with pytest.raises(error):
        load(f"{address}/{path}")


def test_compression_is_declined_by_us_so_that_it_is_never_on_the_way(address: str, folder: Path):
    assert load(f"{address}/gzipped")[0] == truth(folder)


def test_a_file_that_is_replaced_midway_is_told_by_its_etag(address: str, folder: Path):
    path = folder / "model-00002-of-00002.safetensors"
    before, times = path.read_bytes(), path.stat()
    try:
        with open_checkpoint(address, SMALL) as checkpoint, stream_of(checkpoint) as stream:
            tensors = iter(stream)
            next(tensors)
            path.write_bytes(before[:-1] + b"\0")
            os.utime(path, (times.st_atime + 60, times.st_mtime + 60))
            with pytest.raises(Changed, match="was replaced"):
                list(tensors)
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
