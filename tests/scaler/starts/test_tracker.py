"""What pods do, as stories, and what is remembered of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.fleet import StartClass
from scaler.starts.book import MAX_KNOWN, MAX_REASONS, MAX_STARTS, StartBook
from scaler.starts.record import Pod, Start
from scaler.starts.tracker import Tracker

IMAGE = "registry.test/model:1"


def pod(uid: str, created_at: float = 0.0, **more: Any) -> Pod:
    facts = {"node": "gpu-1", "image": IMAGE, "accelerator": "H100", "scheduled_at": created_at + 1}
    return Pod(uid=uid, created_at=created_at, **(facts | more))


def run_through(tracker: Tracker, uid: str, created_at: float, seconds: float, **more: Any) -> None:
    """A whole start, as a watch shows it."""
    new = pod(uid, created_at, **more)
    tracker.see(replace(new, node="", scheduled_at=None), created_at)
    tracker.see(new, created_at + 1)
    running = replace(new, started_at=created_at + 2)
    tracker.see(running, created_at + 2)
    tracker.see(replace(running, ready_at=created_at + seconds), created_at + seconds + 1)


def finished(tracker: Tracker, at: float = 0.0) -> list[tuple[str, float, bool, str]]:
    return [
        (start.uid, start.seconds, start.is_ready, str(start.start_class))
        for start in tracker.starts(at).finished
    ]


def test_a_start_lasts_from_creation_to_ready_and_is_told_by_phase() -> None:
    tracker = Tracker()
    run_through(tracker, "a", 100.0, 60.0, prepared_at=101.5)
    [start] = tracker.starts(200).finished
    assert start.seconds == 60.0
    assert start.phases() == {"schedule": 1.0, "prepare": 0.5, "image": 0.5, "load": 58.0}
    assert replace(start, prepared_at=None).phases() == {
        "schedule": 1.0,
        "image": 1.0,
        "load": 58.0,
    }


def test_what_is_under_way_counts_for_the_time_it_has_taken() -> None:
    tracker = Tracker()
    tracker.see(pod("a", 100.0), 101)
    [start] = tracker.starts(130).under_way
    assert (start.began_at, start.start_class) == (100.0, StartClass.FRESH_NODE)
    assert not tracker.starts(130).finished


def test_a_pod_that_goes_before_it_is_ready_took_at_least_so_long() -> None:
    tracker = Tracker()
    tracker.see(pod("a", 100.0), 101)
    tracker.gone("a", 130)
    assert finished(tracker) == [("a", 30.0, False, "fresh-node")]
    tracker.see(pod("b", 200.0), 201)
    tracker.see(pod("b", 200.0, is_ending=True), 220)
    tracker.gone("b", 230)
    assert finished(tracker)[1:] == [("b", 20.0, False, "fresh-node")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trouble": "CrashLoopBackOff"}, "CrashLoopBackOff"),
        ({"trouble": "ImagePullBackOff"}, "ImagePullBackOff"),
        ({"restarts": 1}, "Restarted"),
    ],
)
def test_a_start_that_failed_is_counted_and_is_no_start_time(
    change: dict[str, Any], reason: str
) -> None:
    tracker = Tracker()
    tracker.see(pod("a", 100.0), 101)
    tracker.see(pod("a", 100.0, **change), 120)
    tracker.see(pod("a", 100.0, restarts=3, ready_at=900.0), 901)  # in the end it got ready
    tracker.see(pod("b", 100.0, **change), 121)
    starts = tracker.starts(1_000)
    assert (starts.finished, starts.under_way) == ((), ())
    assert starts.failed == ((reason, 2),)


def test_a_pod_that_is_never_ready_is_given_up_and_then_counts_no_more() -> None:
    tracker = Tracker()
    for number in range(3):
        run_through(tracker, f"good-{number}", 100.0 * number, 60.0)
    tracker.see(pod("stuck", 1_000.0), 1_001)
    assert len(tracker.starts(1_600).under_way) == 1
    starts = tracker.starts(1_601)
    assert (starts.under_way, starts.failed) == ((), (("NeverReady", 1),))
    tracker.gone("stuck", 5_000)
    assert len(tracker.starts(5_000).finished) == 3


def test_a_large_model_gets_five_times_its_longest_start_before_it_is_given_up() -> None:
    tracker = Tracker()
    run_through(tracker, "slow", 0.0, 900.0)
    tracker.see(pod("next", 1_000.0), 1_001)
    assert tracker.starts(1_000 + 4_500).under_way
    assert not tracker.starts(1_000 + 4_501).under_way


def test_waiting_for_a_gpu_of_a_node_that_is_there_is_no_start() -> None:
    tracker = Tracker()
    waiting = pod("a", 100.0, node="", scheduled_at=None, is_unschedulable=True)
    tracker.see(waiting, 100)
    assert tracker.starts(110).n_unschedulable == 1
    placed = pod("a", 100.0, scheduled_at=500.0, node_created_at=50.0)
    tracker.see(placed, 500)
    tracker.see(replace(placed, ready_at=560.0), 561)
    assert [row[1] for row in finished(tracker)] == [60.0]


def test_waiting_for_a_node_that_is_being_made_is_part_of_a_start() -> None:
    tracker = Tracker()
    placed = pod("a", 100.0, scheduled_at=300.0, node_created_at=250.0)
    tracker.see(placed, 300)
    tracker.see(replace(placed, ready_at=400.0), 401)
    assert finished(tracker) == [("a", 300.0, True, "fresh-node")]


def test_a_node_is_warm_once_the_image_has_run_there() -> None:
    tracker = Tracker()
    run_through(tracker, "first", 0.0, 60.0)
    run_through(tracker, "second", 100.0, 20.0)
    run_through(tracker, "other-node", 200.0, 60.0, node="gpu-2")
    run_through(tracker, "new-image", 300.0, 60.0, image="registry.test/model:2")
    classes = {row[0]: row[3] for row in finished(tracker)}
    assert classes == {
        "first": "fresh-node",
        "second": "warm-node",
        "other-node": "fresh-node",
        "new-image": "fresh-node",
    }


def test_two_pods_that_come_to_a_node_together_are_both_fresh() -> None:
    tracker = Tracker()
    for uid in ("a", "b"):
        tracker.see(pod(uid, 0.0), 1)
    for uid in ("a", "b"):
        tracker.see(pod(uid, 0.0, started_at=1.0), 2)
        tracker.see(pod(uid, 0.0, started_at=1.0, ready_at=60.0), 61)
    assert {row[3] for row in finished(tracker)} == {"fresh-node"}


def test_a_pod_that_is_woken_starts_when_it_is_woken() -> None:
    tracker = Tracker()
    run_through(tracker, "a", 0.0, 60.0)
    tracker.see(pod("a", 0.0, is_asleep=True), 1_000)
    starts = tracker.starts(1_000)
    assert (starts.n_asleep, starts.under_way) == (1, ())
    assert tracker.fleet().ready == 0
    tracker.see(pod("a", 0.0), 2_000)
    [going_on] = tracker.starts(2_002).under_way
    assert (going_on.start_class, going_on.began_at) == (StartClass.WOKEN, 2_000)
    tracker.see(pod("a", 0.0, ready_at=2_004.0), 2_005)
    assert finished(tracker)[-1] == ("a", 4.0, True, "woken")


def test_a_pod_that_was_ready_at_first_sight_counts_where_that_is_believable() -> None:
    tracker = Tracker()
    tracker.see(pod("believable", 0.0, ready_at=90.0), 5_000)
    tracker.see(pod("flapped-yesterday", 0.0, ready_at=200_000.0), 250_000)
    tracker.see(pod("restarted-later", 0.0, ready_at=300.0, restarts=1), 250_000)
    starts = tracker.starts(250_000)
    assert [start.uid for start in starts.finished] == ["believable"]
    assert starts.failed == ()


def test_the_fleet_counts_each_pod_once() -> None:
    tracker = Tracker()
    tracker.see(pod("ready", ready_at=60.0), 61)
    tracker.see(pod("starting"), 61)
    tracker.see(pod("not-placed-yet", node="", scheduled_at=None), 61)
    tracker.see(pod("no-room", node="", scheduled_at=None, is_unschedulable=True), 62)
    tracker.see(pod("ending", ready_at=60.0, is_ending=True), 63)
    fleet = tracker.fleet(wanted=6)
    counts = (fleet.wanted, fleet.ready, fleet.starting, fleet.unschedulable)
    assert counts == (6, 1, 2, 1)
    assert fleet.at == 63
    assert tracker.fleet().wanted == 4


def test_a_list_says_what_is_gone_and_counts_nothing_twice() -> None:
    tracker = Tracker()
    run_through(tracker, "a", 0.0, 60.0)
    tracker.see(pod("b", 10.0), 11)
    again = [pod("a", 0.0, ready_at=60.0), pod("c", 40.0, ready_at=70.0)]
    for _ in range(2):
        tracker.replace_all(again, 100)
    assert [row[:3] for row in finished(tracker)] == [
        ("a", 60.0, True), ("b", 1.0, False), ("c", 30.0, True),
    ]  # fmt: skip


def test_a_restart_remembers_and_counts_no_pod_twice() -> None:
    tracker = Tracker()
    run_through(tracker, "a", 0.0, 60.0)
    tracker.see(pod("bad", trouble="CrashLoopBackOff"), 5)
    tracker.starts(100)
    state = json.loads(json.dumps(tracker.to_state()))
    again = Tracker.from_state(state)
    again.replace_all([pod("a", 0.0, ready_at=60.0), pod("bad", trouble="CrashLoopBackOff")], 200)
    assert again.starts(200).finished == tracker.starts(200).finished
    assert again.starts(200).failed == (("CrashLoopBackOff", 1),)
    run_through(again, "next", 300.0, 20.0)
    assert finished(again)[-1][3] == "warm-node", "what ran where is part of it"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.update(version=99),
        lambda state: state.pop("finished"),
        lambda state: state["finished"][0].update(began_at="yesterday"),
        lambda state: state["finished"][0].update(ended_at=float("nan")),
        lambda state: state["finished"][0].update(start_class="lukewarm"),
        lambda state: state.update(failed=[1]),
    ],
)
def test_a_state_that_is_none_is_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    tracker = Tracker()
    run_through(tracker, "a", 0.0, 60.0)
    state = tracker.to_state()
    spoil(state)
    with pytest.raises(ValueError):  # noqa: PT011 - each kind has words of its own
        Tracker.from_state(state)


def test_memory_is_bounded() -> None:
    book = StartBook()
    for number in range(MAX_KNOWN + 500):
        book.add(
            Start(
                uid=str(number), image=IMAGE, accelerator="", start_class=StartClass.WARM_NODE,
                node="", began_at=0.0, ended_at=1.0, is_ready=True,
            )
        )  # fmt: skip
        book.count_failure(f"failed-{number}", f"Reason{number}")
    state = book.to_state()
    assert len(state["finished"]) == MAX_STARTS
    assert len(state["known"]) == MAX_KNOWN
    assert len(state["failed"]) <= MAX_REASONS + 1
    assert sum(state["failed"].values()) == MAX_KNOWN + 500


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["new", "placed", "running", "ready", "crash", "sleep", "gone", "ending"]),
        st.floats(0, 500),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_pods_do_each_is_counted_once_and_no_time_is_negative(
    steps: list[tuple[str, str, float]],
) -> None:
    tracker = Tracker()
    at = 1_000.0
    shapes: dict[str, dict[str, Any]] = {
        "new": {"node": "", "scheduled_at": None},
        "placed": {},
        "running": {"started_at": 1_010.0},
        "ready": {"started_at": 1_010.0, "ready_at": 1_060.0},
        "crash": {"trouble": "CrashLoopBackOff", "restarts": 2},
        "sleep": {"is_asleep": True},
        "ending": {"is_ending": True},
    }
    for uid, what, passed in steps:
        at += passed
        if what == "gone":
            tracker.gone(uid, at)
        else:
            tracker.see(pod(uid, 1_000.0, **shapes[what]), at)
        starts = tracker.starts(at)
        assert starts == tracker._starts(), "what is kept is what would be worked out"
        fleet = tracker.fleet()
        assert fleet.ready + fleet.starting + fleet.unschedulable <= 4
        assert all(start.seconds >= 0 for start in starts.finished)
        slept = sum(start.start_class is StartClass.WOKEN for start in starts.finished)
        failures = sum(count for _, count in starts.failed)
        wakes = sum(1 for _, kind, _ in steps if kind == "sleep")
        assert len(starts.finished) - slept + failures <= 4 + wakes
    assert Tracker.from_state(tracker.to_state()).to_state() == tracker.to_state()
