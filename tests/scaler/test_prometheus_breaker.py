import pytest

from scaler.adapters.memory import ManualClock
from scaler.adapters.prometheus_breaker import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Breaker,
)
from scaler.errors import HistoryUnavailable

REFUSED = HistoryUnavailable("refused", "http://a: connection refused")
TIMEOUT = HistoryUnavailable("timeout", "http://a: no answer within the deadline")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> Breaker:
    return Breaker(monotonic=clock.monotonic, jitter=lambda: 0.0)


def fail(breaker: Breaker, failure: HistoryUnavailable = REFUSED) -> None:
    began_at = breaker.enter()
    breaker.failed(began_at, failure)
    breaker.left(began_at)


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except HistoryUnavailable:
        return True
    return False


def test_a_refused_connection_opens_it_for_everybody(breaker: Breaker) -> None:
    fail(breaker)
    with pytest.raises(HistoryUnavailable, match=r"connection refused \(asked again in 2 s\)") as e:
        breaker.enter()
    assert e.value.reason == "refused"


def test_after_the_pause_one_probe_goes_through_and_no_second(
    breaker: Breaker, clock: ManualClock
) -> None:
    fail(breaker)
    clock.advance(FIRST_PAUSE_SECONDS)
    assert not is_open(breaker)
    breaker.enter()
    assert is_open(breaker)


def test_an_answered_probe_closes_it(breaker: Breaker, clock: ManualClock) -> None:
    fail(breaker)
    clock.advance(FIRST_PAUSE_SECONDS)
    began_at = breaker.enter()
    breaker.answered()
    breaker.left(began_at)
    assert not is_open(breaker)
    breaker.enter()
    assert not is_open(breaker)


def test_failed_probes_double_the_pause_up_to_the_longest(
    breaker: Breaker, clock: ManualClock
) -> None:
    pauses = []
    for _ in range(7):
        fail(breaker)
        pause = 0
        while is_open(breaker):
            clock.advance(1)
            pause += 1
        pauses.append(pause)
    assert pauses == [2, 4, 8, 16, 30, 30, 30]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_requests_under_way_when_it_opened_do_not_lengthen_the_pause(
    breaker: Breaker, clock: ManualClock
) -> None:
    under_way = []
    for _ in range(8):
        under_way.append(breaker.enter())
        clock.advance(0.01)
    for began_at in under_way:
        breaker.failed(began_at, REFUSED)
        breaker.left(began_at)
    clock.advance(FIRST_PAUSE_SECONDS)
    assert not is_open(breaker)


def test_a_timeout_while_others_are_answered_is_the_querys_own(
    breaker: Breaker, clock: ManualClock
) -> None:
    slow = breaker.enter()
    clock.advance(5)
    quick = breaker.enter()
    breaker.answered()
    breaker.left(quick)
    clock.advance(5)
    breaker.failed(slow, TIMEOUT)
    assert not is_open(breaker)


def test_a_timeout_while_nobody_is_answered_opens_it(breaker: Breaker, clock: ManualClock) -> None:
    breaker.answered()
    clock.advance(1)
    began_at = breaker.enter()
    clock.advance(10)
    breaker.failed(began_at, TIMEOUT)
    assert is_open(breaker)


def test_a_probe_that_was_cancelled_lets_the_next_one_probe(
    breaker: Breaker, clock: ManualClock
) -> None:
    fail(breaker)
    clock.advance(FIRST_PAUSE_SECONDS)
    breaker.left(breaker.enter())
    assert not is_open(breaker)
