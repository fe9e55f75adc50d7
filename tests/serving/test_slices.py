import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.loader.errors import BadCheckpoint
from serving.loader.header import TensorEntry
from serving.loader.slices import MIN_ROW_BYTES, Slice, rank_slice, select


def test_the_first_dimension_is_one_range():
    tensor = TensorEntry("a", "BF16", (8, 10), 1000, 1160)
    selection = select(tensor, Slice(0, 2, 4))
    assert selection.ranges == ((1040, 1080),)
    assert selection.shape == (2, 10)
    assert selection.narrow is None


def test_short_rows_of_the_second_dimension_are_read_whole_and_cut_off_later():
    tensor = TensorEntry("a", "BF16", (8, 10), 0, 160)
    selection = select(tensor, Slice(1, 0, 5))
    assert selection.ranges == ((0, 160),)
    assert selection.shape == (8, 10)
    assert selection.narrow == Slice(1, 0, 5)


def test_long_rows_of_the_second_dimension_are_a_range_each():
    tensor = TensorEntry("a", "U8", (3, 4 * MIN_ROW_BYTES), 0, 12 * MIN_ROW_BYTES)
    selection = select(tensor, Slice(1, MIN_ROW_BYTES, 2 * MIN_ROW_BYTES))
    row = 4 * MIN_ROW_BYTES
    assert selection.ranges == tuple(
        (number * row + MIN_ROW_BYTES, number * row + 2 * MIN_ROW_BYTES) for number in range(3)
    )
    assert selection.n_bytes == 3 * MIN_ROW_BYTES


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=2).map(tuple),
    st.integers(1, 2).map(lambda power: 2**power),
    st.data(),
)
def test_what_is_read_of_a_slice_is_what_numpy_slices(
    shape: tuple[int, ...], scale: int, data: st.DataObject
):
    """Rows are long here, so that every layout is read and none is narrowed."""
    shape = (*shape[:-1], shape[-1] * scale, MIN_ROW_BYTES)
    dim = data.draw(st.integers(0, len(shape) - 2))
    start = data.draw(st.integers(0, shape[dim]))
    stop = data.draw(st.integers(start, shape[dim]))
    n_bytes = int(np.prod(shape))
    whole = np.arange(n_bytes, dtype=np.uint32).astype(np.uint8)
    selection = select(TensorEntry("a", "U8", shape, 0, n_bytes), Slice(dim, start, stop))
    read = np.concatenate([whole[0:0], *(whole[begin:end] for begin, end in selection.ranges)])
    index = [slice(None)] * len(shape)
    index[dim] = slice(start, stop)
    wanted = whole.reshape(shape)[tuple(index)]
    assert selection.narrow is None
    assert np.array_equal(read.reshape(selection.shape), wanted)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Slice(2, 0, 1), "has no dim 2"),
        (Slice(-1, 0, 1), "has no dim -1"),
        (Slice(0, 0, 5), r"has no \[0:5\]"),
        (Slice(0, 3, 2), r"has no \[3:2\]"),
        (Slice(1, 1, 4), "doesn't begin and end with a byte"),
    ],
)
def test_a_slice_that_is_not_there_is_refused(part: Slice, says: str):
    tensor = TensorEntry("a", "F4", (4, 4), 0, 8)
    with pytest.raises(BadCheckpoint, match=says):
        select(tensor, part)


def test_a_rank_gets_its_equal_part():
    assert rank_slice((8, 6), 1, 2, 3) == Slice(1, 4, 6)


@pytest.mark.parametrize(("dim", "rank", "ranks"), [(1, 0, 4), (2, 0, 2), (0, 2, 2), (0, -1, 2)])
def test_a_dimension_that_has_no_equal_parts_is_refused(dim: int, rank: int, ranks: int):
    with pytest.raises(ValueError, match="has no equal part"):
        rank_slice((8, 6), dim, rank, ranks)
