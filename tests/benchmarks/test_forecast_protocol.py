"""The protocol by hand: spans, origins, targets, scores, and the conformal correction."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from forecast_conformal import calibrated
from forecast_protocol import Case, Trace, geometric_mean, load_series, score

from forecasting.series import Series

MakeTrace = Callable[..., Trace]


def case_of(values: "np.ndarray", *, step_seconds: float, minutes: int, level: float) -> Case:
    series = Series(start_at=0.0, step_seconds=step_seconds, values=values)
    return Case(name="it", series=series, horizon_minutes=minutes, level=level)


@pytest.mark.parametrize(
    ("n_days", "calibration_days", "test_days", "why"),
    [
        (4, 1.0, 2.0, "the least of both spans"),
        (10, 2.0, 3.0, "a fifth and three tenths"),
        (14, 2.8, 4.2, "as a ServeGen trace"),
        (31, 3.0, 5.0, "the most of both spans"),
    ],
)
def test_spans_follow_the_length_of_the_series(
    n_days: int, calibration_days: float, test_days: float, why: str
) -> None:
    case = case_of(np.ones(n_days * 288), step_seconds=300, minutes=15, level=0.9)
    assert case.calibration_days == pytest.approx(calibration_days), why
    assert case.test_begin == int(n_days * 288 - test_days * 288), why
    assert case.origins[0] == int(case.test_begin - calibration_days * 288), why


def test_origins_are_ten_minutes_apart_and_leave_half_an_hour() -> None:
    case = case_of(np.ones(4 * 1440), step_seconds=60, minutes=5, level=0.9)
    assert set(np.diff(case.origins)) == {10}
    assert case.origins[-1] + 30 <= 4 * 1440 < case.origins[-1] + 10 + 30 + 1
    assert case.origins[case.is_scored][0] == 2 * 1440


def test_the_target_is_the_peak_after_the_origin_and_not_at_it() -> None:
    values = np.array([9.0, 1, 2, 7, 3, 8])
    case = case_of(values, step_seconds=300, minutes=15, level=0.9)
    assert case.peaks(np.array([0, 1, 2])).tolist() == [7, 7, 8]
    one_bin = case_of(values, step_seconds=300, minutes=5, level=0.9)
    assert one_bin.peaks(np.array([0, 1])).tolist() == [1, 2]


def test_yesterday_itself_scores_one_and_a_perfect_bound_nothing(make_trace: MakeTrace) -> None:
    trace = make_trace(6)
    case = Case(name="it", series=trace.series, horizon_minutes=15, level=0.9)
    yesterday = case.peaks(case.origins - case.bins_per_day)
    assert score("naive", case, yesterday, (0, 0)).pinball_ratio == pytest.approx(1.0)
    perfect = score("oracle", case, case.peaks(case.origins), (0, 0))
    assert (perfect.pinball_ratio, perfect.coverage_ratio) == (0.0, 1.0)


def test_a_negative_bound_counts_as_zero(make_trace: MakeTrace) -> None:
    trace = make_trace(6)
    case = Case(name="it", series=trace.series, horizon_minutes=15, level=0.9)
    below = score("below", case, np.full(case.origins.size, -5.0), (0, 0))
    zero = score("zero", case, np.zeros(case.origins.size), (0, 0))
    assert below.pinball_ratio == zero.pinball_ratio


def test_calibration_meets_the_level_of_a_biased_forecast(make_trace: MakeTrace) -> None:
    trace = make_trace(12)
    case = Case(name="it", series=trace.series, horizon_minutes=15, level=0.9)
    biased = 0.5 * case.series.values[case.origins]
    assert score("raw", case, biased, (0, 0)).coverage_ratio < 0.05
    for is_additive in (False, True):
        moved = calibrated(case, biased, is_additive=is_additive)
        assert score("conf", case, moved, (0, 0)).coverage_ratio == pytest.approx(0.9, abs=0.04)


def test_calibration_by_hand_takes_only_outcomes_that_are_known() -> None:
    values = np.full(4 * 288, 8.0)
    values[-1] = 8.0
    case = case_of(values, step_seconds=300, minutes=15, level=0.9)
    said = np.full(case.origins.size, 5.0)
    moved = calibrated(case, said, is_additive=True)
    # A window of 3 bins is over after 2 origins of 2 bins; one more origin, then one outcome.
    assert moved[:4].tolist() == [5, 5, 5, 5]
    assert moved[4:].tolist() == [8] * (moved.size - 4)


def test_calibration_does_not_look_ahead(make_trace: MakeTrace) -> None:
    trace = make_trace(8)
    values = trace.series.values.copy()
    cut = int(trace.origins[300])
    values[cut + 1 :] = values[cut + 1 :][::-1]  # the mean stays: the protocol's log constant
    other = Series(start_at=trace.series.start_at, step_seconds=300, values=values)
    bounds = [
        calibrated(
            Case(name="it", series=series, horizon_minutes=30, level=0.95),
            trace.series.values[trace.origins],
        )
        for series in (trace.series, other)
    ]
    assert np.allclose(bounds[0][:301], bounds[1][:301])
    assert not np.allclose(bounds[0][301:], bounds[1][301:])


def test_a_trace_is_cut_to_31_days_and_its_gaps_are_bridged(tmp_path: Path) -> None:
    lines = ["timestamp,requests"]
    for hour in range(24 * 40):
        day, rest = divmod(hour, 24)
        cell = "" if hour == 24 * 40 - 2 else str(hour)
        lines.append(f"2025-{1 + day // 28:02d}-{1 + day % 28:02d} {rest:02d}:00:00,{cell}")
    with gzip.open(tmp_path / "it.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    series = load_series(tmp_path, "it")
    assert (len(series), series.step_seconds) == (31 * 24, 3600)
    assert series.values[-3:].tolist() == [957, 958, 959]


def test_the_geometric_mean_of_a_loss_and_its_inverse_is_one() -> None:
    assert geometric_mean([0.25, 4.0]) == pytest.approx(1.0)
    assert geometric_mean([0.0, 1.0]) == pytest.approx(1e-3)
