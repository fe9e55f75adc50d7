from hypothesis import given
from hypothesis import strategies as st

from simulations.fleet import Fleet, warm


def test_a_pod_is_ready_a_lead_time_after_it_is_wanted() -> None:
    fleet = warm(2, since=0.0).scaled(5, at=100.0, lead_time_seconds=300.0)
    assert fleet.wanted == 5
    assert [fleet.ready(at) for at in (100.0, 399.0, 400.0)] == [2, 2, 5]


def test_the_youngest_pods_go_first() -> None:
    fleet = warm(2, since=0.0).scaled(4, at=100.0, lead_time_seconds=300.0)
    assert fleet.scaled(3, at=200.0, lead_time_seconds=300.0).ready_at == (0.0, 0.0, 400.0)


@given(counts=st.lists(st.integers(0, 20), max_size=10))
def test_ready_pods_are_never_more_than_wanted_and_all_ready_in_the_end(counts: list[int]) -> None:
    fleet = Fleet()
    for turn, count in enumerate(counts):
        fleet = fleet.scaled(count, at=15.0 * turn, lead_time_seconds=40.0)
        assert fleet.wanted == count
        assert fleet.ready(15.0 * turn) <= count
    assert fleet.ready(1e9) == fleet.wanted
