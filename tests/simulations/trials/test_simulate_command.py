"""`prewarm simulate` from its command line: small runs whose answers are known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from simulations.trials.commands import simulate

MINUTES = 240
LAST_HOURS = "2h"
BRIEF = ("--days", "1h", "--experts", "day-profile")


def write_trace(path: Path, counts: np.ndarray) -> Path:
    times = pd.date_range("2025-01-06", periods=counts.size, freq="min")
    pd.DataFrame({"timestamp": times, "requests": counts}).to_csv(path, index=False)
    return path


@pytest.fixture
def constant(tmp_path: Path) -> Path:
    """Four hours of one request a second."""
    return write_trace(tmp_path / "constant.csv", np.full(MINUTES, 60))


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """The same; in the middle of the run demand is more than one replica carries."""
    counts = np.full(MINUTES, 60)
    counts[180:] = 150
    return write_trace(tmp_path / "step.csv", counts)


def run(trace: Path, *more: str) -> Result:
    usual = ["--days", LAST_HOURS, "--seeds", "1", "--threshold", "2", "--cold-start", "240s"]
    usual += ["--model", "h100-80gb", "--prompt-tokens", "100", "--completion-tokens", "50"]
    args = [str(trace), *usual, "--jobs", "1", *more]
    return CliRunner().invoke(simulate, args, catch_exceptions=False)


def figures(trace: Path, *more: str) -> dict[str, dict[str, float]]:
    told = run(trace, "--json", *more)
    assert told.exit_code == 0, told.output
    return {each["policy"]: each for each in json.loads(told.stdout)}


def test_constant_demand_needs_a_constant_fleet_and_no_policy_is_short(constant: Path) -> None:
    found = figures(constant, "--policies", "keda-reactive,prewarm-perfect,clairvoyant")
    for name, each in found.items():
        # One replica carries two requests a second: two hours of one GPU.
        assert each["gpu_hours_total"] == pytest.approx(2.0, rel=0.01), name
        assert each["shortage"] == 0.0, name
        assert each["attainment_both"] == 1.0, name


def test_a_step_that_only_a_forecast_could_know_is_covered_by_who_knows_it(step: Path) -> None:
    found = figures(step, "--policies", "keda-reactive,prewarm-perfect,clairvoyant")
    # Half a request a second beyond one replica's two, for the 240 s of a start at least.
    assert found["keda-reactive"]["shortage"] > 0.5 * 240.0
    assert found["clairvoyant"]["shortage"] < 0.1 * found["keda-reactive"]["shortage"]
    assert found["prewarm-perfect"]["shortage"] < 0.1 * found["keda-reactive"]["shortage"]


def test_the_same_seed_gives_the_same_bytes(step: Path) -> None:
    first = run(step, "--json", "--policies", "keda-reactive,prewarm-perfect")
    again = run(step, "--json", "--policies", "keda-reactive,prewarm-perfect")
    assert first.stdout == again.stdout


def test_the_timeline_holds_what_the_figures_are_made_of(step: Path, tmp_path: Path) -> None:
    ticks = tmp_path / "ticks.parquet"
    found = figures(step, "--policies", "keda-reactive", "--timeline", str(ticks))
    frame = pd.read_parquet(ticks)
    shortage = (frame["shortage"] * frame["seconds"]).sum()
    assert shortage == pytest.approx(found["keda-reactive"]["shortage"])
    assert set(frame["policy"]) == {"keda-reactive"}


def test_text_tells_verdict_units_and_that_the_model_is_a_placeholder(
    step: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    told = run(step, "--policies", "prewarm,keda-reactive", "--report", str(page), *BRIEF)
    assert told.exit_code == 0, told.output
    assert "shortage" in told.stdout
    assert "Prewarm has " in told.stdout
    assert "placeholder" in told.stdout
    assert "<img" in page.read_text()


def test_who_needs_a_week_of_history_is_left_out_and_it_is_said(constant: Path) -> None:
    told = run(constant, "--policies", "keda-reactive,cron-24x7")
    assert told.exit_code == 0
    assert "cron-24x7 takes no part" in told.stdout


def test_a_manifest_gives_trigger_limits_and_behavior(step: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "scaledobject.yaml"
    manifest.write_text(
        """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: llm}
spec:
  scaleTargetRef: {name: llm}
  minReplicaCount: 3
  maxReplicaCount: 9
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 60}
  triggers:
    - type: external
      metadata:
        scalerAddress: prewarm:6000
        query: sum(rate(requests_total[1m]))
        threshold: "2"
        warmFloor: "3"
        maxReplicas: "9"
        leadTimeSeconds: "270"
"""
    )
    found = figures(step, "--manifest", str(manifest), "--policies", "keda-reactive")
    # The minimum of three covers all of the step but its noise: 2 h x 3 GPUs.
    assert found["keda-reactive"]["gpu_hours_total"] >= 6.0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--policies", "magic"], '--policies: "magic" is not allowed'),
        (["--quantile", "2"], "quantile"),
        (["--cold-start", "soon"], '--cold-start: "soon" is not allowed'),
        (["--model", "b300"], '--model: "b300" is not allowed'),
        (["--days", "9d"], "--days"),
        (["--lead-time", "x"], '--lead-time: "x" is not allowed'),
        (["--generate", "weekly"], "one workload is needed"),
        (["--report", "report.pdf"], "--report"),
    ],
)
def test_bad_options_name_the_key(constant: Path, args: list[str], says: str) -> None:
    told = run(constant, *args)
    assert told.exit_code == 2
    assert says in told.stderr
