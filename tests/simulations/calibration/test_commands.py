"""The command, from a sweep to a calibration file and back."""

import json
from math import inf
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from simulations.calibration import commands
from simulations.calibration.errors import BadSweep
from simulations.calibration.example import sweep_lines
from simulations.calibration.record import read_model
from simulations.plant.model import PLACEHOLDERS

MODEL = PLACEHOLDERS["h100-80gb"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.csv"
    path.write_text("\n".join(sweep_lines(MODEL, np.random.default_rng(1))), encoding="utf-8")
    return path


def test_writes_a_file_that_a_model_is_made_of(sweep: Path, tmp_path: Path) -> None:
    output = tmp_path / "calibration.json"
    ran = CliRunner().invoke(
        commands.calibrate, [str(sweep), "--output", str(output), "--api-overhead-ms", "15.6"]
    )
    assert ran.exit_code == 0, ran.output
    assert "settings left out in turn" in ran.output
    model = read_model(output)
    assert model.kv_cache_tokens == 415_000.0
    assert model.step_seconds == pytest.approx(MODEL.step_seconds, rel=0.1)
    assert model.prefill_seconds_per_token == pytest.approx(
        MODEL.prefill_seconds_per_token, rel=0.1
    )
    on = json.loads(output.read_text(encoding="utf-8"))["measured_on"]
    assert on["source"] == "generated: not measured"
    assert on["gpu"] == "h100-80gb-placeholder"


def test_says_the_threshold_with_its_interval(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "N_RESAMPLES", 4)
    flags = ["--ttft-ms", "2000", "--itl-ms", "80", "--lengths", "1155:211", "--json"]
    ran = CliRunner().invoke(commands.calibrate, [str(sweep), *flags])
    assert ran.exit_code == 0, ran.output
    (carried,) = json.loads(ran.stdout)["carried"]
    assert 0 < carried["low"] <= carried["requests"] <= carried["high"] < carried["at_most"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--ttft-ms", "500"], "one is missing"),
        (["--ttft-ms", "500", "--itl-ms", "50", "--lengths", "many"], '--lengths: "many"'),
    ],
)
def test_a_bad_flag_is_named(sweep: Path, flags: list[str], words: str) -> None:
    ran = CliRunner().invoke(commands.calibrate, [str(sweep), *flags])
    assert ran.exit_code == 2
    assert words in ran.stderr


def test_without_a_bound_on_the_cache_the_file_has_none(tmp_path: Path) -> None:
    sweep, output = tmp_path / "sweep.csv", tmp_path / "out.json"
    lines = [
        line.replace(",415000,", ",,") for line in sweep_lines(MODEL, np.random.default_rng(1))
    ]
    sweep.write_text("\n".join(lines), encoding="utf-8")
    ran = CliRunner().invoke(commands.calibrate, [str(sweep), "--output", str(output)])
    assert ran.exit_code == 0, ran.output
    assert json.loads(output.read_text(encoding="utf-8"))["model"].get("kv_cache_tokens") is None
    assert read_model(output).kv_cache_tokens == inf


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(BadSweep, match=r"other\.json: format"):
        read_model(path)
