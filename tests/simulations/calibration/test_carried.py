"""What one replica carries, against cases with a known answer."""

import pytest

from simulations.calibration.carried import Arrivals, Targets, attained, carried_by
from simulations.plant.model import ReplicaModel
from simulations.workload.lengths import Length, Lengths

PROMPT, ANSWER = Length(mean=512.0), Length(mean=128.0)
MODEL = ReplicaModel(
    step_seconds=0.01,
    step_seconds_per_sequence=0.0005,
    step_seconds_per_token=1e-7,
    prefill_seconds=0.01,
    prefill_seconds_per_token=0.0001,
    kv_cache_tokens=200_000.0,
)


def carried(first: float, between: float, model: ReplicaModel = MODEL) -> float:
    targets = Targets(first_token_seconds=first, inter_token_seconds=between)
    return carried_by([model], targets, prompt=PROMPT, completion=ANSWER, seed=1).requests


def test_a_single_server_keeps_the_wait_of_m_d_1() -> None:
    """One sequence at a time, answers of one length: Poisson arrivals at an M/D/1 queue.

    P(wait = 0) = 1 - rho.
    """
    alone = ReplicaModel(
        step_seconds=0.1, step_seconds_per_sequence=0.0, step_seconds_per_token=0.0,
        prefill_seconds=0.0, prefill_seconds_per_token=0.0, max_sequences=1, overhead_seconds=0.0,
    )  # fmt: skip
    fixed = Length(mean=11.0, law="constant")  # ten steps of 0.1 s: 1 s of service
    targets = Targets(first_token_seconds=1e-6, inter_token_seconds=1.0)
    arrivals = Arrivals(lengths=Lengths(prompt=fixed, completion=fixed), seed=1, n=100_000)
    for load in (0.2, 0.5):
        share = attained(alone, targets, arrivals.at_rate(load))
        assert share == pytest.approx(1.0 - load, abs=0.008)


def test_looser_targets_carry_more_and_never_more_than_the_replica_does() -> None:
    tight, loose = carried(0.5, 0.03), carried(2.0, 0.1)
    assert 0 < tight < loose <= MODEL.carried(512.0, 128.0)


def test_the_answer_is_where_attainment_crosses() -> None:
    targets = Targets(first_token_seconds=0.5, inter_token_seconds=0.04)
    rate = carried(0.5, 0.04)
    arrivals = Arrivals(lengths=Lengths(prompt=PROMPT, completion=ANSWER), seed=1)
    assert attained(MODEL, targets, arrivals.at_rate(rate)) >= 0.95
    assert attained(MODEL, targets, arrivals.at_rate(1.02 * rate)) < 0.95


def test_nothing_is_carried_where_a_request_alone_is_too_slow() -> None:
    assert carried(10.0, 0.001) == 0.0


def test_other_models_make_the_interval() -> None:
    slow = ReplicaModel(
        step_seconds=0.02, step_seconds_per_sequence=0.001, step_seconds_per_token=2e-7,
        prefill_seconds=0.02, prefill_seconds_per_token=0.0002, kv_cache_tokens=200_000.0,
    )  # fmt: skip
    targets = Targets(first_token_seconds=2.0, inter_token_seconds=0.1)
    found = carried_by([MODEL, slow, slow], targets, prompt=PROMPT, completion=ANSWER, seed=1)
    assert found.low < found.requests <= found.high
    assert found.completion_tokens_per_second == pytest.approx(128.0 * found.requests)
