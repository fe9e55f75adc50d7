"""The order in which the bytes of a checkpoint are read, under a budget of memory.

A plan is a list of batches. One batch fills one slot of the ring: some tensors that follow each
other, or one that is large, or a piece of one that is larger still. Its reads are independent of
each other, none is longer than `read_bytes`, and each wanted byte is in exactly one of them.

Within a slot a byte lies at the same place of its page as in the file, where the layout allows: so
that a reader may go past the page cache, which demands aligned files *and* aligned memory.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from serving.loader.dtypes import BITS
from serving.loader.header import FileLayout, TensorEntry
from serving.loader.slices import Selection, Slice, select

PAGE_BYTES = 4096
# Pieces of a tensor begin at multiples of it, so that each digest is of bytes in one slot.
BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a slot to use; all in bytes.

    Small tensors are gathered up to `slot_bytes`. A tensor of at most `whole_bytes` is one slot
    though it be larger than that; one that is larger still comes in pieces of `slot_bytes`.
    """

    slot_bytes: int
    whole_bytes: int
    read_bytes: int

    def __post_init__(self) -> None:
        if self.slot_bytes < BLOCK_BYTES + PAGE_BYTES:
            raise ValueError(
                f"a slot has at least {BLOCK_BYTES + PAGE_BYTES}, not {self.slot_bytes}"
            )
        if self.whole_bytes < self.slot_bytes:
            raise ValueError(f"whole_bytes {self.whole_bytes} < slot_bytes {self.slot_bytes}")
        if self.read_bytes < PAGE_BYTES:
            raise ValueError(f"a read has at least {PAGE_BYTES} bytes, not {self.read_bytes}")

    @property
    def piece_bytes(self) -> int:
        """The bytes of a piece: whole blocks, and a page for where it begins."""
        return (self.slot_bytes - PAGE_BYTES) // BLOCK_BYTES * BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes `start` to `stop` of a file, which go to `at` in the slot."""

    file: str
    start: int
    stop: int
    at: int


@dataclass(frozen=True, slots=True)
class Part:
    """`n_bytes` of a planned tensor, from its byte `offset` on, which lie at `at` in the slot."""

    tensor: int
    offset: int
    n_bytes: int
    at: int


@dataclass(frozen=True, slots=True)
class PlannedTensor:
    """A tensor as it will be yielded, before `narrow`.

    `n_bytes` are read for it, of which the wanted ones begin at `skip_bytes`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int
    skip_bytes: int
    narrow: Slice | None
    # Where in the tensor the first byte lies that is read.
    first_byte: int

    @property
    def wanted_bytes(self) -> int:
        """The bytes of `shape`."""
        return prod(self.shape) * BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class Batch:
    """What fills one slot of `n_bytes`."""

    n_bytes: int
    reads: tuple[Read, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All tensors in the order in which they are yielded, and the batches that bring them."""

    tensors: tuple[PlannedTensor, ...]
    batches: tuple[Batch, ...]

    @property
    def n_bytes(self) -> int:
        """The bytes that are read."""
        return sum(tensor.n_bytes for tensor in self.tensors)

    @property
    def n_reads(self) -> int:
        """How many reads there are."""
        return sum(len(batch.reads) for batch in self.batches)

    @property
    def largest_tensor_bytes(self) -> int:
        """The bytes of the largest tensor."""
        return max((tensor.n_bytes for tensor in self.tensors), default=0)

    @property
    def largest_slot_bytes(self) -> int:
        """The bytes of the largest batch."""
        return max((batch.n_bytes for batch in self.batches), default=0)


def make_plan(
    layouts: Sequence[FileLayout],
    limits: Limits,
    *,
    names: Collection[str] | None = None,
    slices: Mapping[str, Slice] | None = None,
    has_digests: bool = False,
) -> Plan:
    """Return the plan that reads `names`, or everything, file after file in the order of bytes.

    With digests, slices are widened to the blocks that have one. Raises BadCheckpoint for a slice
    that a tensor doesn't have.
    """
    slices = slices or {}
    tensors: list[PlannedTensor] = []
    batches: list[Batch] = []
    for layout in layouts:
        open_batch = _OpenBatch(layout.file, limits)
        for entry in layout.tensors:
            if names is not None and entry.name not in names:
                continue
            selection = select(
                entry, slices.get(entry.name), block_bytes=BLOCK_BYTES if has_digests else 1
            )
            batches += open_batch.add(len(tensors), selection)
            tensors.append(_planned(entry, selection))
        batches += open_batch.close()
    return Plan(tuple(tensors), tuple(batches))


