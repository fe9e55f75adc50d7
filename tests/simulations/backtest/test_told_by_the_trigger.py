"""What a manifest's trigger tells the forecast: holidays, events, and the keys that are ignored."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from forecasting.default import default_forecaster
from forecasting.forecaster import FittedForecaster, Task
from forecasting.localtime import DAY_SECONDS
from forecasting.series import Series
from scaler.__main__ import main
from scaler.metadata import parse
from simulations.backtest.asking import ask_all
from simulations.backtest.inputs import Input, zone_of
from simulations.backtest.methods import Method
from simulations.backtest.of_trigger import told_of
from simulations.backtest.run import Wanted, case_of

DEMAND = 98_765.0
BASE = {"query": "demand", "threshold": "5", "leadTimeSeconds": "600", "stepSeconds": "300"}


def manifest_of(path: Path, metadata: dict[str, str]) -> Path:
    entry = {"scalerAddress": "prewarm.keda.svc:6000"} | BASE | metadata
    manifest = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "llama", "namespace": "llm"},
        "spec": {
            "scaleTargetRef": {"name": "llama"},
            "triggers": [{"type": "external", "metadata": entry}],
        },
    }
    path.write_text(json.dumps(manifest))  # JSON is YAML
    return path


def run(*words: "str | Path") -> str:
    result = CliRunner().invoke(main, [*(str(word) for word in words), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    return result.output


def around_now() -> str:
    """An event that lasts from two hours ago until in two hours."""
    begin, end = (datetime.fromtimestamp(time.time() + hours * 3600, UTC) for hours in (-2, 2))
    return f"{begin:%Y-%m-%dT%H:%M} to {end:%Y-%m-%dT%H:%M} demand {DEMAND:g}"


def test_a_forecast_of_a_manifest_knows_its_events_and_looks_ahead_as_the_scaler_does(
    week_csv: Path, tmp_path: Path
) -> None:
    keys = {
        "events": around_now(),
        "leadingQueries": "queue: sum(queue)",
        "scheduledFloors": "4 for 10h from 0 8 * * MON-FRI",
    }
    manifest = manifest_of(tmp_path / "scaledobject.yaml", keys)
    words = (manifest, "--source", "file", "--file", week_csv, "--file-ends-at", "now")
    found = json.loads(run("forecast", *words, "--horizons", "5m", "--json"))[0]
    assert found["lead_time_seconds"] == 600.0
    assert found["horizon_seconds"] == 600.0 + 300.0 + 15.0
    main_bound = next(
        each for each in found["bounds"]
        if each["horizon_seconds"] == 915.0 and each["quantile"] == found["quantile"]
    )  # fmt: skip
    assert main_bound["value"] == DEMAND
    values = found["path"]["bounds"][-1]["values"]
    assert values[0] == DEMAND
    assert max(values[24:]) < DEMAND / 10
    assert found["ignored"] == ["scheduledFloors"]
    assert found["leading"] == []
    assert "The leading query queue is left out" in " ".join(found["warnings"])
    text = " ".join(run("forecast", *words, "--horizons", "5m").split())
    assert "Ignored here: scheduledFloors." in text
    assert "The leading query queue is left out: " in text
    assert "has no column 'sum(queue)'" in text
    assert "As the scaler does, it looks ahead 15.25 min: the lead time of 10 min" in text


def test_a_backtest_of_a_manifest_tells_our_forecast_of_events_and_no_rival(
    week_csv: Path, tmp_path: Path
) -> None:
    keys = {"events": around_now(), "leadingQueries": "queue: sum(queue)"}
    manifest = manifest_of(tmp_path / "scaledobject.yaml", keys)
    out = tmp_path / "forecasts.csv"
    text = run(
        "backtest", manifest, "--source", "file", "--file", week_csv, "--file-ends-at", "now",
        "--methods", "prewarm,last-value", "--quantiles", "0.9", "--every", "30m",
        "--score-days", "1d", "--short-histories", "none", "--forecasts", out,
    )  # fmt: skip
    assert "The leading query queue is left out: " in text
    table = pd.read_csv(out)
    newest = table[table["origin_at"] > time.time() - 3600]
    assert set(newest["method"]) == {"prewarm", "last-value"}
    assert ((newest["bound"] == DEMAND) == (newest["method"] == "prewarm")).all()
    assert (table["bound"][table["origin_at"] < time.time() - 4 * 3600] < DEMAND / 10).all()


@pytest.fixture
def given(week: Series) -> Input:
    trigger = parse(BASE | {"holidays": "DE, 2025-01-07"})
    zone = zone_of("--timezone", "UTC")
    return Input(name="a", series=week, zone=zone, observed_ratio=1.0, trigger=trigger)


def test_holidays_of_the_whole_history_reach_the_question(given: Input) -> None:
    own, new_year = (
        int(datetime(2025, 1, day, tzinfo=UTC).timestamp() // DAY_SECONDS) for day in (7, 1)
    )
    assert {own, new_year} <= told_of(given).holidays
    case = case_of(given, Wanted(scored_days=0.5, every_seconds=7200.0))
    assert case.holidays == told_of(given).holidays
    asked = Asked()
    ask_all([case], [Method(name="asked", about="keeps its questions", forecaster=asked)])
    assert {task.holidays for task in asked.tasks} == {case.holidays}


class Asked:
    """A forecaster that keeps what it was asked."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def fit(self, history: Series, task: Task) -> FittedForecaster:
        self.tasks.append(task)
        return default_forecaster().fit(
            history.between(history.end_at - 3600, history.end_at), task
        )
