import json
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize

from checkpoints import Malformed, Tensor, entry, file_bytes, malformed, sound_file, tensor_maps
from serving.loader.errors import BadCheckpoint
from serving.loader.header import (
    MAX_TENSORS,
    PREFIX_BYTES,
    FileLayout,
    header_bytes,
    parse_header,
)

CORPUS = list(malformed())


def parse(content: bytes) -> FileLayout:
    length = header_bytes("w.safetensors", content[:PREFIX_BYTES], len(content))
    header = content[PREFIX_BYTES : PREFIX_BYTES + length]
    return parse_header("w.safetensors", header, len(content))


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.what)
def test_a_malformed_file_is_refused_with_its_name_and_the_numbers(case: Malformed):
    with pytest.raises(BadCheckpoint) as refusal:
        parse(case.content)
    assert case.says in str(refusal.value)
    assert "w.safetensors" in str(refusal.value)
    assert len(str(refusal.value)) < 1_000


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.what)
def test_safetensors_refuses_the_same_files(case: Malformed):
    if case.safetensors_takes:
        deserialize(case.content)
        return
    with pytest.raises((SafetensorError, RecursionError)):
        deserialize(case.content)


@given(tensors=tensor_maps(), padding=st.integers(0, 9), pads_to_eight=st.booleans())
def test_a_sound_file_is_read_as_safetensors_reads_it(
    tensors: dict[str, Tensor], *, padding: int, pads_to_eight: bool
):
    content = sound_file(tensors, padding=padding, pads_to_eight=pads_to_eight)
    layout = parse(content)
    ours = {item.name: content[item.start : item.stop] for item in layout.tensors}
    theirs = {name: bytes(found["data"]) for name, found in deserialize(content)}
    assert ours == theirs
    assert {item.name: Tensor(item.dtype, item.shape) for item in layout.tensors} == tensors


@given(tensor_maps(largest=200), st.data())
def test_damage_is_refused_where_safetensors_refuses_it(
    tensors: dict[str, Tensor], data: st.DataObject
):
    """Any byte of the header, or any length of the file, may be another."""
    content = bytearray(sound_file(tensors))
    header_end = PREFIX_BYTES + int.from_bytes(content[:PREFIX_BYTES], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, header_end - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        theirs = {name for name, _ in deserialize(damaged)}
    except SafetensorError:
        theirs = None
    try:
        ours = {item.name for item in parse(damaged).tensors}
    except BadCheckpoint:
        return  # stricter is fine: the corpus says where
    assert ours == theirs


@given(noise=st.binary(max_size=300), framed=st.booleans())
def test_no_bytes_whatever_end_in_anything_but_a_layout_or_a_refusal(noise: bytes, *, framed: bool):
    content = struct.pack("<Q", len(noise)) + noise if framed else noise
    try:
        layout = parse(content)
    except BadCheckpoint:
        return
    assert layout.n_bytes == len(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON, st.binary(max_size=20))
def test_no_json_whatever_passes_where_safetensors_refuses_it(value: object, data: bytes):
    content = file_bytes(value, data)
    try:
        ours = {item.name for item in parse(content).tensors}
    except BadCheckpoint:
        return
    assert ours == {name for name, _ in deserialize(content)}


def test_metadata_is_kept():
    content = file_bytes({"__metadata__": {"format": "pt"}})
    assert parse(content).metadata == (("format", "pt"),)


def test_a_leading_space_and_further_keys_of_a_tensor_are_taken():
    header = {"a": {**entry("U8", [3], 0, 3), "note": {"deep": [1, 2]}}}
    assert parse(file_bytes(b" " + json.dumps(header).encode(), b"abc")).tensors[0].n_bytes == 3


@pytest.mark.parametrize("filling", [b"[],", b"{},", b"1,", b'{"a":1},'])
def test_a_hostile_header_takes_little_memory(filling: bytes):
    body = filling * (20_000_000 // len(filling))
    content = file_bytes(b'{"a":[' + body + b"1]}")
    tracemalloc.start()
    try:
        with pytest.raises(BadCheckpoint, match="at most"):
            parse(content)
        assert tracemalloc.get_traced_memory()[1] < 45_000_000  # the header, and a copy of it
    finally:
        tracemalloc.stop()


def test_more_tensors_than_the_bound_are_refused():
    content = file_bytes({str(number): {} for number in range(MAX_TENSORS + 5)})
    with pytest.raises(BadCheckpoint, match=f"at most {MAX_TENSORS + 2}"):
        parse(content)
