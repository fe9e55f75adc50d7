"""The curve against scipy's, its quantile against numpy's, and its coverage against the truth."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import CensoredData, ecdf

from scaler.starts.survival import curve

TIMES = st.lists(
    st.tuples(st.integers(1, 60).map(float), st.booleans()), min_size=2, max_size=40
).filter(lambda rows: any(is_event for _, is_event in rows))


def scipys(rows: list[tuple[float, bool]]) -> object:
    seconds, is_event = (np.array(column) for column in zip(*rows, strict=True))
    return ecdf(CensoredData.right_censored(seconds, ~is_event))


@given(TIMES)
def test_survival_is_that_of_scipy(rows: list[tuple[float, bool]]) -> None:
    ours = curve([row[0] for row in rows], [row[1] for row in rows])
    theirs = scipys(rows).sf
    assert ours.survival == pytest.approx(theirs.evaluate(ours.times), abs=1e-12)


@given(TIMES)
def test_mean_ranks_are_the_curve_with_one_more_start_that_never_ends(
    rows: list[tuple[float, bool]],
) -> None:
    ours = curve([row[0] for row in rows], [row[1] for row in rows])
    theirs = scipys([*rows, (1e9, False)]).cdf
    assert ours.ended == pytest.approx(theirs.evaluate(ours.times), abs=1e-12)


@given(TIMES, st.sampled_from([0.5, 0.75, 0.9]), st.sampled_from([0.8, 0.95]))
def test_the_interval_is_where_scipys_bounds_hold_the_level(
    rows: list[tuple[float, bool]], level: float, confidence: float
) -> None:
    ours = curve([row[0] for row in rows], [row[1] for row in rows])
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # it warns where nothing survives, which isn't compared
        theirs = scipys(rows).sf.confidence_interval(confidence, method="log-log")
    low, high = ours.interval(level, confidence)
    known = ours.survival > 0
    for end, bound in ((low, theirs.low), (high, theirs.high)):
        values = bound.evaluate(ours.times[known])
        if math.isfinite(end) and end in ours.times[known]:
            place = int(np.flatnonzero(ours.times == end)[0])
            assert values[place] <= 1 - level + 1e-9
            assert (values[:place] > 1 - level - 1e-9).all()
    assert low <= high


@given(st.lists(st.integers(1, 40).map(float) | st.floats(1, 600), min_size=9, max_size=60))
def test_without_censoring_the_quantile_is_numpys_weibull_quantile(seconds: list[float]) -> None:
    ours = curve(seconds, [True] * len(seconds)).quantile(0.9)
    assert ours == pytest.approx(float(np.quantile(seconds, 0.9, method="weibull")))


@given(TIMES, st.integers(2, 4))
def test_a_whole_weight_counts_as_so_many_equal_starts(
    rows: list[tuple[float, bool]], times: int
) -> None:
    seconds, events = [row[0] for row in rows], [row[1] for row in rows]
    once = curve(seconds, events)
    weighted = curve(seconds, events, [float(times)] * len(rows))
    assert weighted.ended == pytest.approx(once.ended), "only the ratio of weights counts"
    double = curve([*seconds, *seconds[:1]], [*events, *events[:1]])
    heavy = curve(seconds, events, [2.0] + [1.0] * (len(rows) - 1))
    assert heavy.survival == pytest.approx(double.survival)


def test_a_level_that_nothing_has_reached_is_not_known() -> None:
    few = curve([10.0, 20.0, 30.0], [True, True, True])
    assert few.quantile(0.75) == 30.0
    assert few.quantile(0.9) == math.inf
    assert curve([10.0], [False]).quantile(0.5) == math.inf
    assert curve([10.0], [False]).interval(0.5, 0.8) == (0.0, math.inf)


def test_a_start_that_goes_on_pushes_the_quantile_up_and_never_down() -> None:
    seconds = list(np.linspace(30, 90, 20))
    before = curve(seconds, [True] * 20).quantile(0.9)
    for so_far in (1.0, 45.0, 85.0, 200.0):
        after = curve([*seconds, so_far], [True] * 20 + [False]).quantile(0.9)
        assert after >= before
    assert curve([*seconds, 1.0], [True] * 20 + [False]).quantile(0.9) == pytest.approx(before)


def coverage(rng: np.random.Generator, n_starts: int, share_censored: float) -> tuple[float, float]:
    """The share of further starts that one sample's p90 covers, and of censored ones in it."""
    truth = rng.lognormal(np.log(120.0), 0.35, n_starts)
    # A start is cut short by the moment of asking, or by its pod's end: independent of its length.
    cut = rng.exponential(120.0 / share_censored, n_starts)
    made = curve(np.minimum(truth, cut).tolist(), (truth <= cut).tolist())
    quantile = made.extended_quantile(0.9)
    further = math.erf((math.log(quantile / 120.0) / 0.35) / math.sqrt(2)) / 2 + 0.5
    return further, float(np.mean(truth > cut))


