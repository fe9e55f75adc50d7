"""The capacity estimator on generated data whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.arrays import FloatVector
from scaler.saturation.estimate import (
    MIN_EPISODES,
    NotEnoughEvidence,
    Observations,
    estimate,
)
from scaler.saturation.queries import CapacityQueries
from scaler.types import Carried

STEP = 60.0
CAPACITY = 6.0  # requests per second that one replica serves when it is full


def day_of(
    rng: np.random.Generator, *, peak: float, n_days: int = 7, spread: float = 0.1
) -> Observations:
    """Return days in which a morning rush of height `peak` meets a fleet that follows it late.

    Demand that is not served waits, so it is served later. A day's requests are longer or shorter
    than another's, by a factor of lognormal(0, spread).
    """
    n = 1_440 * n_days
    minutes = np.arange(n) % 1_440
    rush = peak * np.exp(-(((minutes - 540) / 60.0) ** 2)) + 3.0
    demand = rush * rng.lognormal(0, 0.05, n)
    wanted = np.ceil(np.roll(rush, 25) / CAPACITY)  # 25 minutes late
    replicas = np.maximum(1, np.round(wanted / 4) * 4)  # in steps of four
    capacity = CAPACITY * np.repeat(rng.lognormal(0, spread, n_days), 1_440)
    served, queueing, waiting = np.zeros(n), np.zeros(n), 0.0
    for step in range(n):
        can = float(replicas[step] * capacity[step])
        asked = float(demand[step]) + waiting / STEP
        served[step] = min(asked, can) * rng.lognormal(0, 0.01)
        waiting = max(0.0, (asked - can) * STEP)
        queueing[step] = replicas[step] if waiting > 0 else rng.random() < 0.02
    return observations(served, replicas, queueing)


def observations(served: FloatVector, replicas: FloatVector, queueing: FloatVector) -> Observations:
    return Observations(
        step_seconds=STEP,
        end_at=STEP * served.size,
        served=served,
        replicas=replicas.astype(np.float64),
        queueing=queueing.astype(np.float64),
        kv_cache_use=np.full(served.size, 0.97),
    )


def test_the_known_capacity_is_found_with_an_interval() -> None:
    found = estimate(day_of(np.random.default_rng(7), peak=60))
    assert isinstance(found, Carried)
    assert found.low <= CAPACITY <= found.high
    assert found.high / found.low < 1.5
    assert found.n_episodes >= MIN_EPISODES
    assert found.limited_by == "kv-cache"
    assert found.threshold == pytest.approx(0.8 * found.low)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    children = np.random.SeedSequence(11).spawn(120)
    found = [estimate(day_of(np.random.default_rng(child), peak=60)) for child in children]
    carried = [each for each in found if isinstance(each, Carried)]
    assert len(carried) > 100
    covered = np.mean([each.low <= CAPACITY <= each.high for each in carried])
    assert 0.84 <= covered <= 0.97  # 0.9 +- two standard errors of 120


def test_without_saturation_there_is_no_estimate_but_a_lower_bound() -> None:
    refused = estimate(day_of(np.random.default_rng(3), peak=0.5))
    assert isinstance(refused, NotEnoughEvidence)
    assert refused.n_episodes == 0
    assert "4 more such times are needed" in refused.why
    assert 2.0 < refused.at_least < CAPACITY


def full_days(values: list[float], *, n_steps: int = 20, replicas: int = 2) -> Observations:
    """Return one time of saturation a day, with `values` served by each replica."""
    n = 1_440 * len(values)
    served, queueing = np.full(n, 0.5 * replicas), np.zeros(n)
    for day, value in enumerate(values):
        span = slice(1_440 * day + 600, 1_440 * day + 600 + n_steps)
        served[span], queueing[span] = value * replicas, replicas
    return observations(served, np.full(n, replicas), queueing)


def test_equal_episodes_give_exactly_what_they_showed() -> None:
    found = estimate(full_days([5.0] * 4))
    assert isinstance(found, Carried)
    assert (found.low, found.middle, found.high) == pytest.approx((5.0, 5.0, 5.0))


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (full_days([5.0] * 3), "1 more such times are needed"),
        (full_days([5.0] * 9, n_steps=4), "4 more such times"),  # two settle, two are too few
        (full_days([1.0, 2.0, 4.0, 8.0]), "differ too much"),
    ],
)
def test_too_little_evidence_is_refused(seen: Observations, why: str) -> None:
    refused = estimate(seen)
    assert isinstance(refused, NotEnoughEvidence)
    assert why in refused.why


def test_one_hot_replica_among_idle_ones_says_nothing() -> None:
    seen = full_days([5.0] * 6)
    refused = estimate(replace(seen, queueing=np.minimum(seen.queueing, 1.0)))
    assert isinstance(refused, NotEnoughEvidence)


def test_replicas_that_have_just_started_do_not_lower_the_estimate() -> None:
    """A start in the middle of an episode: the new replica reports, and serves nothing yet."""
    seen = full_days([5.0] * 6, n_steps=30)
    replicas = seen.replicas.copy()
    queueing = seen.queueing.copy()
    for day in range(6):
        begin = 1_440 * day + 615
        replicas[begin : begin + 2] = 4.0  # served stays that of two
        queueing[begin : begin + 2] = 4.0
    found = estimate(replace(seen, replicas=replicas, queueing=queueing))
    assert isinstance(found, Carried)
    assert found.middle == pytest.approx(5.0)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.4))
def test_unknown_steps_are_not_full_ones(seed: int, share: float) -> None:
    seen = full_days([5.0] * 8, n_steps=60)
    rng = np.random.default_rng(seed)
    hidden = rng.random(seen.served.size) < share
    for name in ("served", "replicas", "queueing"):
        holed = getattr(seen, name).copy()
        holed[hidden] = np.nan
        found = estimate(replace(seen, **{name: holed}))
        if isinstance(found, Carried):
            assert found.middle == pytest.approx(5.0)
        else:
            assert found.n_episodes < MIN_EPISODES


@given(st.floats(0.01, 1e4))
def test_scaling_demand_scales_the_estimate(factor: float) -> None:
    plain, seen = estimate(full_days([5, 6, 5, 6])), full_days([5, 6, 5, 6])
    scaled = estimate(replace(seen, served=seen.served * factor))
    assert isinstance(plain, Carried)
    assert isinstance(scaled, Carried)
    assert scaled.low == pytest.approx(plain.low * factor)


def test_the_default_queries_are_about_one_model_and_can_be_replaced() -> None:
    queries = CapacityQueries.of("llama-8b", {"served": "sum(rate(tokens[2m]))"})
    assert queries.served == "sum(rate(tokens[2m]))"
    for query in (queries.replicas, queries.queueing, queries.running, queries.kv_cache_use):
        assert 'model_name="llama-8b"' in query
    assert CapacityQueries.of("", {"served": "x"}).replicas == ""
