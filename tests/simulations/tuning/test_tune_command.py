"""`prewarm tune` from its command line: a step that needs a floor, and resuming."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from simulations.tuning import search
from simulations.tuning.commands import tune

COUNTS = np.full(180, 60)
COUNTS[150:] = 150


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """One request a second, then two and a half; a replica carries two."""
    path = tmp_path / "step.csv"
    times = pd.date_range("2025-01-06", periods=COUNTS.size, freq="min")
    pd.DataFrame({"timestamp": times, "requests": COUNTS}).to_csv(path, index=False)
    return path


def run(trace: Path, folder: Path, *more: str) -> Result:
    args = [
        str(trace), "--days", "1h", "--threshold", "2", "--cold-start", "240s", "--model",
        "h100-80gb", "--prompt-tokens", "100", "--completion-tokens", "50", "--experts",
        "holt-winters", "--jobs", "1", "--backend", "threading", "--cache", str(folder),
        "--thresholds", "2", "--warm-floors", "1,2,3", "--quantiles", "0.9", "--lead-times",
        "270s", "--down-windows", "300s", "--seeds", "2", "--shortage-limit", "0.001",
    ]  # fmt: skip
    return CliRunner().invoke(tune, [*args, *more], catch_exceptions=False)


def test_the_cheapest_floor_that_covers_the_step_wins(step: Path, tmp_path: Path) -> None:
    page = tmp_path / "tuning.html"
    told = run(step, tmp_path / "cache", "--report", str(page))
    assert told.exit_code == 0, told.output
    # One is short for a cold start, three cost half as much again as two.
    assert 'warmFloor: "2"' in told.stdout
    assert "probability" in told.stdout
    assert "runner-up" in told.stdout
    assert "<img" in page.read_text()


def test_a_search_that_was_interrupted_goes_on_and_no_run_is_made_twice(
    step: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(step, tmp_path / "whole", "--json")
    folder, made = tmp_path / "cut", []
    first_of = search.Search._work

    def counted(self: search.Search, *asked: object) -> search.Work:
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(asked)
        return first_of(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "BATCH", 1)
    monkeypatch.setattr(search.Search, "_work", counted)
    run(step, folder)
    assert len(made) == 4
    kept = {path.name for path in folder.glob("results-*.parquet")}
    assert len(kept) == 4

    again: list[object] = []

    def recorded(self: search.Search, *asked: object) -> search.Work:
        again.append(asked)
        return first_of(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(search.Search, "_work", recorded)
    assert run(step, folder, "--json").stdout == whole.stdout
    assert not set(made) & set(again)
    again.clear()
    assert run(step, folder, "--json").stdout == whole.stdout
    assert not again


def test_a_limit_that_nothing_keeps_is_said_and_exits_with_1(step: Path, tmp_path: Path) -> None:
    told = run(step, tmp_path / "cache", "--warm-floors", "1", "--shortage-limit", "0")
    assert told.exit_code == 1
    assert "No setting tried keeps" in told.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--warm-floors", "1.5"], '--warm-floors: "1.5" is not allowed'),
        (["--thresholds", "0"], '--thresholds: "0" is not allowed'),
        (["--quantiles", "1"], "--quantiles"),
        (["--lead-times", "soon"], '--lead-times: "soon"'),
        (["--attainment", "0.9"], "--shortage-limit: not allowed beside --attainment"),
    ],
)
def test_bad_options_name_the_key(step: Path, tmp_path: Path, args: list[str], says: str) -> None:
    told = run(step, tmp_path, *args)
    assert told.exit_code == 2
    assert says in told.stderr