@pytest.mark.parametrize("share_censored", [0.02, 0.15, 0.3])
def test_the_p90_of_thirty_starts_covers_nine_of_ten_further_ones(share_censored: float) -> None:
    rng = np.random.default_rng(20_261_124)
    runs = [coverage(rng, 30, share_censored) for _ in range(2_000)]
    covered = float(np.mean([each[0] for each in runs]))
    assert 0.87 <= covered <= 0.93
    assert np.mean([each[1] for each in runs]) == pytest.approx(share_censored, abs=0.06)


class CachedOrNot:
    """Six of ten starts find everything on their node, the others pull first."""

    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        is_cached = random_state.random(size) < 0.6
        fast, slow = (random_state.normal(*each, size) for each in ((30.0, 3.0), (240.0, 20.0)))
        return np.where(is_cached, fast, slow)

    def cdf(self, at: float) -> float:
        fast, slow = (stats.norm.cdf(at, *each) for each in ((30.0, 3.0), (240.0, 20.0)))
        return float(0.6 * fast + 0.4 * slow)

    def mean(self) -> float:
        return 0.6 * 30.0 + 0.4 * 240.0


SHAPES = {
    "lognormal, wide": stats.lognorm(0.9, scale=120.0),
    "weibull": stats.weibull_min(2.0, scale=120.0),
    "exponential": stats.expon(scale=120.0),
    "uniform": stats.uniform(60.0, 120.0),
    "pareto": stats.pareto(2.5, scale=60.0),
    "cached or not": CachedOrNot(),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_coverage_hangs_on_no_shape_of_the_starts(shape: str) -> None:
    truth, rng = SHAPES[shape], np.random.default_rng(20_261_124)
    covered, n_censored = [], 0
    for _ in range(800):
        starts = np.asarray(truth.rvs(size=30, random_state=rng))
        cut = rng.exponential(truth.mean() / 0.3, 30)
        made = curve(np.minimum(starts, cut).tolist(), (starts <= cut).tolist())
        covered.append(truth.cdf(made.extended_quantile(0.9)))
        n_censored += int(np.sum(starts > cut))
    assert 0.87 <= float(np.mean(covered)) <= 0.93
    assert n_censored > 0.2 * 800 * 30


def test_ignoring_what_is_under_way_would_cover_too_little() -> None:
    """The counter-example that censoring is for."""
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(1_000):
        truth = rng.lognormal(np.log(120.0), 0.35, 30)
        cut = rng.exponential(250.0, 30)
        seen = truth[truth <= cut]
        quantile = float(np.quantile(seen, 0.9, method="weibull"))
        covered.append(math.erf((math.log(quantile / 120.0) / 0.35) / math.sqrt(2)) / 2 + 0.5)
    assert float(np.mean(covered)) < 0.87


def test_eight_of_ten_intervals_hold_the_true_quantile() -> None:
    rng = np.random.default_rng(5)
    true = float(np.exp(np.log(120.0) + 0.35 * 1.2815515655446004))
    inside = []
    for _ in range(1_500):
        truth = rng.lognormal(np.log(120.0), 0.35, 60)
        cut = rng.exponential(800.0, 60)
        made = curve(np.minimum(truth, cut).tolist(), (truth <= cut).tolist())
        low, high = made.interval(0.9, 0.8)
        inside.append(low <= true <= high)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.05)
