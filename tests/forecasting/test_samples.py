import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.arrays import FloatVector
from forecasting.samples import rate_series, to_series

GRID = {"step_seconds": 60.0, "start_at": 600.0, "end_at": 3600.0}
samples = st.lists(
    st.tuples(
        st.floats(500, 3700).map(lambda at: round(at, 1)),
        st.one_of(st.just(0.0), st.floats(0, 1e6), st.just(float("nan"))),
    ),
    max_size=60,
)


def arrays(pairs: list[tuple[float, float]]) -> tuple[FloatVector, FloatVector]:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@given(samples, st.randoms(use_true_random=False), st.floats(0, 300))
def test_neither_order_nor_duplicates_change_anything(
    pairs: list[tuple[float, float]], random: "np.random.Generator", hold: float
) -> None:
    want = to_series(*arrays(pairs), **GRID, hold_seconds=hold)
    again = [*pairs, *pairs[: len(pairs) // 2]]
    random.shuffle(again)  # type: ignore[arg-type]
    found = to_series(*arrays(again), **GRID, hold_seconds=hold)
    np.testing.assert_array_equal(found.values, want.values)


@given(samples)
def test_a_point_is_known_exactly_where_its_step_holds_a_sample(
    pairs: list[tuple[float, float]],
) -> None:
    series = to_series(*arrays(pairs), **GRID)
    for at, value in zip(series.times, series.values, strict=True):
        inside = [v for t, v in pairs if at - 60.0 < t <= at and not np.isnan(v)]
        assert np.isnan(value) == (not inside)
        if inside:
            assert min(inside) * (1 - 1e-12) <= value <= max(inside) * (1 + 1e-12)
            if max(inside) == 0:
                assert value == 0


def test_late_samples_fill_the_gap_that_they_belong_to() -> None:
    times = np.arange(600.0, 3601.0, 60.0)
    late = (times > 1200) & (times < 1800)
    early = to_series(times[~late], np.ones(times.size)[~late], **GRID)
    assert np.isnan(early.values).sum() == late.sum()
    order = np.concatenate((np.flatnonzero(~late), np.flatnonzero(late)))
    assert (to_series(times[order], np.ones(times.size), **GRID).values == 1.0).all()


def test_what_can_not_be_demand_is_not_observed_and_holds_nothing() -> None:
    times = np.array([600.0, 720.0, 840.0, 960.0])
    series = to_series(times, np.array([5.0, -1.0, np.inf, 0.0]), **GRID, hold_seconds=120.0)
    assert series.values[:7].tolist()[:2] == [5.0, 5.0]
    assert np.isnan(series.values[2:6]).all()
    assert series.values[6:8].tolist() == [0.0, 0.0]
    assert np.isnan(series.values[8:]).all()


def test_two_values_at_one_time_count_as_the_larger() -> None:
    series = to_series(np.array([660.0, 660.0, 660.0]), np.array([3.0, 9.0, np.nan]), **GRID)
    assert series.values[1] == 9.0


COUNTED = {**GRID, "longest_gap_seconds": 60.0}


def counter(rate: float, *, every: float = 15.0, offset: float = 3.0) -> tuple:
    times = np.arange(300.0 + offset, 3700.0, every)
    return times, 1e6 + rate * (times - times[0])


@pytest.mark.parametrize("every", [7.0, 15.0, 60.0])
def test_a_steady_counter_has_its_rate_on_any_grid(every: float) -> None:
    values = rate_series(*counter(2.5, every=every), **COUNTED).values
    np.testing.assert_allclose(values, 2.5)


def test_a_restart_is_a_short_gap_and_neither_a_dip_nor_a_peak() -> None:
    times, counts = counter(2.5)
    restart = times > 2000.0
    counts = np.where(restart, 2.5 * (times - 2000.0), counts)
    values = rate_series(times, counts, **COUNTED).values
    known = values[~np.isnan(values)]
    assert known.size >= values.size - 1
    np.testing.assert_allclose(known, 2.5)


def test_a_restart_whose_counter_outgrows_the_old_one_at_once_is_still_a_restart() -> None:
    times = np.arange(570.0, 3601.0, 15.0)
    counts = np.where(times < 1200, 4.0, 10.0 + 0.7 * (times - 1215.0))  # 4 4 4 | 0 10.5 ...
    counts[times == 1200.0] = 0.0
    values = rate_series(times, counts, **COUNTED).values
    assert np.nanmax(values) < 0.9
    assert np.nanmin(values) == 0.0


@pytest.mark.parametrize("reading", [0.0, 17.0, 999_999.0])
def test_one_low_reading_changes_no_rate(reading: float) -> None:
    times, counts = counter(2.5)
    counts[100] = reading
    np.testing.assert_allclose(rate_series(times, counts, **COUNTED).values, 2.5)


def test_two_replicas_behind_one_address_are_no_restarts() -> None:
    times, counts = counter(2.5)
    counts[1::2] -= 400.0
    np.testing.assert_allclose(rate_series(times, counts, **COUNTED).values, 2.5, rtol=0.02)


def test_a_counter_that_stands_still_is_zero_and_one_that_was_not_seen_is_not_known() -> None:
    times, counts = counter(0.0)
    assert (rate_series(times, counts, **COUNTED).values == 0.0).all()
    unseen = (times > 1500) & (times < 2400)
    values = rate_series(times[~unseen], counts[~unseen], **COUNTED).values
    at = GRID["start_at"] + 60.0 * np.arange(values.size)
    assert np.isnan(values[(at > 1560) & (at < 2400)]).all()
    assert (values[(at <= 1500) | (at >= 2460)] == 0.0).all()


@given(st.lists(st.floats(0, 100), min_size=3, max_size=80), st.randoms(use_true_random=False))
def test_rates_are_never_negative_and_no_order_changes_them(
    growth: list[float], random: "np.random.Generator"
) -> None:
    times = 600.0 + 30.0 * np.arange(len(growth))
    counts = np.cumsum(growth)
    want = rate_series(times, counts, **COUNTED).values
    assert not (want < 0).any()
    assert np.nanmax(want, initial=0.0) <= max(growth) / 30.0 * (1 + 1e-9)
    order = list(range(len(growth)))
    random.shuffle(order)  # type: ignore[arg-type]
    found = rate_series(times[order], counts[order], **COUNTED).values
    np.testing.assert_array_equal(found, want)


def test_no_samples_are_no_observation() -> None:
    assert np.isnan(to_series(np.empty(0), np.empty(0), **GRID).values).all()
    assert np.isnan(rate_series(np.empty(0), np.empty(0), **COUNTED).values).all()
