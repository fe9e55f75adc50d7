import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import deserialize

from checkpoints import Tensor, sound_file, tensor_maps
from late_device import LateDevice
from loading import MIB, SMALL, load, stream_of
from serving.loader.checkpoint import open_checkpoint
from serving.loader.errors import StorageFailed
from serving.loader.settings import Settings
from serving.loader.slices import Slice

BIG = {
    "small": Tensor("BF16", (1000,)),
    "none": Tensor("F32", (0, 4)),
    "slot": Tensor("U8", (5 * MIB,)),
    "between": Tensor("U8", (7 * MIB + 13,)),
    "larger than half the ring": Tensor("BF16", (9 * MIB // 2, 2)),
    "larger than the ring": Tensor("F32", (5 * MIB,)),
    "scalar": Tensor("F64", ()),
    "last": Tensor("U8", (3,)),
}


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "model.safetensors"
    path.write_bytes(sound_file(BIG))
    return path


def truth(path: Path) -> dict[str, bytes]:
    return {name: bytes(found["data"]) for name, found in deserialize(path.read_bytes())}


@settings(max_examples=40)
@given(tensors=tensor_maps(), pads_to_eight=st.booleans())
def test_every_tensor_is_what_safetensors_says(
    tmp_path_factory: pytest.TempPathFactory, *, tensors: dict[str, Tensor], pads_to_eight: bool
):
    path = tmp_path_factory.mktemp("any") / "model.safetensors"
    path.write_bytes(sound_file(tensors, pads_to_eight=pads_to_eight))
    assert load(str(path))[0] == truth(path)


def test_tensors_of_any_size_come_whole_in_the_order_of_the_file(big_file: Path):
    loaded, report = load(str(big_file))
    assert loaded == truth(big_file)
    assert list(loaded) == list(BIG)
    assert report.n_bytes == sum(tensor.n_bytes for tensor in BIG.values())
    assert report.n_tensors == len(BIG)
    assert report.host_bytes <= SMALL.host_bytes


def test_a_device_that_copies_late_gets_the_right_bytes(big_file: Path):
    """Its slots are guarded by their own events."""
    assert load_late(big_file, LateDevice()) == truth(big_file)


def load_late(path: Path, device: LateDevice) -> dict[str, bytes]:
    with (
        open_checkpoint(str(path), SMALL) as checkpoint,
        stream_of(checkpoint, target=device) as stream,
    ):
        return {arrival.tensor.name: bytes(arrival.data) for arrival in stream}


def test_the_same_device_gets_wrong_bytes_without_those_events(big_file: Path):
    """The classic bug of such rings; else the test above would prove nothing."""
    assert load_late(big_file, LateDevice(forgets_guards=True)) != truth(big_file)


def test_reading_goes_on_while_the_consumer_works(big_file: Path):
    """The first tensor is held until the ring is full of what comes after it."""
    with open_checkpoint(str(big_file), SMALL) as checkpoint, stream_of(checkpoint) as stream:
        tensors = iter(stream)
        next(tensors)
        _until(lambda: stream._ring.peak_bytes > 10 * MIB)
        assert len(list(tensors)) == len(BIG) - 1


def test_the_ring_is_never_larger_than_its_budget(big_file: Path):
    with open_checkpoint(str(big_file), SMALL) as checkpoint, stream_of(checkpoint) as stream:
        for _ in stream:
            pass
        assert stream._ring.peak_bytes <= stream.report.host_bytes <= SMALL.host_bytes


def test_a_rank_gets_its_rows_and_reads_no_others(big_file: Path):
    whole = np.frombuffer(truth(big_file)["larger than the ring"], np.uint8)
    rows = 5 * MIB
    part = Slice(0, rows // 4, rows // 2)
    with open_checkpoint(str(big_file), SMALL) as checkpoint:
        stream = stream_of(checkpoint, slices={"larger than the ring": part})
        with stream:
            loaded = {arrival.tensor.name: bytes(arrival.data) for arrival in stream}
    assert loaded["larger than the ring"] == bytes(whole[rows : 2 * rows])
    assert stream.report.n_bytes == sum(tensor.n_bytes for tensor in BIG.values()) - 15 * MIB


def test_a_file_that_is_cut_midway_ends_the_load_and_nothing_is_yielded_after(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    tensors = {str(number): Tensor("U8", (4 * MIB,)) for number in range(12)}
    path.write_bytes(sound_file(tensors))
    with open_checkpoint(str(path), SMALL) as checkpoint, stream_of(checkpoint) as stream:
        iterator = iter(stream)
        seen = [next(iterator).tensor.name]
        path.write_bytes(path.read_bytes()[: 30 * MIB])
        with pytest.raises(StorageFailed, match=r"model\.safetensors"):
            seen.extend(arrival.tensor.name for arrival in iterator)
        assert list(iterator) == []
    assert seen == list(tensors)[: len(seen)]
    assert len(seen) < len(tensors)


def test_a_consumer_that_leaves_early_leaves_no_thread_behind(big_file: Path):
    before = threading.active_count()
    with open_checkpoint(str(big_file), SMALL) as checkpoint, stream_of(checkpoint) as stream:
        next(iter(stream))
    assert threading.active_count() == before


def test_a_consumer_that_fails_gets_its_own_error(big_file: Path):
    before = threading.active_count()
    with (
        pytest.raises(KeyError, match="mine"),
        open_checkpoint(str(big_file), SMALL) as checkpoint,
        stream_of(checkpoint) as stream,
    ):
        raise KeyError("mine", next(iter(stream)).tensor.name)
    assert threading.active_count() == before


def test_a_checkpoint_without_tensors_is_an_empty_stream(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(sound_file({}))
    assert load(str(path))[0] == {}


def test_one_thread_is_enough(big_file: Path):
    alone = Settings(read_threads=1, slot_bytes=SMALL.slot_bytes, host_bytes=SMALL.host_bytes)
    assert load(str(big_file), alone)[0] == truth(big_file)


def _until(is_so: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(3000):
        if is_so():
            return
        waited.wait(0.01)
    pytest.fail("it never came to be")
