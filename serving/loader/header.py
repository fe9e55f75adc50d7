"""The header of a safetensors file: from bytes to where each tensor lies, or a refusal.

Layout: eight bytes, little-endian, hold N; N bytes of JSON follow, an object that may be padded
with spaces; then data. Offsets count from the end of the header. Tensors tile the data: no hole, no
overlap, nothing behind them. A header comes from strangers, so its size, its number of tensors and
its nesting are bounded before anything of that size is made of it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from serving.loader.dtypes import BITS
from serving.loader.errors import BadCheckpoint

PREFIX_BYTES = 8
# The format's own bound.
MAX_HEADER_BYTES = 100_000_000
# The largest open checkpoints hold about 150,000 tensors in all their files together.
MAX_TENSORS = 262_144
# A tensor has an object and two lists, whose items and its own keys are separated by commas.
MAX_COMMAS = 16 * MAX_TENSORS
MAX_UNSIGNED = 2**64 - 1


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a file; `start` and `stop` count bytes from the beginning of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def n_bytes(self) -> int:
        """The bytes that the tensor has in the file."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class FileLayout:
    """What a file holds: its tensors in the order of their bytes."""

    file: str
    n_bytes: int
    tensors: tuple[TensorEntry, ...]
    metadata: tuple[tuple[str, str], ...] = ()


def header_bytes(file: str, prefix: bytes, file_bytes: int) -> int:
    """Return N from the first eight bytes of `file`, once it can be believed.

    Raises BadCheckpoint.
    """
    if file_bytes < PREFIX_BYTES or len(prefix) < PREFIX_BYTES:
        raise BadCheckpoint(
            f"{file}: {file_bytes} bytes, but a safetensors file has at least {PREFIX_BYTES}"
        )
    if prefix.startswith(b"version "):
        raise BadCheckpoint(
            f"{file}: this is a git-lfs pointer, not the file itself. Next step: git lfs pull"
        )
    length = int.from_bytes(prefix[:PREFIX_BYTES], "little")
    if length == 0:
        raise BadCheckpoint(f"{file}: its header is said to have 0 bytes, but {{}} takes 2")
    if length > MAX_HEADER_BYTES:
        raise BadCheckpoint(
            f"{file}: its header is said to have {length} bytes, at most {MAX_HEADER_BYTES} are "
            "allowed. Is it a safetensors file?"
        )
    if PREFIX_BYTES + length > file_bytes:
        raise BadCheckpoint(
            f"{file}: header of {length} bytes in a file of {file_bytes}: the file is cut short"
        )
    return length


def parse_header(file: str, header: bytes, file_bytes: int) -> FileLayout:
    """Return the layout of `file` from its N header bytes; `file_bytes` is the size of it all.

    Raises BadCheckpoint.
    """
    members = _members(file, header)
    data_start = PREFIX_BYTES + len(header)
    metadata = _metadata(file, members.pop("__metadata__", None))
    if len(members) > MAX_TENSORS:
        raise BadCheckpoint(f"{file}: {len(members)} tensors, at most {MAX_TENSORS} are allowed")
    entries = [_entry(file, name, value, data_start) for name, value in members.items()]
    entries.sort(key=lambda entry: (entry.start, entry.stop))
    _require_tiling(file, entries, data_start, file_bytes)
    return FileLayout(file, file_bytes, tuple(entries), metadata)


