"""What other parts know of a target is shown as soon as it is there."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from boards import NOON, seen
from scaler.metadata import parse
from scaler.page.extras import extras_of, shortfall_of
from scaler.policy import decide
from scaler.types import Decision, PolicyState

ACCOUNT = SimpleNamespace(shortage_demand_seconds=5.0, short_seconds=2.0, replica_hours=1.5)
ROW = SimpleNamespace(
    known_seconds=60.0,
    unknown_seconds=0.0,
    reactive=ACCOUNT,
    predictive=ACCOUNT,
    actual=ACCOUNT,
    actual_seconds=0.0,
    saved_ratio=float("nan"),
    extra_ratio=0.25,
)


def target(**more: Any) -> Any:
    return SimpleNamespace(**{"ledger": None, "view": None, **more})


def test_a_target_that_nobody_keeps_books_of_has_none() -> None:
    extras = extras_of(target())
    assert extras.ledger is None
    assert extras.cold_starts_seconds is None


def test_a_ledger_is_read_and_what_it_does_not_know_is_none() -> None:
    ledger = SimpleNamespace(since_at=1.0, at=2.0, total=ROW, mode_in_force="observe")
    view = extras_of(target(ledger=ledger)).ledger
    assert view is not None
    assert (view.saved_ratio, view.extra_ratio, view.actual) == (None, 0.25, None)
    assert (view.prewarm.short_seconds, view.mode_in_force) == (2.0, "observe")


def test_only_starts_that_became_ready_are_in_the_histogram() -> None:
    finished = (
        SimpleNamespace(seconds=60.0, is_ready=True),
        SimpleNamespace(seconds=10.0, is_ready=False),
    )
    starts = SimpleNamespace(finished=finished)
    assert extras_of(target(view=SimpleNamespace(starts=starts))).cold_starts_seconds == (60.0,)
    assert extras_of(target(view=SimpleNamespace(starts=None))).cold_starts_seconds is None


@dataclass(frozen=True, kw_only=True)
class WithShortfall(Decision):
    """A decision that tells what is missing."""

    shortfall: Any = None


@pytest.mark.parametrize(
    ("latest_at", "at", "because"),
    [
        (NOON, None, "no node has room for them"),
        (NOON + 600, NOON + 600, "no node has room for them, within 10 min"),
    ],
)
def test_a_shortfall_says_when_it_bites(latest_at: float, at: float | None, because: str) -> None:
    params = parse({"query": "d", "threshold": "10"}).params
    decision = decide(PolicyState(), seen(NOON, 10.0), params)[1]
    values = {name: getattr(decision, name) for name in Decision.__dataclass_fields__}
    told = SimpleNamespace(replicas=3, limit="no-room", earliest_at=NOON, latest_at=latest_at)
    found = shortfall_of(WithShortfall(**{**values, "shortfall": told}))
    assert found is not None
    assert (found.missing_replicas, found.at, found.because) == (3, at, because)
    assert shortfall_of(replace(decision, replicas=1)) is None
