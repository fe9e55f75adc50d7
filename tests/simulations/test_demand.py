from pathlib import Path

import numpy as np
import pytest

from simulations.demand import STEP_SECONDS, Shape, Spike, generate, is_working_day, write_csv

MONDAY = 1_772_409_600.0  # 2 March 2026, 00:00 UTC
DAY = 86_400.0


def week(seed: int, shape: Shape | None = None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    series = generate(
        np.random.default_rng(seed),
        shape or Shape(),
        start_at=MONDAY,
        end_at=MONDAY + 7 * DAY - STEP_SECONDS,
    )
    return series.values.reshape(7, -1)  # one row a day


def test_equal_seeds_give_equal_demand() -> None:
    np.testing.assert_array_equal(week(3), week(3))


def test_other_seeds_give_other_demand_of_the_same_shape() -> None:
    assert not np.array_equal(week(3), week(4))
    np.testing.assert_allclose(week(3).mean(axis=1), week(4).mean(axis=1), rtol=0.05)


def test_a_change_of_the_spike_leaves_the_noise_of_other_hours_alone() -> None:
    night = slice(0, 4 * 240)
    np.testing.assert_array_equal(
        week(3)[:, night], week(3, Shape(spike=Spike(height=90.0)))[:, night]
    )


def test_the_spike_comes_on_working_days_only() -> None:
    minutes = week(5)[:, 9 * 240 : 10 * 240].max(axis=1)
    quiet = week(5)[:, 8 * 240 : 9 * 240 - 8].max(axis=1)
    assert (minutes[:5] > 2.5 * quiet[:5]).all()
    assert (minutes[5:] < 1.5 * quiet[5:]).all()


def test_noise_is_poisson_like() -> None:
    flat = Shape(swing=0.0, spike=Spike(height=0.0), weekend_ratio=1.0, mean=50.0, wobble_ratio=0.0)
    minutes = week(1, flat).ravel()[::4]  # windows that do not overlap
    assert minutes.mean() == pytest.approx(50.0, rel=0.01)
    assert minutes.var() == pytest.approx(50.0 / 60.0, rel=0.1)


def test_a_working_day_is_monday_to_friday() -> None:
    days = MONDAY + DAY * np.arange(7)
    assert is_working_day(days).tolist() == [True] * 5 + [False] * 2


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ValueError, match="end_at"):
        generate(np.random.default_rng(0), Shape(), start_at=MONDAY, end_at=MONDAY - DAY)


def test_a_file_holds_unix_seconds_and_demand(tmp_path: Path) -> None:
    series = generate(
        np.random.default_rng(0), Shape(), start_at=MONDAY, end_at=MONDAY + STEP_SECONDS
    )
    path = tmp_path / "history.csv"
    write_csv(series, path, column="demand")
    header, first, second = path.read_text(encoding="utf-8").splitlines()
    assert header == "timestamp,demand"
    assert first.split(",")[0] == f"{MONDAY:.0f}"
    assert float(second.split(",")[1]) == pytest.approx(series.values[1], rel=1e-5)
