"""`prewarm forecast` as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from data_files import write_csv
from forecasting.default import default_forecaster
from forecasting.forecaster import Task
from forecasting.series import Series
from scaler.__main__ import main
from simulations.backtest.inputs import zone_of

PNG = b"\x89PNG\r\n\x1a\n"


def run(*words: "str | Path") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["forecast", *(str(word) for word in words), "--jobs", "1"])
    return result.exit_code, result.output


def test_the_bounds_are_the_forecasters_own_and_never_contradict_each_other(
    week_csv: Path, week: Series
) -> None:
    words = ("--horizons", "15m,1h", "--lead-time", "15m", "--quantile", "0.9", "--threshold", "5")
    status, text = run(week_csv, *words, "--json")
    assert status == 0
    found = json.loads(text)[0]
    task = Task(horizon_seconds=900.0, level=0.9, zone=zone_of("--timezone", "UTC"))
    alone = default_forecaster().fit(week, task).forecast(week).value
    bounds = {(b["horizon_seconds"], b["quantile"]): b["value"] for b in found["bounds"]}
    assert set(bounds) == {(h, q) for h in (900.0, 3600.0) for q in (0.5, 0.9)}
    assert bounds[900.0, 0.9] >= alone
    assert bounds[900.0, 0.9] >= bounds[900.0, 0.5]
    assert bounds[3600.0, 0.9] >= bounds[900.0, 0.9]
    assert found["issued_at"] == week.end_at
    ahead = found["path"]
    assert ahead["until_at"][-1] == week.end_at + 48 * 3600.0
    assert [line["quantile"] for line in ahead["bounds"]] == [0.5, 0.9]
    middle, upper = (line["values"] for line in ahead["bounds"])
    assert len(middle) == len(upper) == len(ahead["until_at"]) == 288
    assert all(low <= high for low, high in zip(middle, upper, strict=True))
    assert found["observed"] == week.values[-1]
    assert found["replicas"] == -(-bounds[900.0, 0.9] // 5)


def test_history_and_bound_are_drawn_in_the_terminal_and_as_a_picture(
    week_csv: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "forecast.png"
    done = subprocess.run(
        [sys.executable, "-m", "scaler", "forecast", str(week_csv), "--horizons", "5m,1h",
         "--plot", str(picture), "--threshold", "5", "--jobs", "2", "--timezone", "Europe/Berlin"],
        capture_output=True, text=True, timeout=200, env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "week.csv as of Sun 2025-01-12 00:55 CET" in done.stdout
    assert "at most, in the next" in done.stdout
    assert "what so many replicas carry" in done.stdout
    assert "replicas carry the 0.95 bound of the next 5 min." in done.stdout
    assert f"Picture: {picture}" in done.stdout
    assert picture.read_bytes().startswith(PNG)


def test_without_a_threshold_nothing_is_said_of_replicas(week_csv: Path) -> None:
    status, text = run(week_csv, "--horizons", "5m")
    assert status == 0
    assert "replicas" not in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("WEEK", "--quantile", "95"), '--quantile: "95.0" is not allowed'),
        (("WEEK", "--lead-time", "10"), "step of the data, 5 min; did you mean 10m?"),
        (("WEEK", "--lead-time", "now"), '--lead-time: "now" is not allowed'),
        (("WEEK", "--plot", "a.pdf"), '--plot: "a.pdf" is not allowed'),
        (("WEEK", "--horizons", "5,1h"), '--horizons: "5" is 5 seconds, shorter than the step'),
        (("no.csv",), '"no.csv" is no file'),
    ],
)
def test_what_cant_be_used_is_named(words: tuple[str, ...], line: str, week_csv: Path) -> None:
    status, text = run(*(str(week_csv) if word == "WEEK" else word for word in words))
    assert status == 2
    assert line in text


def test_a_young_history_is_forecast_by_what_it_holds(tmp_path: Path, week: Series) -> None:
    young = write_csv(tmp_path / "young.csv", week.between(week.start_at, week.start_at + 3600))
    status, text = run(young, "--horizons", "5m", "--json")
    assert status == 0
    assert {bound["method"] for bound in json.loads(text)[0]["bounds"]} == {"last-value"}


def test_a_bound_that_max_replicas_does_not_allow_is_not_called_carried(week_csv: Path) -> None:
    words = (week_csv, "--horizons", "5m", "--threshold", "1")
    status, text = run(*words, "--json")
    assert status == 0
    free = json.loads(text)[0]
    assert free["replicas"] == free["replicas_needed"] > 5
    assert (free["replicas_allowed"], free["demand_not_carried"]) == (None, 0.0)
    status, text = run(*words, "--max-replicas", "5", "--json")
    tight = json.loads(text)[0]
    assert (tight["replicas"], tight["replicas_allowed"]) == (5, 5)
    assert tight["replicas_needed"] == free["replicas_needed"]
    bound = tight["bounds"][-1]["value"]
    assert tight["demand_not_carried"] == pytest.approx(bound - 5)
    status, text = run(*words, "--max-replicas", "5")
    assert f"{free['replicas_needed']} replicas carry the 0.95 bound" in text
    assert "but maxReplicas allows 5: " in text
    assert "is not carried." in text


def test_a_coarse_grid_is_named(tmp_path: Path, week: Series) -> None:
    coarse = write_csv(
        tmp_path / "coarse.csv",
        Series(start_at=week.start_at, step_seconds=1800.0, values=week.values[::6]),
    )
    status, text = run(coarse, "--horizons", "5m,15m,1h")
    assert status == 0
    want = "A point every 30 min can't show the peak of 5 min, 15 min: the window is one point."
    assert want in " ".join(text.split())


def test_no_window_of_the_path_is_above_a_bound_of_a_span_that_holds_it(week_csv: Path) -> None:
    status, text = run(week_csv, "--horizons", "30m,2h", "--lead-time", "30m", "--json")
    assert status == 0
    found = json.loads(text)[0]
    lines = {line["quantile"]: line["values"] for line in found["path"]["bounds"]}
    assert len(found["bounds"]) == 4
    for bound in found["bounds"]:
        inside = [
            value
            for until_at, value in zip(
                found["path"]["until_at"], lines[bound["quantile"]], strict=True
            )
            if until_at <= bound["until_at"]
        ]
        assert len(inside) == bound["horizon_seconds"] / 600
        assert max(inside) <= bound["value"]
