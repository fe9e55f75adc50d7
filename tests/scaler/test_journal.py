"""The last day of a target: what is kept, what is not, and that nothing unknown becomes zero."""

from math import isnan, nan
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from boards import NOON, fleet, seen
from scaler.journal import MAX_CHANGES, N_SLOTS, SLOT_SECONDS, SPAN_SECONDS, Journal
from scaler.metadata import parse
from scaler.policy import decide
from scaler.types import Decision, Evidence, PolicyState

PARAMS = parse({"query": "d", "threshold": "10"}).params


def noted(
    journal: Journal, at: float, demand: float = nan, bound: float | None = None, **more: Any
) -> Decision:
    evidence = more.pop("evidence", Evidence.FRESH)
    what = seen(at, demand, bound, evidence=evidence, **more)
    decision = decide(PolicyState(), what, PARAMS)[1]
    journal.note(decision)
    return decision


@given(
    st.lists(st.tuples(st.floats(1, 200_000), st.floats(0, 1e6)), min_size=1, max_size=60),
)
def test_a_day_of_minutes_holds_each_minutes_peak(steps: list[tuple[float, float]]) -> None:
    """The oracle: a dict of minutes, and the day before the newest."""
    journal, peaks, at = Journal(), {}, NOON
    for ahead_seconds, demand in steps:
        at += ahead_seconds
        noted(journal, at, demand)
        slot = int(at // SLOT_SECONDS)
        peaks[slot] = max(peaks.get(slot, 0.0), demand)
    moments = journal.moments()
    wanted = {slot: peak for slot, peak in peaks.items() if slot > (at - SPAN_SECONDS) // 60}
    kept = {int(each.as_of // SLOT_SECONDS): each.observed_demand for each in moments}
    # The row at the far edge may lie a part of a minute too far back: in or out, never altered.
    assert kept.items() <= peaks.items()
    assert wanted.items() <= kept.items()
    assert [each.as_of for each in moments] == sorted(each.as_of for each in moments)
    assert len(moments) <= N_SLOTS


def test_what_is_unknown_stays_unknown() -> None:
    journal = Journal()
    noted(journal, NOON, evidence=Evidence.UNKNOWN)
    [moment] = journal.moments()
    assert isnan(moment.observed_demand)
    assert isnan(moment.forecast_demand)
    assert moment.ready_replicas is None
    assert moment.evidence is Evidence.UNKNOWN


def test_a_known_demand_outlives_an_unknown_one_of_the_same_minute() -> None:
    journal = Journal()
    noted(journal, NOON, 30.0, 40.0)
    noted(journal, NOON + 15, evidence=Evidence.UNKNOWN)
    [moment] = journal.moments()
    assert (moment.observed_demand, moment.forecast_demand) == (30.0, 40.0)


def test_no_replica_ready_is_zero_and_not_unknown() -> None:
    journal = Journal()
    noted(journal, NOON, 1.0, fleet=fleet(ready=0))
    assert journal.moments()[0].ready_replicas == 0


def test_a_clock_that_stepped_back_hides_what_lies_after_it() -> None:
    journal = Journal()
    noted(journal, NOON + 3_600, 50.0)
    noted(journal, NOON, 10.0)
    assert [each.observed_demand for each in journal.moments()] == [10.0]


def test_a_pause_leaves_no_old_rows_behind() -> None:
    journal = Journal()
    noted(journal, NOON, 50.0)
    noted(journal, NOON + 2 * SPAN_SECONDS + 60, 10.0)
    assert [each.observed_demand for each in journal.moments()] == [10.0]


def test_only_what_differs_is_a_change_and_only_the_newest_are_kept() -> None:
    journal = Journal()
    for nth in range(100):
        noted(journal, NOON + 60 * nth, 10.0 * (nth // 2 + 1))
    assert len(journal.changes) == MAX_CHANGES
    newest = journal.changes[-1]
    assert (newest.before_replicas, newest.decision.replicas) == (49, 50)
    assert [step.rule for step in newest.steps] == ["cover_observed"]


def test_a_change_of_evidence_alone_is_a_change() -> None:
    journal = Journal()
    noted(journal, NOON, 0.0)
    noted(journal, NOON + 60, evidence=Evidence.STALE)
    assert [each.is_of_replicas for each in journal.changes] == [True, False]
    assert journal.changes[-1].before_evidence is Evidence.FRESH


def test_the_memory_is_what_the_docstring_says() -> None:
    journal = Journal()
    assert journal._rows is None
    noted(journal, NOON, 1.0)
    assert journal._rows is not None
    assert journal._rows.nbytes == 41 * 1_440
