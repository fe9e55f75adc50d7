"""The index of a sharded checkpoint: which file holds which tensor."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.loader.errors import BadCheckpoint
from serving.loader.header import FileLayout

# 150,000 names of 100 characters are 20 MB.
MAX_INDEX_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Index:
    """Which file holds which tensor, by name; `total_bytes` is what the index says they sum to."""

    file: str
    files: Mapping[str, str]
    total_bytes: int | None

    @property
    def shards(self) -> tuple[str, ...]:
        """The files, in order, each once."""
        return tuple(sorted(set(self.files.values())))


def parse_index(file: str, content: bytes) -> Index:
    """Return what an index file says.

    A shard's name is a plain name in the same folder: one with a path in it could leave it.
    Raises BadCheckpoint.
    """
    if len(content) > MAX_INDEX_BYTES:
        raise BadCheckpoint(
            f"{file}: {len(content)} bytes, at most {MAX_INDEX_BYTES} are read of an index"
        )
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as exc:
        raise BadCheckpoint(f"{file}: the index isn't the JSON it must be: {exc}") from exc
    weight_map = value.get("weight_map") if isinstance(value, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadCheckpoint(f"{file}: the index has no weight_map from tensor names to files")
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _is_plain(shard):
            raise BadCheckpoint(
                f"{file}: tensor {name[:200]!r} is said to lie in {str(shard)[:200]!r}; it must "
                "be the plain name of a file beside the index"
            )
    return Index(file, weight_map, _total(value))


def require_agreement(index: Index, layouts: Sequence[FileLayout]) -> None:
    """Refuse an index whose names and files aren't those of the shards' own headers."""
    found: dict[str, str] = {}
    for layout in layouts:
        for entry in layout.tensors:
            if entry.name in found:
                raise BadCheckpoint(
                    f"tensor {entry.name[:200]!r} is in two files: {found[entry.name]} and "
                    f"{layout.file}"
                )
            found[entry.name] = layout.file
            said = index.files.get(entry.name)
            if said != layout.file:
                where = "nowhere" if said is None else f"in {said}"
                raise BadCheckpoint(
                    f"{layout.file}: holds tensor {entry.name[:200]!r}, which {index.file} "
                    f"says is {where}"
                )
    for name, shard in index.files.items():
        if name not in found:
            raise BadCheckpoint(f"{shard}: lacks tensor {name[:200]!r}, which {index.file} names")


def _is_plain(shard: str) -> bool:
    return (
        shard.endswith(".safetensors")
        and shard.isprintable()
        and not shard.startswith(".")
        and not any(character in shard for character in "/\\:%?#")
    )


def _total(value: Mapping[str, Any]) -> int | None:
    metadata = value.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    return total if type(total) is int else None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made
