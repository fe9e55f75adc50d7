"""Scores against figures worked out by hand."""

import numpy as np
import pytest

from forecasting.backtest import score
from forecasting.scores import (
    coverage,
    excess,
    interval_width,
    pinball,
    pinball_each,
    shortage,
    wape,
)

ACTUAL = np.array([10.0, 20.0, 30.0, 40.0])
BOUND = np.array([12.0, 20.0, 25.0, 44.0])


@pytest.mark.parametrize(
    ("found", "want", "why"),
    [
        (pinball(ACTUAL, BOUND, 0.9), (0.2 + 0.0 + 4.5 + 0.4) / 4, "0.1 x 2, 0, 0.9 x 5, 0.1 x 4"),
        (pinball(ACTUAL, BOUND, 0.5), 11.0 / 8, "half the mean absolute error at the median"),
        (coverage(ACTUAL, BOUND), 0.75, "a bound that is met exactly holds"),
        (wape(ACTUAL, BOUND), 0.11, "(2 + 0 + 5 + 4) of 100"),
        (shortage(ACTUAL, BOUND), 1.25, "5 of four"),
        (excess(ACTUAL, BOUND), 1.5, "2 and 4 of four"),
        (interval_width(BOUND, ACTUAL), 0.25, "2 + 0 - 5 + 4 of four"),
    ],
)
def test_a_score_is_what_it_is_by_hand(found: float, want: float, why: str) -> None:
    assert found == pytest.approx(want), why


def test_each_loss_is_the_share_of_the_side_it_lies_on() -> None:
    np.testing.assert_allclose(pinball_each(ACTUAL, BOUND, 0.9), [0.2, 0.0, 4.5, 0.4])


def test_a_score_rests_on_the_pairs_that_are_both_known() -> None:
    actual = np.append(ACTUAL, [np.nan, 7.0])
    bound = np.append(BOUND, [1.0, np.nan])
    assert score(actual, bound, 0.9) == score(ACTUAL, BOUND, 0.9)
    nothing = score(np.array([np.nan]), np.array([1.0]), 0.9)
    assert nothing.n_origins == 0
    assert np.isnan(nothing.pinball)
