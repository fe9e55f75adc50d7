"""Tables, goals and the record, from results whose figures are known."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from forecast import record
from forecast_goals import AT_LEAST, Goal, goals, quotient
from forecast_plot import rows
from forecast_protocol import HORIZONS, LEVELS, Result, Trace
from forecast_rivals import RIVALS
from forecast_run import Plan, run
from forecast_scores import Scores
from forecast_table import cost_table, goal_table, method_table, subset_table

SERIES = ("quiet", "busy")


def results(figures: dict[str, tuple[float, ...]]) -> list[Result]:
    """One ratio for each series, the same at all horizons and levels."""
    return [
        Result(
            method=method, series=series, horizon_minutes=horizon, level=level,
            pinball_ratio=ratio, coverage_ratio=level, fit_seconds=0.02, forecast_seconds=0.001,
        )
        for method, ratios in figures.items()
        for series, ratio in zip(SERIES, ratios, strict=False)
        for horizon in HORIZONS
        for level in LEVELS
    ]  # fmt: skip


RUN = Scores(
    results({
        "prewarm": (0.1, 0.2), "Prophet": (0.4, 0.9), "reactive x1.25": (0.9, 0.4),
        "last +conf": (0.2, 0.8), "last +add": (0.3, 0.9), "Kedastral-like, as shipped": (1.0, 1.0),
        "Mimir-like week offset": (0.5,),
    })
)  # fmt: skip


def goal_named(name: str, scores: Scores = RUN) -> Goal:
    return next(goal for goal in goals(scores) if goal.name == name)


def test_the_best_rival_is_chosen_for_each_series() -> None:
    goal = goal_named("p90 / best rival as shipped (the six of the goal)")
    assert goal.values == pytest.approx([(0.25 * 0.5) ** 0.5] * 3)
    assert goal.verdict == "met"


def test_a_goal_tells_where_it_is_met() -> None:
    assert goal_named("p90, geometric mean").values == pytest.approx([0.02**0.5] * 3)
    assert goal_named("p90, geometric mean").verdict == "met at 2 of 3"
    assert goal_named("p90 / last +conf").values == pytest.approx([0.125**0.5] * 3)
    assert goal_named("p90 / last +conf").verdict == "met"
    assert goal_named("p90, worst series").verdict == "met"
    assert goal_named("p90 / Kedastral-like, best setting").verdict == "not run"


@pytest.mark.parametrize(
    ("value", "limit", "sense", "want"),
    [(0.3, 0.3, "<=", "met"), (0.31, 0.3, "<=", "not met"), (0.9, 0.85, AT_LEAST, "met"),
     (np.nan, 0.3, "<=", "not run"), (0.3, np.nan, "<=", "for information")],
)  # fmt: skip
def test_a_limit_belongs_to_the_goal(value: float, limit: float, sense: str, want: str) -> None:
    assert Goal(name="it", values=[value], limits=[limit], sense=sense).verdict == want


def test_a_quotient_is_taken_over_the_series_of_both() -> None:
    assert quotient({"a": 1.0, "b": 2.0}, {"a": 4.0}) == (pytest.approx(0.25), 1.0)
    assert np.isnan(quotient({"a": 1.0}, {})).all()


def test_the_table_ranks_methods_and_shows_the_better_calibration_only() -> None:
    lines = [line[:40].strip() for line in method_table(RUN, 0.9).splitlines()]
    assert lines[:3] == ["p90", "prewarm", "last +conf"]
    assert "last +add" not in lines
    assert "Mimir-like week offset [1]" in lines


def test_a_rival_on_some_series_is_compared_on_the_same_ones() -> None:
    line = subset_table(RUN, 0.9).splitlines()[1]
    ratios = "0.500 / 0.500 / 0.500 0.100 / 0.100 / 0.100 0.200 / 0.200 / 0.200"
    assert " ".join(line.split()) == f"Mimir-like week offset [1] {ratios}"


def test_costs_and_goals_are_printed_with_their_limits() -> None:
    assert "0.0200" in cost_table(RUN)
    assert "+conf" not in cost_table(RUN)
    table = goal_table(goals(RUN), RUN.horizons)
    assert "0.141 (<= 0.135)" in table
    assert "met at 2 of 3" in table


def test_the_record_is_json_that_the_picture_can_read() -> None:
    found = json.loads(record(list(RUN.results), {"cores": 2}))
    assert found["methods"]["prewarm"]["scores"]["busy"]["H15 p95"] == [0.2, 0.95]
    assert found["methods"]["prewarm"]["costs"]["busy"] == [0.02, 0.001]
    drawn = rows(found["methods"], "H15 p90")
    assert drawn[-1][0] == "Prewarm"
    assert "Mimir-like week offset" not in [name for name, _, _ in drawn]


def test_a_second_run_recalls_every_rival(tmp_path: Path, make_trace: Callable[..., Trace]) -> None:
    simple = [rival for rival in RIVALS if rival.name in {"last", "seasonal naive, day"}]
    plan = Plan(traces=[make_trace(6)], rivals=simple, ours={}, cache=tmp_path)
    first, n_recalled, n_made = run(plan)
    again, m_recalled, m_made = run(plan)
    assert (n_recalled, n_made, m_recalled, m_made) == (0, 2, 2, 0)
    assert [(r.method, r.pinball_ratio) for r in first] == [
        (r.method, r.pinball_ratio) for r in again
    ]
