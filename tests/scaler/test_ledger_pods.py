"""A model fleet: ready a lead time after asking, let go when the HPA would."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scaler.ledger.pods import STABILIZATION_SECONDS, Pods, spend

# seconds, the answer from then on (- none), and what there is: wanted, ready.
STORY = """
   0  2   2 2  two are there and ready
  60  5   5 2  three more are asked for, and paid for at once
 120  6   6 2  and one more
 239  -   6 2  a lead time of 180 s is not over
 240  -   6 5  the first three answer
 300  -   6 6  and the fourth
 400  3   6 6  three are enough: the HPA waits
 600  4   6 6  a rise below what is held starts nothing
 699  -   6 6  300 s are not over
 700  -   4 4  six were last asked for at 400 s
 800  0   4 4  nothing is wanted
 900  2   4 4
1099  -   4 4
1100  -   2 2  four were last asked for at 800 s
1200  9   9 2  a spike that is over before its pods are there
1210  0   9 2
1380  -   9 9
1509  -   9 9  ready when nobody needs them any more
1510  -   0 0  nine were last asked for at 1210 s
"""


def test_the_story_of_a_fleet() -> None:
    pods = Pods(asked=2, ready=2)
    for row in STORY.strip().splitlines():
        at, answer, wanted, ready, *why = row.split(maxsplit=4)
        pods = pods.as_of(float(at))
        if answer != "-":
            pods = pods.asked_for(int(answer), at=float(at), lead_time_seconds=180.0)
        assert (pods.wanted, pods.ready) == (int(wanted), int(ready)), (at, why)


def test_pods_that_are_not_ready_are_let_go_first() -> None:
    pods = Pods(asked=2, ready=2).asked_for(6, at=0.0, lead_time_seconds=1_000.0)
    pods = pods.asked_for(3, at=10.0, lead_time_seconds=1_000.0).as_of(310.0)
    assert (pods.wanted, pods.ready, pods.starting) == (3, 2, ((1_000.0, 1),))


def test_what_a_span_costs_by_hand() -> None:
    # Two pods carry 20. Demand is 35; a third and fourth are asked for at 0 and ready at 60.
    pods = Pods(asked=2, ready=2).asked_for(4, at=0.0, lead_time_seconds=60.0)
    after, account = spend(pods, from_at=0.0, to_at=100.0, demand=35.0, threshold=10.0)
    assert account.shortage_demand_seconds == 15.0 * 60
    assert account.short_seconds == 60.0
    assert account.replica_seconds == 4 * 100.0, "paid for from asking"
    assert (after.ready, after.wanted) == (4, 4)


answers = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 12)), min_size=1, max_size=40
)  # seconds until the next answer, and the answer
lead_times = st.sampled_from([1.0, 45.0, 180.0, 700.0])


def timeline(steps: Sequence[tuple[int, int]]) -> list[tuple[float, int]]:
    at, told = 0.0, []
    for seconds, replicas in steps:
        told.append((at, replicas))
        at += seconds
    return [*told, (at, steps[-1][1])]


@given(answers, lead_times)
def test_there_are_as_many_pods_as_the_largest_answer_of_the_window(
    steps: list[tuple[int, int]], lead_time_seconds: float
) -> None:
    told = timeline(steps)
    pods = Pods(asked=told[0][1], ready=told[0][1])
    for (at, replicas), (until, _) in pairwise(told):
        pods = pods.as_of(at).asked_for(replicas, at=at, lead_time_seconds=lead_time_seconds)
        for moment in (at, (at + until) / 2):
            in_window = [
                count
                for (since, count), (ended, _) in pairwise(told)
                if since <= moment and ended + STABILIZATION_SECONDS > moment
            ]
            seen = pods.as_of(moment)
            assert seen.wanted == max(in_window)
            assert 0 <= seen.ready <= seen.wanted
            assert all(count > 0 and ready_at > moment for ready_at, count in seen.starting)


@given(answers, lead_times, st.floats(0, 150), st.floats(0.01, 0.99))
def test_a_span_split_anywhere_costs_the_same(
    steps: list[tuple[int, int]], lead_time_seconds: float, demand: float, part: float
) -> None:
    whole = split = Pods(asked=3, ready=3)
    for (at, replicas), (until, _) in pairwise(timeline(steps)):
        whole = whole.asked_for(replicas, at=at, lead_time_seconds=lead_time_seconds)
        split = split.asked_for(replicas, at=at, lead_time_seconds=lead_time_seconds)
        middle = at + part * (until - at)
        whole, at_once = spend(whole, from_at=at, to_at=until, demand=demand, threshold=10.0)
        split, first = spend(split, from_at=at, to_at=middle, demand=demand, threshold=10.0)
        split, second = spend(split, from_at=middle, to_at=until, demand=demand, threshold=10.0)
        both = first + second
        assert split == whole
        assert abs(both.shortage_demand_seconds - at_once.shortage_demand_seconds) < 1e-6
        assert abs(both.short_seconds - at_once.short_seconds) < 1e-6
        assert abs(both.replica_seconds - at_once.replica_seconds) < 1e-6


@given(answers, lead_times, st.integers(0, 6))
def test_asking_for_more_never_gives_less(
    steps: list[tuple[int, int]], lead_time_seconds: float, more: int
) -> None:
    low = high = Pods(asked=0, ready=0)
    for at, replicas in timeline(steps):
        low = low.as_of(at).asked_for(replicas, at=at, lead_time_seconds=lead_time_seconds)
        high = high.as_of(at).asked_for(replicas + more, at=at, lead_time_seconds=lead_time_seconds)
        assert low.ready <= high.ready
        assert low.wanted <= high.wanted


@given(answers, lead_times)
def test_what_is_remembered_is_bounded_by_the_counts_and_not_by_time(
    steps: list[tuple[int, int]], lead_time_seconds: float
) -> None:
    pods = Pods(asked=0, ready=0)
    for at, replicas in timeline(steps):
        pods = pods.as_of(at).asked_for(replicas, at=at, lead_time_seconds=lead_time_seconds)
        assert len(pods.held) <= 12
        assert sum(count for _, count in pods.starting) <= 12
