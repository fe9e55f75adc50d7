"""The fit against sweeps whose model is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.calibration.errors import BadSweep
from simulations.calibration.example import sweep_lines
from simulations.calibration.fit import Fit, Known, fit, model_of, resampled
from simulations.calibration.sweep import MeasuredOn, Row, read_sweep
from simulations.plant.model import ReplicaModel

TRUE = ReplicaModel(
    step_seconds=0.008,
    step_seconds_per_sequence=0.0003,
    step_seconds_per_token=80e-9,
    prefill_seconds=0.012,
    prefill_seconds_per_token=0.00005,
    kv_cache_tokens=400_000.0,
    overhead_seconds=0.0,
)
KNOWN = Known(kv_cache_tokens=400_000.0)
FITTED = (
    "step_seconds",
    "step_seconds_per_sequence",
    "step_seconds_per_token",
    "prefill_seconds",
    "prefill_seconds_per_token",
)


def row(model: ReplicaModel, n: float, prompt: float, answer: float = 256.0) -> Row:
    return Row(
        where="made",
        concurrency=n,
        prompt_tokens=prompt,
        completion_tokens=answer,
        inter_token_seconds=model.inter_token(n, prompt, answer),
        first_token_seconds=model.prefill(prompt) + model.overhead_seconds,
        requests_per_second=None,
    )


def rows(model: ReplicaModel = TRUE, prompts: tuple[float, ...] = (256.0, 4096.0)) -> list[Row]:
    return [row(model, n, prompt) for prompt in prompts for n in (1, 4, 16, 64)]


@settings(max_examples=40, deadline=None)
@given(
    a=st.floats(1e-3, 0.1),
    b=st.floats(1e-5, 1e-3),
    c=st.floats(1e-9, 1e-6),
    p0=st.floats(1e-3, 0.1),
    p1=st.floats(1e-6, 1e-3),
)
def test_recovers_any_model_from_a_sweep_without_noise(
    a: float, b: float, c: float, p0: float, p1: float
) -> None:
    true = replace(
        TRUE, step_seconds=a, step_seconds_per_sequence=b, step_seconds_per_token=c,
        prefill_seconds=p0, prefill_seconds_per_token=p1,
    )  # fmt: skip
    found = model_of(rows(true), KNOWN)
    for name in FITTED:
        assert getattr(found, name) == pytest.approx(getattr(true, name), rel=1e-4), name


def noisy(tmp_path: Path, seed: int) -> Fit:
    path = tmp_path / f"{seed}.csv"
    lines = sweep_lines(TRUE, np.random.default_rng(seed), noise_ratio=0.02)
    path.write_text("\n".join(lines), encoding="utf-8")
    sweep = read_sweep((path,), MeasuredOn(), None)
    assert sweep.kv_cache_tokens == 400_000.0
    return fit(sweep.rows, KNOWN)


def test_recovers_the_model_from_noisy_sweeps(tmp_path: Path) -> None:
    fits = [noisy(tmp_path, seed) for seed in range(8)]
    for name, within in zip(FITTED, (0.05, 0.25, 0.15, 0.1, 0.05), strict=True):
        mean = np.mean([getattr(one.model, name) for one in fits])
        assert mean == pytest.approx(getattr(TRUE, name), rel=within), name


def test_the_held_out_error_is_that_of_the_noise(tmp_path: Path) -> None:
    held_out = noisy(tmp_path, 3).held_out
    assert held_out is not None
    assert held_out.n >= 10
    # The mean of |x| of a normal of 2 % is 1.6 %; rows left out add the error of the fit.
    assert 0.005 < held_out.inter_token < 0.05
    assert held_out.throughput is not None
    assert held_out.throughput < 0.05


def test_the_held_out_error_shows_a_model_that_does_not_fit() -> None:
    bent = [
        replace(
            one, inter_token_seconds=one.inter_token_seconds * (1 + (one.concurrency / 30) ** 2)
        )
        for one in rows()
    ]
    held_out = fit(bent, KNOWN).held_out
    assert held_out is not None
    assert held_out.inter_token > 0.15


def test_prefills_of_others_are_not_counted_as_steps() -> None:
    """Left in the inter-token latency, they would be in B and C and once more as prefill."""
    busy = replace(TRUE, prefill_seconds_per_token=0.0005)
    found = model_of(rows(busy), KNOWN)
    assert found.step_seconds_per_sequence == pytest.approx(0.0003, rel=1e-3)


def test_one_context_length_is_said() -> None:
    fitted = fit(rows(prompts=(1024.0,)), KNOWN)
    assert fitted.model.step_seconds_per_token == 0.0
    assert fitted.model.prefill_seconds == 0.0
    said = " ".join(fitted.notes)
    assert "One context length" in said
    assert "One prompt length" in said
    # Within the lengths that it has seen it is right all the same.
    assert fitted.model.inter_token(16, 1024, 256) == pytest.approx(TRUE.inter_token(16, 1024, 256))


def test_rows_that_did_not_run_at_once_are_left_out() -> None:
    queued = replace(row(TRUE, 512, 256), inter_token_seconds=0.1)
    fitted = fit([*rows(), queued], KNOWN)
    assert len(fitted.rows) == len(rows())
    assert "1 rows left out" in fitted.notes[0]
    assert fitted.model.step_seconds == pytest.approx(TRUE.step_seconds)


@pytest.mark.parametrize("kept", [{4.0, 16.0}, {1.0}])
def test_a_sweep_that_tells_too_little_is_refused(kept: set[float]) -> None:
    with pytest.raises(BadSweep, match="max_concurrency"):
        fit([one for one in rows() if one.concurrency in kept], KNOWN)


def test_resamples_spread_as_the_noise_does(tmp_path: Path) -> None:
    fitted = noisy(tmp_path, 5)
    models = resampled(fitted, KNOWN, np.random.default_rng(0), 60)
    steps = np.array([model.step_seconds for model in models])
    assert 0.002 < steps.std() / TRUE.step_seconds < 0.1
    assert np.quantile(steps, 0.01) < TRUE.step_seconds < np.quantile(steps, 0.99)
