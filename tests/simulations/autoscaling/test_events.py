"""The store of rescales, against Kubernetes' own test of it, for both directions are alike."""

import pytest

from simulations.autoscaling.behavior import Behavior
from simulations.autoscaling.events import Event, change_within, stored
from simulations.autoscaling.hpa import remembered
from simulations.autoscaling.limits import Rescales
from simulations.autoscaling.spec import HpaSpec

NOW = 10_000.0
Aged = tuple[int, float]  # pods and the age in seconds


def past(*aged: Aged) -> tuple[Event, ...]:
    return tuple(Event(NOW - age, change) for change, age in aged)


@pytest.mark.parametrize(
    ("before", "longest", "within_60", "after"),
    [
        ([], 60, 0, [5]),
        ([(7, 61)], 60, 0, [5]),
        ([(7, 58)], 60, 7, [7, 5]),
        ([(7, 61), (6, 59)], 60, 6, [5, 6]),
        ([(8, 29), (6, 59), (7, 61), (9, 61)], 60, 14, [8, 6, 7, 5]),
        ([(7, 58), (6, 59)], 120, 13, [7, 6, 5]),
    ],
)
def test_an_outdated_event_leaves_its_place_to_the_next(
    before: list[Aged], longest: float, within_60: int, after: list[int]
) -> None:
    events = past(*before)
    assert change_within(events, 60.0, at=NOW) == within_60
    got = stored(events, 5, at=NOW, longest_seconds=longest)
    assert [event.change for event in got] == after


def test_without_behavior_nothing_is_stored_and_nothing_forgotten() -> None:
    before = Rescales(past((7, 61)), past((7, 61)))
    assert remembered(before, HpaSpec(), 10, 15, at=NOW) == before
    assert remembered(Rescales(), HpaSpec(), 10, 15, at=NOW) == Rescales()


def test_a_rescale_is_stored_in_its_direction_and_a_sync_that_changes_nothing_is_none() -> None:
    spec = HpaSpec(behavior=Behavior())
    assert remembered(Rescales(), spec, 10, 15, at=NOW) == Rescales(up=past((5, 0)))
    assert remembered(Rescales(), spec, 15, 10, at=NOW) == Rescales(down=past((5, 0)))
    assert remembered(Rescales(), spec, 10, 10, at=NOW) == Rescales()


def test_an_event_too_old_for_its_own_direction_still_counts_for_the_other() -> None:
    """Pruning by age would lose the 7, which a policy with a period of 120 s still sees."""
    got = stored(past((7, 61), (6, 59)), 5, at=NOW, longest_seconds=300.0)
    assert change_within(got, 120.0, at=NOW) == 18
    replaced = stored(past((7, 61), (6, 59)), 5, at=NOW, longest_seconds=60.0)
    assert change_within(replaced, 120.0, at=NOW) == 11
