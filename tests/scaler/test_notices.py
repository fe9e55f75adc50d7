"""What is told, in which words, and how often."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.books.notices import (
    SUSTAINED_SECONDS,
    Mood,
    Reason,
    about_approval,
    about_shortfall,
    about_source,
    about_verdict,
)
from scaler.books.throttle import BURST, MAX_BUCKETS, REFILL_SECONDS, Throttle
from scaler.ledger.proof import Proof
from scaler.params import Mode
from scaler.ports import Notice
from scaler.types import Limit, Shortfall


def notice(message: str = "m", *, name: str = "llm", reason: str = "R") -> Notice:
    return Notice(namespace="prod", name=name, reason=reason, message=message)


# seconds, what the source says (- nothing wrong), and what is told
SOURCE_STORY = """
   0 -        .
  15 refused  .                     a moment's failure is no news
  30 -        .
  45 refused  .
 105 timeout  .                     still the same trouble, though under another name
 165 refused  DemandSourceFailed    two minutes without an answer
 180 refused  .                     told once
 900 timeout  .
 915 -        DemandSourceRecovered
 930 -        .
"""


def test_a_source_is_told_once_it_has_failed_for_a_while_and_once_it_is_back() -> None:
    mood = Mood()
    for row in SOURCE_STORY.strip().splitlines():
        at, problem, want, *_ = row.split(maxsplit=3)
        problem = "" if problem == "-" else problem
        mood, said = about_source(mood, problem=problem, why="connection refused", at=float(at))
        assert (said.reason if said else ".") == want, row
        if said and problem:
            assert said.message == "demand can't be read (refused): connection refused"


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=60))
def test_failed_and_recovered_take_turns(steps: list[tuple[int, bool]]) -> None:
    mood, at, told = Mood(), 0.0, []
    for seconds, is_failing in steps:
        at += seconds
        mood, said = about_source(mood, problem="refused" if is_failing else "", why="w", at=at)
        if said:
            told.append(said.reason)
    turns = [Reason.SOURCE_FAILED, Reason.SOURCE_RECOVERED] * len(told)
    assert told == turns[: len(told)]
    assert len(told) <= 2 * (at // SUSTAINED_SECONDS + 1)


ANNOTATE = "kubectl annotate scaledobject llm --namespace prod keda-prewarm/mode"
NO_LONGER = "prediction is no longer advised"
WON, LOST = Proof(is_won=True, why="figures"), Proof(is_won=False, why="figures")


@pytest.mark.parametrize(
    ("mode", "before", "now", "want"),
    [
        (Mode.PROVE, LOST, WON, "PredictionPromoted: predicting from now on: figures"),
        (Mode.PROVE, WON, LOST,
         "PredictionSteppedBack: answering reactively from now on: figures"),
        (Mode.ADVISE, LOST, WON,
         f"PredictionAdvised: figures; to let it act: {ANNOTATE}=predict"),
        (Mode.ADVISE, WON, LOST,
         f"PredictionNotAdvised: {NO_LONGER}: figures; to take it back: {ANNOTATE}-"),
        (Mode.PROVE, WON, WON, None),
        (Mode.OBSERVE, LOST, WON, None),
        (Mode.PREDICT, WON, LOST, None),
    ],
)  # fmt: skip
def test_a_verdict_is_told_to_those_who_asked_for_one(
    mode: Mode, before: Proof, now: Proof, want: str | None
) -> None:
    said = about_verdict(before, now, mode=mode, namespace="prod", name="llm")
    assert (f"{said.reason}: {said.message}" if said else None) == want


def test_approval_has_its_words() -> None:
    said = [about_approval(False, True), about_approval(True, False)]
    assert [each and each.reason for each in said] == [
        "PredictionApproved", "PredictionApprovalEnded",
    ]  # fmt: skip
    assert about_approval(True, True) is None


@pytest.mark.parametrize(
    ("limit", "latest_at", "want"),
    [
        (Limit.MAX_REPLICAS, 100.0, "2 replicas too few from now on: the ceiling is reached"),
        (Limit.NO_ROOM, 430.0, "2 replicas too few within 5 min 30 s: no node has room for them"),
    ],
)
def test_a_shortfall_says_how_many_when_and_why(limit: Limit, latest_at: float, want: str) -> None:
    short = Shortfall(replicas=2, limit=limit, earliest_at=100.0, latest_at=latest_at)
    assert about_shortfall(short, 100.0).message == want


def test_a_burst_passes_and_then_one_in_ten_minutes() -> None:
    throttle = Throttle()
    passed = [n for n in range(1_000) if throttle.admits(notice(f"{n}"), at=n * 15.0)]
    assert passed[:BURST] == [0, 1, 2]
    gaps = [(b - a) * 15.0 for a, b in pairwise(passed[3:])]
    assert gaps
    assert all(abs(gap - REFILL_SECONDS) <= 15 for gap in gaps)


def test_the_same_text_passes_once_an_hour() -> None:
    throttle = Throttle()
    passed = [n for n in range(0, 10_000, 15) if throttle.admits(notice("same"), at=float(n))]
    assert passed == [0, 3_600, 7_200]


def test_one_object_s_noise_holds_back_no_other_object_or_reason() -> None:
    throttle = Throttle()
    for number in range(50):
        throttle.admits(notice(f"{number}"), at=0.0)
    assert not throttle.admits(notice("news"), at=0.0)
    assert throttle.admits(notice("news", reason="Other"), at=0.0)
    assert throttle.admits(notice("news", name="other"), at=0.0)


def test_the_table_is_bounded() -> None:
    throttle = Throttle()
    for number in range(MAX_BUCKETS + 100):
        throttle.admits(notice(name=f"n{number}"), at=0.0)
    assert len(throttle._buckets) == MAX_BUCKETS


@given(st.lists(st.tuples(st.integers(-50_000, 50_000), st.sampled_from("abc")), max_size=80))
def test_however_time_runs_no_more_pass_than_the_bucket_holds(
    steps: list[tuple[int, str]],
) -> None:
    throttle, at, passed, forward = Throttle(), 0.0, 0, 0.0
    for seconds, message in steps:
        at += seconds
        forward += max(0, seconds)
        passed += throttle.admits(notice(message), at=at)
    assert passed <= BURST + forward / REFILL_SECONDS