def _members(file: str, header: bytes) -> dict[str, Any]:
    for what, limit in ((b"{", MAX_TENSORS + 2), (b"[", 2 * MAX_TENSORS), (b",", MAX_COMMAS)):
        if (count := header.count(what)) > limit:
            raise BadCheckpoint(
                f"{file}: its header has {count} times {what.decode()!r}, at most {limit} are read"
            )
    try:
        value = json.loads(
            header.decode("utf-8"),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as exc:
        raise BadCheckpoint(f"{file}: its header isn't UTF-8: {exc.reason} at {exc.start}") from exc
    except RecursionError as exc:
        raise BadCheckpoint(f"{file}: its header is nested too deep; 3 levels are needed") from exc
    except ValueError as exc:
        raise BadCheckpoint(f"{file}: its header isn't the JSON it must be: {exc}") from exc
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{file}: its header is a JSON {_kind(value)}, it must be an object")
    return value


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; two tensors of one name would hide one of them."""
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:200]!r} stands twice in one object")
    for name in made:
        if not name.isascii():
            name.encode("utf-8")  # an escaped half of a surrogate pair is no text: ValueError
    return made


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _metadata(file: str, value: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{file}: __metadata__ is a JSON {_kind(value)}, it must be an object")
    for key, text in value.items():
        if not isinstance(text, str):
            raise BadCheckpoint(
                f"{file}: __metadata__ holds a {_kind(text)} as {key[:200]!r}, it must be a string"
            )
    return tuple(value.items())


def _entry(file: str, name: str, value: object, data_start: int) -> TensorEntry:
    where = f"{file}: tensor {name[:200]!r}"
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{where} is a JSON {_kind(value)}, it must be an object")
    for key in ("dtype", "shape", "data_offsets"):
        if key not in value:
            raise BadCheckpoint(f"{where} has no {key}")
    dtype = value["dtype"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise BadCheckpoint(
            f"{where}: dtype {str(dtype)[:50]!r} isn't known; known are {', '.join(BITS)}"
        )
    shape = _whole_numbers(where, "shape", value["shape"])
    offsets = _whole_numbers(where, "data_offsets", value["data_offsets"])
    if len(offsets) != 2:  # noqa: PLR2004 - a begin and an end
        raise BadCheckpoint(f"{where}: data_offsets has {len(offsets)} numbers, it must have 2")
    begin, end = offsets
    if begin > end:
        raise BadCheckpoint(f"{where}: its data begins at {begin} and ends at {end}, before that")
    wanted = shape_bytes(where, shape, dtype)
    if wanted != end - begin:
        raise BadCheckpoint(
            f"{where}: {dtype} of shape {_shown(shape)} has {wanted} bytes, but data_offsets "
            f"[{begin}, {end}] hold {end - begin}"
        )
    return TensorEntry(name, dtype, shape, data_start + begin, data_start + end)


def _whole_numbers(where: str, key: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise BadCheckpoint(f"{where}: {key} is a JSON {_kind(value)}, it must be a list")
    for number in value:
        # A JSON true is a whole number to Python, and 1.0 is none to the format.
        if type(number) is not int or not 0 <= number <= MAX_UNSIGNED:
            raise BadCheckpoint(
                f"{where}: {key} holds {_shown_value(number)}, "
                f"it must hold whole numbers from 0 to {MAX_UNSIGNED}"
            )
    return tuple(value)


def shape_bytes(where: str, shape: Sequence[int], dtype: str) -> int:
    """Return the bytes of a tensor; one that ends within a byte, or passes 64 bits, is refused."""
    bits = 1
    for factor in (*shape, BITS[dtype]):
        bits *= factor
        if bits > MAX_UNSIGNED:
            raise BadCheckpoint(
                f"{where}: {dtype} of shape {_shown(shape)} has more than {MAX_UNSIGNED} bits"
            )
    if bits % 8:
        raise BadCheckpoint(
            f"{where}: {dtype} of shape {_shown(shape)} has {bits} bits, which isn't whole bytes"
        )
    return bits // 8


def _require_tiling(
    file: str, entries: Sequence[TensorEntry], data_start: int, file_bytes: int
) -> None:
    """Refuse holes, overlaps, and a last tensor that isn't the end of the file."""
    if entries and entries[0].start != data_start:
        first = entries[0]
        raise BadCheckpoint(
            f"{file}: tensor {first.name[:200]!r} is the first, and its data begins at "
            f"{first.start - data_start} instead of 0"
        )
    for before, after in pairwise(entries):
        if after.start != before.stop:
            what = "overlap" if after.start < before.stop else "leave a hole"
            raise BadCheckpoint(
                f"{file}: tensors {before.name[:200]!r} and {after.name[:200]!r} {what}: the one "
                f"ends at {before.stop - data_start}, "
                f"the other begins at {after.start - data_start}"
            )
    end = entries[-1].stop if entries else data_start
    if end != file_bytes:
        what = "the file is cut short" if end > file_bytes else "bytes follow that belong to none"
        raise BadCheckpoint(
            f"{file}: its tensors end at byte {end}, the file has {file_bytes}: {what}"
        )


def _kind(value: object) -> str:
    kinds = {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")


def _shown(shape: Sequence[int]) -> str:
    numbers = ", ".join(str(size) for size in shape[:8])
    return f"[{numbers}]" if len(shape) <= 8 else f"[{numbers}, ... {len(shape)} in all]"  # noqa: PLR2004


def _shown_value(value: object) -> str:
    if type(value) is int:
        return str(value) if value.bit_length() < 80 else f"a number of {value.bit_length()} bits"  # noqa: PLR2004
    return f"{_kind(value)} {str(value)[:50]!r}"
