"""The scaler loads the experts of installed distributions, and goes on without a broken one."""

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from forecasting.leading import WithLeading
from scaler import serve
from scaler.__main__ import main
from scaler.check import run as check
from scaler.service import loaded_forecaster
from simulations.backtest.methods import OURS, every_method

MODULE = """
from forecasting.experts import RecentMaximum


def hour():
    return RecentMaximum(name="hour", seconds=3600.0, is_additive=False)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prewarm_hour_plugin.py").write_text(MODULE)
    info = tmp_path / "prewarm_hour_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: prewarm-hour-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[prewarm.experts]\nhour = prewarm_hour_plugin:hour\nlost = prewarm_hour_plugin:lost\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("plugin")
def test_an_installed_expert_joins_and_a_broken_one_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        forecaster = loaded_forecaster()
    assert isinstance(forecaster, WithLeading)
    assert [expert.name for expert in forecaster.mixture.experts][-1] == "hour"
    assert [record.__dict__["expert"] for record in caplog.records] == ["lost"]
    assert "AttributeError" in caplog.records[0].__dict__["error"]


@pytest.mark.usefixtures("plugin")
def test_every_command_asks_for_them() -> None:
    assert serve.loaded_forecaster is loaded_forecaster
    assert check.loaded_forecaster is loaded_forecaster
    assert every_method()[OURS].forecaster == loaded_forecaster()


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--source", "file", "--file", "absent.csv"),
        ("check", "-"),
        ("backtest", "absent.csv"),
        ("forecast", "absent.csv"),
    ],
    ids=lambda words: str(words[0]),
)
@pytest.mark.parametrize(
    ("names", "problem"),
    [("default,boostd", "--experts: 'boostd' is not allowed; allowed are default, installed, last"),
     ("lost", "--experts: 'lost' can't be loaded (AttributeError")],
)  # fmt: skip
def test_every_command_refuses_an_expert_that_it_can_not_have(
    words: tuple[str, ...], names: str, problem: str
) -> None:
    result = CliRunner().invoke(main, [*words, "--experts", names])
    assert result.exit_code in {1, 2}
    assert problem in " ".join(result.output.split())


@pytest.mark.usefixtures("plugin")
def test_the_named_experts_make_the_forecast() -> None:
    forecaster = loaded_forecaster("last-value, hour")
    assert isinstance(forecaster, WithLeading)
    assert [expert.name for expert in forecaster.mixture.experts] == ["last-value", "hour"]
    assert every_method("last-value, hour")[OURS].forecaster == forecaster
