import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from forecasting.arrays import FloatVector
from forecasting.conformal import MIN_RESIDUALS, mixture_weights, residuals, weighted_quantile


def corrected(
    bounds: ArrayLike,
    peaks: ArrayLike,
    bound: float,
    *,
    level: float = 0.9,
    offset: float = 1.0,
    is_additive: bool = False,
    largest: float | None = None,
) -> float:
    raw, came = np.asarray(bounds, dtype=float), np.asarray(peaks, dtype=float)
    past = residuals(raw[None], came, offset=offset, is_additive=np.array([is_additive]))
    counts = np.ones((1, raw.size))
    highest = float(np.nanmax(came)) if largest is None else largest
    found = past.correct(np.array([[bound]]), counts, np.array([highest]), level=level)
    return float(found[0, 0])


@pytest.mark.parametrize(
    ("values", "weights", "level", "want"),
    [
        ([1, 2, 3, 4], [1, 1, 1, 1], 0.5, 2.5),
        ([4, 1, 3, 2], [1, 1, 1, 1], 0.875, 4.0),
        ([7], [3], 0.2, 7.0),
    ],
)
def test_weighted_quantile_golden(
    values: list[float], weights: list[float], level: float, want: float
) -> None:
    found = weighted_quantile(np.array(values, float), np.array(weights, float), level)
    assert found == pytest.approx(want)


def test_a_bound_that_was_always_a_third_too_low_is_raised_by_half() -> None:
    bounds = np.full(100, 200.0)
    assert corrected(bounds, bounds * 1.5, 200.0, offset=1e-9) == pytest.approx(300.0)


def test_an_additive_expert_is_corrected_by_the_difference() -> None:
    bounds = np.linspace(100, 200, 100)
    assert corrected(bounds, bounds + 7, 150.0, is_additive=True) == pytest.approx(157.0)


def test_the_corrected_bound_covers_as_often_as_asked() -> None:
    peaks = 100 * np.random.default_rng(0).lognormal(sigma=0.3, size=4000)
    bound = corrected(np.full(2000, 80.0), peaks[:2000], 80.0)
    assert np.mean(peaks[2000:] <= bound) == pytest.approx(0.9, abs=0.02)


def test_waking_from_zero_does_not_lift_the_bound_of_a_busy_hour() -> None:
    bounds = np.r_[np.zeros(50), np.full(200, 500.0)]
    peaks = np.r_[np.full(50, 400.0), np.full(200, 505.0)]
    assert corrected(bounds, peaks, 500.0) < 550.0


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.booleans())
def test_no_bound_exceeds_the_largest_peak_and_half_as_much_again(
    peak: float,
    bound: float,
    is_additive: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    zeros, peaks = np.zeros(MIN_RESIDUALS), np.full(MIN_RESIDUALS, peak)
    found = corrected(zeros, peaks, bound, is_additive=is_additive)
    assert 0 <= found <= max(peak, 1.5 * bound) * (1 + 1e-12)


def test_with_too_few_outcomes_the_bound_stays_as_it_is() -> None:
    n = MIN_RESIDUALS - 1
    assert corrected(np.ones(n), np.full(n, 9.0), 5.0) == 5.0


def test_an_outcome_that_is_not_known_is_left_out() -> None:
    known = corrected(np.ones(20), np.full(20, 2.0), 1.0)
    holed = corrected(np.r_[np.ones(21), np.nan], np.r_[np.full(20, 2.0), np.nan, 0.0], 1.0)
    assert holed == known


def weigh(losses: list[list[float]], usable: list[bool]) -> FloatVector:
    rows = np.array(losses)
    alike = np.ones(len(rows))
    return mixture_weights(rows, np.ones(rows.shape[1]), np.array(usable), prior=alike)


def test_an_expert_that_fails_loses_its_say() -> None:
    weights = weigh([[1.0] * 50, [1.0] * 50, [3.0] * 50], [True, True, True])
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0], atol=1e-6)


def test_an_expert_without_a_bound_now_has_no_say() -> None:
    assert weigh([[1.0] * 50, [2.0] * 50], [False, True]).tolist() == [0.0, 1.0]


def test_an_expert_that_was_scored_much_less_has_not_earned_a_say() -> None:
    weights = weigh([[1.0] * 50, [0.1] * 5 + [np.nan] * 45], [True, True])
    assert weights.tolist() == [1.0, 0.0]


def test_before_any_outcome_all_count_alike() -> None:
    assert weigh([[np.nan], [np.nan]], [True, True]).tolist() == [0.5, 0.5]


@given(st.floats(1e-6, 1e6))
def test_weights_do_not_depend_on_the_unit(factor: float) -> None:
    losses = np.random.default_rng(0).gamma(2.0, 1.0, (4, 60))
    usable = np.ones(4, dtype=bool)
    prior = np.array([9.0, 1.0, 1.0, 1.0])
    plain = mixture_weights(losses, np.ones(60), usable, prior=prior)
    scaled = mixture_weights(factor * losses, np.ones(60), usable, prior=prior)
    np.testing.assert_allclose(scaled, plain)


def test_a_prior_multiplies_the_say_and_is_all_there_is_before_the_first_loss() -> None:
    prior, usable = np.array([9.0, 1.0, 1.0]), np.array([True, True, False])
    unknown = np.full((3, 4), np.nan)
    found = mixture_weights(unknown, np.ones(4), usable, prior=prior)
    np.testing.assert_allclose(found, [0.9, 0.1, 0.0])
    losses = np.array([[1.25] * 4, [1.0] * 4, [1.0] * 4])
    found = mixture_weights(losses, np.ones(4), np.ones(3, dtype=bool), prior=prior)
    np.testing.assert_allclose(found[0] / found[1], 9.0 * np.exp(-2.0))
    assert found[1] == found[2]
