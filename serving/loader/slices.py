"""Which bytes of a tensor a part of it needs: what one rank of a tensor parallel group reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from serving.loader.dtypes import BITS
from serving.loader.errors import BadCheckpoint
from serving.loader.header import TensorEntry

# Shorter rows cost more in requests than their bytes are worth: then the whole tensor is read.
MIN_ROW_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements `start` to `stop` of one dimension."""

    dim: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The bytes to read, one after the other, and what they are then.

    `skip_bytes` of them come before the wanted ones, whose shape is `shape`; `narrow` is what is
    left to cut off once they are in memory.
    """

    ranges: tuple[tuple[int, int], ...]
    shape: tuple[int, ...]
    narrow: Slice | None = None
    skip_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """The bytes of all ranges together."""
        return sum(stop - start for start, stop in self.ranges)


def rank_slice(shape: Sequence[int], dim: int, rank: int, ranks: int) -> Slice:
    """Return the equal part of `dim` that is `rank`'s of `ranks`.

    Raises ValueError where the dimension can't be divided.
    """
    if not 0 <= dim < len(shape) or shape[dim] % ranks or not 0 <= rank < ranks:
        raise ValueError(f"rank {rank} of {ranks} has no equal part of dim {dim} of {list(shape)}")
    size = shape[dim] // ranks
    return Slice(dim, rank * size, (rank + 1) * size)


def select(entry: TensorEntry, part: Slice | None, *, block_bytes: int = 1) -> Selection:
    """Return what to read of a tensor for `part` of it, or for all of it.

    With `block_bytes`, a range begins and ends where such blocks of the tensor do, so that the
    digest of each block can be told: a little more is read than is wanted.

    Raises BadCheckpoint where the part isn't there, or begins within a byte.
    """
    if part is None:
        return Selection(((entry.start, entry.stop),), entry.shape)
    if not 0 <= part.dim < len(entry.shape):
        raise BadCheckpoint(
            f"tensor {entry.name!r} of shape {list(entry.shape)} has no dim {part.dim} to slice"
        )
    if not 0 <= part.start <= part.stop <= entry.shape[part.dim]:
        raise BadCheckpoint(
            f"tensor {entry.name!r} of shape {list(entry.shape)} has no [{part.start}:{part.stop}] "
            f"in dim {part.dim}"
        )
    shape = (*entry.shape[: part.dim], part.stop - part.start, *entry.shape[part.dim + 1 :])
    n_rows = prod(entry.shape[: part.dim])
    element_bits = prod(entry.shape[part.dim + 1 :]) * BITS[entry.dtype]
    begin_bits, end_bits = part.start * element_bits, part.stop * element_bits
    if begin_bits % 8 or end_bits % 8:
        raise BadCheckpoint(
            f"tensor {entry.name!r}: [{part.start}:{part.stop}] of dim {part.dim} of "
            f"{entry.dtype} doesn't begin and end with a byte"
        )
    begin, end = begin_bits // 8, end_bits // 8
    if n_rows == 0 or begin == end:
        return Selection((), shape)
    if n_rows == 1:
        first = begin // block_bytes * block_bytes
        last = min(entry.n_bytes, -(-end // block_bytes) * block_bytes)
        ranges = ((entry.start + first, entry.start + last),)
        return Selection(ranges, shape, skip_bytes=begin - first)
    if end - begin < MIN_ROW_BYTES or block_bytes > 1:
        return Selection(((entry.start, entry.stop),), entry.shape, part)
    row_bytes = entry.n_bytes // n_rows
    starts = range(entry.start, entry.stop, row_bytes)
    return Selection(tuple((start + begin, start + end) for start in starts), shape)