def _planned(entry: TensorEntry, selection: Selection) -> PlannedTensor:
    return PlannedTensor(
        entry.name,
        entry.dtype,
        selection.shape,
        selection.n_bytes,
        selection.skip_bytes,
        selection.narrow,
        selection.ranges[0][0] - entry.start if selection.ranges else 0,
    )


@dataclass(slots=True)
class _OpenBatch:
    """The batch that is being gathered; `extents` are (start, stop, at), merged where they meet."""

    file: str
    limits: Limits
    extents: list[tuple[int, int, int]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    used_bytes: int = 0

    def add(self, tensor: int, selection: Selection) -> Iterable[Batch]:
        """Take a tensor in; return the batches that are complete by that."""
        n_bytes = selection.n_bytes
        ready: list[Batch] = []
        if n_bytes == 0:
            self.parts.append(Part(tensor, 0, 0, self.used_bytes))
            return ready
        if self._end_with(selection.ranges) > self.limits.slot_bytes:
            ready += self.close()
        pieces = [selection.ranges]
        if self._end_with(selection.ranges) > self.limits.whole_bytes:
            pieces = _pieces(selection.ranges, self.limits.piece_bytes)
        offset = 0
        for ranges in pieces:
            if offset:
                ready += self.close()
            offset += self._place(tensor, offset, ranges)
        return ready

    def close(self) -> list[Batch]:
        """Return the batch gathered so far, if any, and begin a new one."""
        if not self.parts:
            return []
        reads = tuple(_reads(self.file, self.extents, self.limits.read_bytes))
        made = Batch(self.used_bytes, reads, tuple(self.parts))
        self.extents, self.parts, self.used_bytes = [], [], 0
        return [made]

    def _end_with(self, ranges: Sequence[tuple[int, int]]) -> int:
        return self._at(ranges[0][0]) + sum(stop - start for start, stop in ranges)

    def _at(self, start: int) -> int:
        """Return where bytes from `start` of the file go: the same place of a page."""
        return self.used_bytes + (start - self.used_bytes) % PAGE_BYTES

    def _place(self, tensor: int, offset: int, ranges: Sequence[tuple[int, int]]) -> int:
        begin = at = self._at(ranges[0][0])
        for start, stop in ranges:
            before = self.extents[-1] if self.extents else (0, -1, 0)
            if before[1] == start and before[2] + before[1] - before[0] == at:
                self.extents[-1] = (before[0], stop, before[2])
            else:
                self.extents.append((start, stop, at))
            at += stop - start
        self.parts.append(Part(tensor, offset, at - begin, begin))
        self.used_bytes = at
        return at - begin


def _pieces(
    ranges: Sequence[tuple[int, int]], piece_bytes: int
) -> list[tuple[tuple[int, int], ...]]:
    """Return the ranges cut into pieces of `piece_bytes` each, the last one shorter."""
    pieces: list[tuple[tuple[int, int], ...]] = []
    piece: list[tuple[int, int]] = []
    room = piece_bytes
    for begin, stop in ranges:
        start = begin
        while start < stop:
            end = min(stop, start + room)
            piece.append((start, end))
            room -= end - start
            start = end
            if room == 0:
                pieces.append(tuple(piece))
                piece, room = [], piece_bytes
    return [*pieces, tuple(piece)] if piece else pieces


def _reads(file: str, extents: Iterable[tuple[int, int, int]], read_bytes: int) -> Iterable[Read]:
    """Cut extents into reads that end at the end of a page, but for the last one."""
    step = read_bytes // PAGE_BYTES * PAGE_BYTES
    for begin, stop, at in extents:
        start = begin
        while start < stop:
            end = min(stop, start // PAGE_BYTES * PAGE_BYTES + step)
            yield Read(file, start, end, at + start - begin)
            start = end
