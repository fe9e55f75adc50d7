"""Generated safetensors files: sound ones, and a corpus of those that must be refused."""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from serving.loader.dtypes import BITS


def file_bytes(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a file of any header; `length` is what its first eight bytes claim."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str, shape: Sequence[int], begin: int, end: int) -> dict[str, Any]:
    """Return what a header says of one tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@dataclass(frozen=True)
class Tensor:
    """What a test wants in a file."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """Its bytes."""
        return int(np.prod(self.shape, dtype=object)) * BITS[self.dtype] // 8


def sound_file(
    tensors: Mapping[str, Tensor], *, seed: int = 0, padding: int = 0, pads_to_eight: bool = True
) -> bytes:
    """Return a file of these tensors with random bytes, in their order."""
    header: dict[str, Any] = {}
    position = 0
    for name, tensor in tensors.items():
        header[name] = entry(tensor.dtype, tensor.shape, position, position + tensor.n_bytes)
        position += tensor.n_bytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8 if pads_to_eight else 0) + b" " * padding
    return file_bytes(text, np.random.default_rng(seed).bytes(position))


def write_sharded(folder: Path, shards: Sequence[Mapping[str, Tensor]]) -> dict[str, str]:
    """Write shards and their index; return which file holds which tensor."""
    weight_map: dict[str, str] = {}
    total = 0
    for number, tensors in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        (folder / name).write_bytes(sound_file(tensors, seed=number))
        weight_map |= dict.fromkeys(tensors, name)
        total += sum(tensor.n_bytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return weight_map


@st.composite
def tensor_maps(draw: st.DrawFn, *, largest: int = 40_000) -> dict[str, Tensor]:
    """Draw tensors of every type, with no, one or several dimensions, some without elements."""
    found: dict[str, Tensor] = {}
    for name in draw(st.lists(st.text(max_size=6), max_size=8, unique=True)):
        dtype = draw(st.sampled_from(sorted(BITS)))
        shape = draw(st.lists(st.integers(0, 40), max_size=3))
        if BITS[dtype] % 8:
            shape.append(draw(st.integers(0, 10)) * 4)  # whole bytes for four and for six bits
        tensor = Tensor(dtype, tuple(shape))
        if name != "__metadata__" and tensor.n_bytes <= largest:
            found[name] = tensor
    return found


ONE = entry("F32", [2], 0, 8)


@dataclass(frozen=True)
class Malformed:
    """A file that must be refused, and words that the refusal must have."""

    what: str
    content: bytes
    says: str
    # What the safetensors library takes although the format, or safety, forbids it.
    safetensors_takes: bool = False


def malformed() -> Iterator[Malformed]:
    """Return the corpus."""
    good = file_bytes({"a": ONE}, bytes(8))
    yield Malformed("nothing", b"", "0 bytes, but a safetensors file has at least 8")
    yield Malformed("seven bytes", bytes(7), "7 bytes, but a safetensors file has at least 8")
    yield Malformed("no header", file_bytes(b""), "0 bytes, but {} takes 2")
    yield Malformed(
        "a header longer than the file", file_bytes(b"{}", length=3), "3 bytes in a file of 10"
    )
    yield Malformed(
        "a header of 100 MB and one", file_bytes(b"{}", length=100_000_001), "100000001"
    )
    yield Malformed(
        "the largest length", file_bytes(b"{}", length=2**64 - 1), "18446744073709551615"
    )
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    yield Malformed("a git-lfs pointer", pointer, "git lfs pull")
    yield Malformed("no UTF-8", file_bytes(b'{"\xff": 1}'), "isn't UTF-8")
    yield Malformed("no JSON", file_bytes(b"{]"), "JSON")
    yield Malformed("a list", file_bytes(b"[]"), "JSON list")
    yield Malformed("zeros behind the header", file_bytes(b"{}\0\0"), "JSON")
    yield Malformed("NaN", file_bytes(b'{"a": NaN}'), "JSON")
    yield Malformed("a byte order mark", file_bytes(b"\xef\xbb\xbf{}"), "JSON")
    yield Malformed("half a character", file_bytes(b'{"\\ud800": 1}'), "JSON")
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield Malformed("deep nesting", file_bytes(deep), "nested too deep")
    yield Malformed("a number of 5000 digits", file_bytes(b'{"a":' + b"9" * 5000 + b"}"), "JSON")
    yield Malformed("a cut file", good[:-1], "the file has")
    yield Malformed("bytes behind the tensors", good + b"\0", "bytes follow that belong to none")
    yield Malformed("bytes behind no tensors", file_bytes(b"{}") + b"\0", "end at byte 10")
    for what, header, says in _bad_headers():
        yield Malformed(what, file_bytes(header, bytes(16)), says)
    twice = b'{"a":' + json.dumps(entry("F32", [2], 0, 8)).encode()
    same = twice + b"," + twice[1:] + b"}"
    yield Malformed("one name twice", file_bytes(same, bytes(8)), "stands twice", True)


def _bad_headers() -> Iterator[tuple[str, object, str]]:
    two = entry("F32", [2], 8, 16)
    yield "an overlap", {"a": entry("F32", [3], 0, 12), "b": two}, "overlap: the one ends at 12"
    yield "a hole", {"a": entry("F32", [1], 0, 4), "b": two}, "leave a hole: the one ends at 4"
    yield "a late beginning", {"b": two}, "begins at 8 instead of 0"
    yield "an end before the begin", {"a": entry("F32", [2], 8, 0)}, "begins at 8 and ends at 0"
    yield "a wrong size", {"a": entry("F32", [2], 0, 16)}, "has 8 bytes, but data_offsets [0, 16]"
    yield "an unknown type", {"a": entry("F33", [2], 0, 16)}, "'F33' isn't known"
    yield "a type that is a number", {"a": {**ONE, "dtype": 3}}, "dtype '3' isn't known"
    yield "a negative size", {"a": {**ONE, "shape": [-2]}}, "shape holds -2"
    yield "a negative offset", {"a": {**ONE, "data_offsets": [-8, 0]}}, "data_offsets holds -8"
    yield "a broken offset", {"a": {**ONE, "data_offsets": [0.0, 8]}}, "number '0.0'"
    yield "an offset that is true", {"a": {**ONE, "data_offsets": [False, 8]}}, "boolean 'False'"
    yield "three offsets", {"a": {**ONE, "data_offsets": [0, 4, 8]}}, "3 numbers, it must have 2"
    yield "no type", {"a": {"shape": [2], "data_offsets": [0, 8]}}, "has no dtype"
    yield "no shape", {"a": {"dtype": "F32", "data_offsets": [0, 8]}}, "has no shape"
    yield "no offsets", {"a": {"dtype": "F32", "shape": [2]}}, "has no data_offsets"
    yield "a tensor that is a list", {"a": []}, "is a JSON list"
    yield "a shape that is a number", {"a": {**ONE, "shape": 2}}, "shape is a JSON number"
    yield "a shape past 64 bits", {"a": entry("F32", [2**33, 2**33], 0, 16)}, "more than"
    yield (
        "a size past 64 bits",
        {"a": entry("F32", [2**64], 0, 16)},
        "shape holds 18446744073709551616",
    )
    yield "an overflow before a zero", {"a": entry("F32", [2**63, 4, 0], 0, 0)}, "more than"
    yield "half a byte", {"a": entry("F4", [3], 0, 1)}, "12 bits, which isn't whole bytes"
    yield "three quarters of a byte", {"a": entry("F6_E2M3", [1], 0, 1)}, "6 bits"
    yield "metadata that is a list", {"__metadata__": []}, "__metadata__ is a JSON list"
    yield "metadata of numbers", {"__metadata__": {"a": 1}}, "holds a number as 'a'"
