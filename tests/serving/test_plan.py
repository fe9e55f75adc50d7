from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.loader.header import FileLayout, TensorEntry
from serving.loader.plan import BLOCK_BYTES, PAGE_BYTES, Limits, Plan, make_plan
from serving.loader.slices import MIN_ROW_BYTES, Slice

SLOT = BLOCK_BYTES + 5 * PAGE_BYTES
LIMITS = Limits(slot_bytes=SLOT, whole_bytes=2 * SLOT, read_bytes=BLOCK_BYTES // 4)


@st.composite
def layouts(draw: st.DrawFn) -> list[FileLayout]:
    """Draw files whose tensors are small, or near the sizes where a plan changes its way."""
    near = st.sampled_from([PAGE_BYTES, SLOT, 2 * SLOT, 3 * BLOCK_BYTES, 6 * SLOT])
    sizes = st.one_of(
        st.integers(0, 3 * PAGE_BYTES), st.builds(lambda a, b: a + b, near, st.integers(-9, 9))
    )
    files = []
    for number in range(draw(st.integers(0, 3))):
        position = draw(st.integers(8, 3 * PAGE_BYTES))
        entries = []
        for which, n_bytes in enumerate(draw(st.lists(sizes, max_size=6))):
            entries.append(
                TensorEntry(f"{number}.{which}", "U8", (n_bytes,), position, position + n_bytes)
            )
            position += n_bytes
        files.append(FileLayout(f"{number}.safetensors", position, tuple(entries)))
    return files


def require_lawful(plan: Plan, limits: Limits) -> None:
    """What holds of every plan, however it came about."""
    seen: Counter[int] = Counter()
    for batch in plan.batches:
        assert batch.n_bytes <= limits.whole_bytes
        taken = sorted((read.at, read.at + read.stop - read.start) for read in batch.reads)
        assert all(0 < stop - start <= limits.read_bytes for start, stop in taken)
        assert all(before[1] <= after[0] for before, after in pairwise(taken))
        assert all(start >= 0 and stop <= batch.n_bytes for start, stop in taken)
        for part in batch.parts:
            assert part.offset == seen[part.tensor]  # pieces come in order, with nothing between
            seen[part.tensor] += part.n_bytes
    assert dict(seen) == {n: tensor.n_bytes for n, tensor in enumerate(plan.tensors)}
    first = [part.tensor for batch in plan.batches for part in batch.parts if part.offset == 0]
    assert first == sorted(first)


def bytes_of_parts(plan: Plan) -> dict[str, list[tuple[str, int, int]]]:
    """Return where in the files the bytes of each tensor come from, going through the slots."""
    found: dict[str, list[tuple[str, int, int]]] = {tensor.name: [] for tensor in plan.tensors}
    for batch in plan.batches:
        for part in batch.parts:
            for read in sorted(batch.reads, key=lambda read: read.at):
                start = max(part.at, read.at)
                stop = min(part.at + part.n_bytes, read.at + read.stop - read.start)
                if start < stop:
                    shift = read.start - read.at
                    spans = found[plan.tensors[part.tensor].name]
                    if spans and spans[-1][0] == read.file and spans[-1][2] == start + shift:
                        spans[-1] = (read.file, spans[-1][1], stop + shift)
                    else:
                        spans.append((read.file, start + shift, stop + shift))
    return found


@given(layouts())
def test_each_byte_is_read_once_within_the_budget_and_lands_in_its_tensor(files: list[FileLayout]):
    plan = make_plan(files, LIMITS)
    require_lawful(plan, LIMITS)
    wanted = {
        entry.name: [(file.file, entry.start, entry.stop)] if entry.n_bytes else []
        for file in files
        for entry in file.tensors
    }
    assert bytes_of_parts(plan) == wanted
    read = sum(read.stop - read.start for batch in plan.batches for read in batch.reads)
    assert read == plan.n_bytes == sum(e.n_bytes for file in files for e in file.tensors)


@given(layouts(), st.data())
def test_only_what_is_wanted_is_read(files: list[FileLayout], data: st.DataObject):
    every = [entry.name for file in files for entry in file.tensors]
    wanted = set(data.draw(st.lists(st.sampled_from(every)))) if every else set()
    plan = make_plan(files, LIMITS, names=wanted)
    require_lawful(plan, LIMITS)
    assert {tensor.name for tensor in plan.tensors} == wanted


@given(layouts())
def test_a_byte_keeps_its_place_in_the_page(files: list[FileLayout]):
    """Else no read could go past the page cache."""
    for batch in make_plan(files, LIMITS).batches:
        assert all(read.at % PAGE_BYTES == read.start % PAGE_BYTES for read in batch.reads)


@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 5000))
def test_long_rows_are_read_for_a_rank_alone_and_once(rows: int, rank: int, begin: int):
    row = 4 * MIN_ROW_BYTES
    tensor = TensorEntry("a", "U8", (rows, row), begin, begin + rows * row)
    part = Slice(1, rank * MIN_ROW_BYTES, (rank + 1) * MIN_ROW_BYTES)
    limits = Limits(slot_bytes=SLOT, whole_bytes=SLOT, read_bytes=BLOCK_BYTES)
    plan = make_plan([FileLayout("f", tensor.stop, (tensor,))], limits, slices={"a": part})
    require_lawful(plan, limits)
    starts = [begin + number * row + part.start for number in range(rows)]
    joined = [("f", start, start + MIN_ROW_BYTES) for start in starts]
    assert bytes_of_parts(plan)["a"] == joined


def test_the_ranks_of_a_group_read_every_byte_once():
    tensor = TensorEntry("a", "BF16", (8, 100), 128, 1728)
    file = FileLayout("f", 1728, (tensor,))
    spans = [
        bytes_of_parts(make_plan([file], LIMITS, slices={"a": Slice(0, 2 * rank, 2 * rank + 2)}))[
            "a"
        ]
        for rank in range(4)
    ]
    assert spans == [[("f", 128 + 400 * rank, 528 + 400 * rank)] for rank in range(4)]


@pytest.mark.parametrize(
    ("given_limits", "says"),
    [
        ({"slot_bytes": BLOCK_BYTES}, "a slot has at least"),
        ({"whole_bytes": SLOT - 1}, "whole_bytes"),
        ({"read_bytes": 100}, "a read has at least"),
    ],
)
def test_limits_that_cannot_hold_are_refused(given_limits: dict[str, int], says: str):
    usual = {"slot_bytes": SLOT, "whole_bytes": SLOT, "read_bytes": PAGE_BYTES}
    with pytest.raises(ValueError, match=says):
        Limits(**(usual | given_limits))
