"""Which start comes next, how long it takes, and how the prior gives way to what was measured."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.fleet import StartClass
from scaler.params import AUTO_LEAD_TIME_SECONDS
from scaler.starts.lead import (
    MAX_SECONDS,
    PRIOR_SECONDS,
    WIDENING,
    LeadSettings,
    lead_time,
    mean_phases,
    next_class,
    start_time,
)
from scaler.starts.ramp import Pace, ScaleUp, Select
from scaler.starts.record import Pod, Start, Starts, UnderWay
from scaler.starts.tracker import Tracker

FRESH, WARM, WOKEN = StartClass.FRESH_NODE, StartClass.WARM_NODE, StartClass.WOKEN
AT = 100_000.0
OLD, NEW = "registry.test/model:1", "registry.test/model:2"


def start(seconds: float, **more: Any) -> Start:
    facts = {"uid": "", "image": OLD, "accelerator": "H100", "start_class": FRESH, "node": "n"}
    ended = {"began_at": AT - seconds, "ended_at": AT, "is_ready": True}
    return Start(**(facts | ended | more))


def starts(*finished: Start, **more: Any) -> Starts:
    return Starts(**({"image": OLD, "accelerator": "H100", "finished": finished} | more))


def many(n_starts: int, **more: Any) -> tuple[Start, ...]:
    """Starts of 51, 52, ... seconds."""
    return tuple(start(51.0 + number, **more) for number in range(n_starts))


def going_on(start_class: StartClass, began_at: float = AT - 5) -> UnderWay:
    return UnderWay(image=OLD, accelerator="H100", start_class=start_class, began_at=began_at)


def test_with_nothing_seen_it_is_the_documented_prior_and_auto_is_the_sum() -> None:
    found = lead_time(starts(), Pace(poll_seconds=15.0), current=0, wanted=1, at=AT)
    assert (found.start_seconds, found.is_measured) == (PRIOR_SECONDS[FRESH], False)
    assert found.start_class is FRESH
    assert PRIOR_SECONDS[FRESH] + 30.0 == AUTO_LEAD_TIME_SECONDS
    assert found.interval is None


@pytest.mark.parametrize(
    ("given_starts", "seconds", "is_measured", "why"),
    [
        (starts(*many(9)), 300, False, "nine are too few: the prior"),
        (starts(*many(10)), 51 + 8.9, True, "rank 9.9 of 10"),
        (starts(*many(30)), 51 + 26.9, True, "rank 27.9 of 30"),
        (starts(*many(5), start(700.0)), 700, False, "never less than the longest seen"),
        (
            starts(*many(4), under_way=(going_on(FRESH, AT - 400),)),
            400,
            False,
            "nor than one under way has taken",
        ),
        (
            starts(*many(30, image=OLD), image=NEW),
            (51 + 26.9) * WIDENING,
            False,
            "a new image: the old one's, widened",
        ),
        (
            starts(*many(30), *many(10, image=NEW), image=NEW),
            51 + 8.9,
            True,
            "until enough of the new one were seen",
        ),
        (starts(*many(30, accelerator="L4")), 300, False, "another accelerator says nothing"),
        (
            starts(*many(30, start_class=WARM), n_unschedulable=1),
            300,
            False,
            "a fresh node isn't as quick as the warm ones that were seen",
        ),
        (
            starts(*many(30, start_class=WARM, ended_at=AT + 300), n_unschedulable=1),
            (351 + 26.9) * WIDENING,
            False,
            "and slower than warm ones that are slow",
        ),
        (
            starts(*many(30), under_way=(going_on(WARM),)),
            51 + 26.9,
            False,
            "a warm node is no slower than a fresh one is known to be",
        ),
        (
            starts(*(start(500.0, start_class=FRESH) for _ in range(30)), n_asleep=1),
            30,
            False,
            "woken",
        ),
    ],
)  # fmt: skip
def test_the_prior_gives_way_to_what_was_measured(
    given_starts: Starts,
    seconds: float,
    is_measured: bool,  # noqa: FBT001 - a column of the table
    why: str,
) -> None:
    found = start_time(given_starts, at=AT)
    assert found.seconds == pytest.approx(seconds, abs=0.11), why
    assert found.is_measured is is_measured, why


@pytest.mark.parametrize(
    ("given_starts", "expected", "why"),
    [
        (starts(), FRESH, "nothing is known"),
        (starts(*many(20, start_class=WARM)), WARM, "all were warm"),
        (starts(*many(2), *many(18, start_class=WARM)), WARM, "a p90 leaves two of twenty out"),
        (starts(*many(3), *many(17, start_class=WARM)), FRESH, "but not three"),
        (starts(*many(50), *many(20, start_class=WARM)), WARM, "only the newest count"),
        (starts(*many(20, start_class=WARM), n_unschedulable=1), FRESH, "no node has room"),
        (starts(*many(20, start_class=WARM), n_unschedulable=1, n_asleep=1), WOKEN, "asleep"),
        (
            starts(*many(20, start_class=WARM), under_way=(going_on(WARM), going_on(FRESH))),
            FRESH,
            "the slowest of those under way",
        ),
        (starts(*many(20), under_way=(going_on(WARM),)), WARM, "what goes on says more"),
        (starts(*many(20, start_class=WARM), image=NEW), FRESH, "no node holds the new image"),
    ],
)  # fmt: skip
def test_the_class_is_the_one_that_the_next_replicas_get(
    given_starts: Starts, expected: StartClass, why: str
) -> None:
    assert next_class(given_starts, 0.9) is expected, why


def test_the_whole_delay_is_start_and_scaling() -> None:
    pace = Pace(scale_up=ScaleUp(is_set=True))
    found = lead_time(starts(*many(30)), pace, current=1, wanted=20, at=AT)
    assert found.scaling_seconds == 15 + 30
    assert found.seconds == pytest.approx(found.start_seconds + 45)
    assert (found.n_starts, found.n_censored, found.quantile) == (30, 0, 0.9)
    assert found.interval is not None
    assert found.interval[0] <= found.start_seconds <= found.interval[1]


def test_a_lead_time_is_bounded_also_where_the_hpa_never_scales_up() -> None:
    never = Pace(scale_up=ScaleUp(is_set=True, select=Select.DISABLED))
    assert lead_time(starts(), never, current=1, wanted=2, at=AT).seconds == MAX_SECONDS
    with pytest.raises(ValueError, match="policies"):
        ScaleUp(is_set=True, policies=())
    huge = starts(start(1e9))
    assert lead_time(huge, Pace(), current=1, wanted=2, at=AT).seconds == MAX_SECONDS


def test_old_starts_count_less() -> None:
    settings = LeadSettings(half_life_seconds=86_400.0)
    slow = [start(200.0, ended_at=AT - 10 * 86_400, began_at=AT - 10 * 86_400 - 200)] * 30
    found = start_time(starts(*slow, *many(30)), at=AT, settings=settings)
    assert found.seconds == pytest.approx(start_time(starts(*many(30)), at=AT).seconds, abs=1)
    assert start_time(starts(*slow, *many(30)), at=AT).seconds > 150


def test_starts_of_long_ago_count_as_they_are_while_there_are_no_others() -> None:
    later = AT + 50 * 365 * 86_400.0
    assert start_time(starts(*many(30)), at=later).seconds == pytest.approx(51 + 26.9)


def test_a_higher_quantile_needs_more_starts_and_takes_longer() -> None:
    high = LeadSettings(quantile=0.99)
    assert high.enough == 99
    assert not start_time(starts(*many(50)), at=AT, settings=high).is_measured
    measured = start_time(starts(*many(120)), at=AT, settings=high)
    assert measured.is_measured
    assert measured.seconds > start_time(starts(*many(120)), at=AT).seconds


@given(
    st.lists(st.floats(1, 2_000), min_size=10, max_size=40),
    st.lists(st.floats(0, 2_000), max_size=40),
)
def test_starts_under_way_never_shorten_it_and_it_stays_bounded(
    seconds: list[float], so_far: list[float]
) -> None:
    finished = tuple(start(each) for each in seconds)
    alone = start_time(starts(*finished, under_way=(going_on(FRESH, AT),)), at=AT)
    crowd = starts(*finished, under_way=tuple(going_on(FRESH, AT - each) for each in so_far))
    found = start_time(crowd, at=AT)
    assert found.seconds >= alone.seconds - 1e-6
    assert found.seconds <= max(2 * max(seconds), *so_far, 0.0) + 1e-6


def test_the_mean_phases_add_up_to_the_mean_start() -> None:
    pods = starts(*(
        start(60.0, scheduled_at=AT - 58, prepared_at=AT - 55, started_at=AT - 40) for _ in range(3)
    ))  # fmt: skip
    phases = mean_phases(pods)
    assert phases == {"schedule": 2, "prepare": 3, "image": 15, "load": 40}
    assert mean_phases(starts()) == {}


def simulated(rng: np.random.Generator) -> tuple[float, int]:
    """A workload's life: bursts of starts, some cut short by scaling down, asked in mid-burst.

    Returns the share of further starts that its p90 covers, and how many were censored.
    """
    tracker, at, n_ready, number = Tracker(), 0.0, 0, 0
    while True:
        burst = int(rng.integers(3, 9))
        lengths = rng.lognormal(np.log(120.0), 0.3, burst)
        shrinks_at = rng.exponential(600.0)  # after so long the burst is over, whatever it reached
        for length in np.sort(lengths):
            number += 1
            pod = Pod(
                uid=str(number), node=f"n-{number}", image=OLD, accelerator="", created_at=at,
                scheduled_at=at,
            )  # fmt: skip
            tracker.see(pod, at)
            if length <= shrinks_at:
                tracker.see(replace(pod, ready_at=at + length), at + length)
                n_ready += 1
            else:
                tracker.gone(pod.uid, at + shrinks_at)
        at += 2_000.0
        if n_ready >= 30:
            break
    for other in range(int(rng.integers(0, 10))):  # and a burst is under way
        pod = Pod(uid=f"x-{other}", node="x", image=OLD, accelerator="", created_at=at)
        tracker.see(replace(pod, scheduled_at=at), at)
    found = start_time(tracker.starts(at + 60), at=at + 60)
    assert found.is_measured
    covered = 0.5 + math.erf(math.log(found.seconds / 120.0) / 0.3 / math.sqrt(2)) / 2
    return covered, found.n_censored


def test_over_simulated_lives_the_p90_covers_nine_of_ten_further_starts() -> None:
    rng = np.random.default_rng(1_124)
    lives = [simulated(rng) for _ in range(600)]
    assert 0.87 <= np.mean([covered for covered, _ in lives]) <= 0.93
    assert np.mean([n_censored for _, n_censored in lives]) > 5
