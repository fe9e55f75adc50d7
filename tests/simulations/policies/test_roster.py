"""All rivals: none sees what is yet to come, and each does the same twice."""

from collections.abc import Mapping
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.series import Series
from simulations.autoscaling import Autoscaler, ScaledObjectSpec, Timers
from simulations.policies.roster import Rival, Setting, rivals
from simulations.ports import DirectPolicy, Observation

DAY = 86_400.0
STEP = 300.0
START = 1_772_323_200.0 + 14.5 * DAY
CUT_SECONDS = 0.7 * DAY  # the future that is changed begins here; a new day's fits lie before
PER_REPLICA = 10.0
IN_FLIGHT_PER_DEMAND = 0.8
SPEC = ScaledObjectSpec(min_replicas=1, max_replicas=40)
SETTING = Setting(
    start_at=START,
    threshold=PER_REPLICA,
    in_flight_threshold=8.0,
    lead_time_seconds=600.0,
    zone=ZoneInfo("Europe/Berlin"),
    floor_replicas=5,
    spec=SPEC,
)


def demand() -> Series:
    """Return two weeks of history and a day of a run."""
    rng = np.random.default_rng(7)
    times = np.arange(0.0, 15.5 * DAY, STEP)
    days = 40.0 * (1.0 - np.cos(2.0 * np.pi * times / DAY)) * (1 - 0.4 * (times // DAY % 7 >= 5))
    noise = rng.normal(0.0, 3.0, times.size)
    return Series(
        start_at=START - 14.5 * DAY, step_seconds=STEP, values=np.maximum(days + 5 + noise, 0)
    )


DEMAND = demand()


def spied() -> Series:
    """Return the same with another future."""
    values = DEMAND.values.copy()
    values[DEMAND.times > START + CUT_SECONDS] *= 9.0
    values[-1] = np.nan
    return Series(start_at=DEMAND.start_at, step_seconds=STEP, values=values)


RIVALS, SPIED = rivals(DEMAND, SETTING), rivals(spied(), SETTING)
NAMES = list(RIVALS)


def played(rival: Rival, shown: Series, *, until: float) -> list[int]:
    """Return the replicas at each tick of a fleet whose pods are ready at once."""
    policy, counts, wanted = rival.make(), [], 1
    autoscaler = None
    if not isinstance(policy, DirectPolicy):
        assert rival.spec is not None
        autoscaler = Autoscaler(rival.spec, policy, Timers(first_sync_at=0.0, first_poll_at=7.0))
    at, values = 0.0, shown.values.tolist()
    while at <= until:
        now = values[int((START + at - shown.start_at) // STEP)]
        seen = Observation(
            at=at, demand=now, running=now * IN_FLIGHT_PER_DEMAND, waiting=0.0,
            kv_cache_use=0.5, wanted=wanted, ready=wanted, starting=0,
        )  # fmt: skip
        if autoscaler is None:
            assert isinstance(policy, DirectPolicy)
            wanted = policy.replicas(seen)
            at += 60.0
        else:
            wanted = autoscaler.step(seen)
            at = autoscaler.next_at
        counts.append(wanted)
    return counts


@pytest.fixture(scope="module")
def runs() -> Mapping[str, list[int]]:
    return {name: played(one, DEMAND, until=CUT_SECONDS) for name, one in RIVALS.items()}


@pytest.mark.parametrize("name", [name for name in NAMES if not RIVALS[name].is_hindsight])
def test_another_future_changes_nothing_before_it(name: str, runs: Mapping[str, list[int]]) -> None:
    assert played(SPIED[name], DEMAND, until=CUT_SECONDS) == runs[name]


def test_the_one_with_hindsight_says_so_and_is_caught() -> None:
    caught = [name for name in NAMES if RIVALS[name].is_hindsight]
    assert caught == ["static-peak-hindsight"]
    (name,) = caught
    assert played(SPIED[name], DEMAND, until=600.0) != played(RIVALS[name], DEMAND, until=600.0)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_made_as_new_and_does_the_same_again(
    name: str, runs: Mapping[str, list[int]]
) -> None:
    again = played(RIVALS[name], DEMAND, until=CUT_SECONDS)
    assert again == runs[name]
    assert all(1 <= count <= SPEC.max_replicas for count in again)
    assert RIVALS[name].make().name == name


def test_those_that_scale_move_and_those_that_do_not_stand(
    runs: Mapping[str, list[int]],
) -> None:
    for name, counts in runs.items():
        n_changes = sum(a != b for a, b in pairwise(counts))
        assert (n_changes == 0) == name.startswith("static"), name


def test_a_forecast_beside_the_present_holds_more_replicas(
    runs: Mapping[str, list[int]],
) -> None:
    """Tick by tick it may hold one less: from a larger count the tolerance swallows more."""
    reactive = runs["keda-reactive"]
    for name in ("mimir-like", "crane-like", "prophet-like", "holt-winters", "cron-24x7"):
        pairs = zip(runs[name], reactive, strict=True)
        assert all(ours >= theirs - 1 for ours, theirs in pairs), name
        assert sum(runs[name]) > sum(reactive), name


def test_static_fleets_carry_what_they_are_sized_on() -> None:
    before = DEMAND.between(START - 7 * DAY, START - STEP).values
    seen = Observation(
        at=0.0,
        demand=0.0,
        running=0.0,
        waiting=0.0,
        kv_cache_use=0.0,
        wanted=1,
        ready=1,
        starting=0,
    )

    def count(name: str) -> int:
        policy = RIVALS[name].make()
        assert isinstance(policy, DirectPolicy)
        return policy.replicas(seen)

    peak, p99, mean = (count(f"static-{word}") for word in ("peak", "p99", "mean"))
    assert (peak - 1) * PER_REPLICA < before.max() <= peak * PER_REPLICA
    assert np.mean(before <= p99 * PER_REPLICA) >= 0.99
    assert (mean - 1) * PER_REPLICA < before.mean() <= mean * PER_REPLICA


def test_a_static_fleet_without_a_week_before_says_what_it_lacks() -> None:
    alone = DEMAND.between(START, DEMAND.end_at)
    with pytest.raises(ValueError, match="none of it was observed"):
        rivals(alone, SETTING)["static-peak"].make()
