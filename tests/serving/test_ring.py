import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.loader.plan import PAGE_BYTES
from serving.loader.ring import Lease, Ring, RingClosed

SIZE = 8 * PAGE_BYTES


@given(st.lists(st.integers(0, SIZE), max_size=30), st.data())
def test_what_is_taken_never_overlaps_and_never_leaves_the_arena(
    sizes: list[int], data: st.DataObject
):
    ring = Ring(SIZE)
    held: list[Lease] = []
    for n_bytes in sizes:
        while held and data.draw(st.booleans()):
            ring.give_back(held.pop(0))
        # A single thread would wait for itself: give back in order until there is room.
        while held and ring._fitting(n_bytes) is None and not ring._leases[0].is_back:
            ring.give_back(held.pop(0))
        lease = _take(ring, n_bytes, held)
        assert lease.start % PAGE_BYTES == 0
        assert lease.stop - lease.start == n_bytes
        assert lease.stop <= SIZE
        assert all(lease.stop <= one.start or one.stop <= lease.start for one in held)
        held.append(lease)
    assert ring.peak_bytes <= SIZE


def test_a_lease_of_nothing_before_the_oldest_one_lets_none_be_laid_over_it():
    ring = Ring(2 * PAGE_BYTES)
    first, second = ring.take(PAGE_BYTES), ring.take(PAGE_BYTES)
    ring.give_back(first)
    ring._reclaim_oldest()
    ring.take(PAGE_BYTES)  # gone round, up to where the oldest begins
    assert ring._fitting(0) is None
    assert ring._fitting(1) is None
    assert not second.is_back


def _take(ring: Ring, n_bytes: int, held: list[Lease]) -> Lease:
    while ring._fitting(n_bytes) is None:
        if not ring._leases[0].is_back:
            ring.give_back(held.pop(0))
        ring._reclaim_oldest()
    return ring.take(n_bytes)


def test_room_that_was_given_back_is_taken_again_only_after_its_own_guard():
    ring = Ring(2 * PAGE_BYTES)
    first, second = ring.take(PAGE_BYTES), ring.take(PAGE_BYTES)
    events: list[str] = []
    copied = threading.Event()

    def guard() -> None:
        assert copied.wait(30)
        events.append("copied")

    def take_again() -> None:
        assert ring.take(PAGE_BYTES).start == first.start
        events.append("taken")

    ring.give_back(second)  # has no copy under way; being free must not help the first one
    ring.give_back(first, guard)
    taker = threading.Thread(target=take_again)
    taker.start()
    copied.set()
    taker.join(30)
    assert events == ["copied", "taken"]


def test_who_waits_for_room_gives_up_when_the_ring_is_closed():
    ring = Ring(PAGE_BYTES)
    ring.take(PAGE_BYTES)
    gave_up = threading.Event()

    def wait() -> None:
        with pytest.raises(RingClosed):
            ring.take(1)
        gave_up.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    ring.close()
    waiter.join(30)
    assert gave_up.is_set()


def test_more_than_the_arena_is_refused_at_once():
    with pytest.raises(ValueError, match="don't fit"):
        Ring(PAGE_BYTES).take(PAGE_BYTES + 1)
