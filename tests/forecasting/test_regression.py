import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.arrays import FloatMatrix, FloatVector
from forecasting.regression import quantile_coefficients


def loss(
    design: FloatMatrix, target: FloatVector, level: float, coefficients: FloatVector
) -> float:
    short = target - design @ coefficients
    return float(np.maximum(level * short, (level - 1) * short).sum())


def problem(seed: int, n: int, k: int) -> tuple[FloatMatrix, FloatVector]:
    rng = np.random.default_rng(seed)
    design = np.c_[np.ones(n), rng.normal(size=(n, k - 1))]
    spread = 1 + np.abs(design[:, -1])
    return design, design @ rng.normal(size=k) + spread * rng.standard_t(3, n)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(("n", "k"), [(300, 3), (2000, 12)])
def test_the_objective_agrees_with_statsmodels_to_a_millionth(level: float, n: int, k: int) -> None:
    design, target = problem(1, n, k)
    with warnings.catch_warnings(action="ignore"):
        reference = sm.QuantReg(target, design).fit(level, max_iter=5000).params
    ours = loss(design, target, level, quantile_coefficients(design, target, level))
    assert ours <= loss(design, target, level, reference) * (1 + 1e-6)


@given(st.integers(0, 10_000), st.integers(20, 200), st.floats(0.05, 0.95))
@settings(max_examples=50, deadline=None)
def test_the_share_below_the_fit_is_the_level_but_for_the_rows_that_it_touches(
    seed: int, n: int, level: float
) -> None:
    design, target = problem(seed, n, 3)
    short = target - design @ quantile_coefficients(design, target, level)
    assert (short < -1e-4).sum() <= level * n + 1e-9
    assert (short > 1e-4).sum() <= (1 - level) * n + 1e-9


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_collinear_constant_and_too_few_rows_still_give_finite_coefficients(
    seed: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    column = rng.integers(0, 2, n).astype(float)
    design = np.c_[np.ones(n), column, column, np.zeros(n), np.ones(n)]
    for target in (np.zeros(n), np.ones(n), column, rng.normal(size=n)):
        assert np.isfinite(quantile_coefficients(design, target, 0.9)).all()


def test_a_line_without_noise_is_found() -> None:
    x = np.arange(50.0)
    found = quantile_coefficients(np.c_[np.ones(50), x], 3 + 2 * x, 0.9)
    np.testing.assert_allclose(found, [3, 2], atol=1e-4)
