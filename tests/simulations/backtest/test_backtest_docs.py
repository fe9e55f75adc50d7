"""The commands of docs/backtest.md, as they stand there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from scaler.__main__ import main
from simulations.backtest.forecasts_file import COLUMNS
from simulations.backtest.methods import every_method
from simulations.backtest.text import HEADERS

TEXT = (Path(__file__).parents[3] / "docs" / "backtest.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("prewarm ")]
FASTER = {
    "backtest": ["--every", "3h", "--score-days", "1d", "--short-histories", "none"],
    "forecast": ["--horizons", "5m"],
}  # the last of a flag counts


def test_the_document_has_commands() -> None:
    assert len(COMMANDS) >= 7
    assert {line.split()[1] for line in COMMANDS} == set(FASTER)


@pytest.mark.slow
@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_document_works(
    line: str, week_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(week_csv, tmp_path / "history.csv")
    rows = week_csv.read_text().splitlines()
    led = [f"{rows[0]},portal,sign_ups", *(f"{row},{row.split(',')[1]},1" for row in rows[1:])]
    (tmp_path / "led.csv").write_text("\n".join(led) + "\n")
    words = shlex.split(line)[1:]
    faster = [*FASTER[words[0]], "--jobs", "1"]
    if "--prometheus-address" in words:
        (tmp_path / "scaledobject.yaml").write_text("kind: Service\n")
        result = CliRunner().invoke(main, [*words, *faster])
        assert result.exit_code == 2  # it needs a Prometheus; the flags are understood
        assert "connection refused" in result.output or "no trigger of Prewarm" in result.output
        return
    result = CliRunner().invoke(main, [*words, *faster])
    assert result.exit_code == 0, result.output
    for flag in ("--report", "--plot", "--forecasts"):
        if flag in words:
            assert (tmp_path / words[words.index(flag) + 1]).stat().st_size > 1000


def test_every_method_column_and_header_is_explained() -> None:
    for name in (*every_method(), *COLUMNS, *HEADERS[1:]):
        assert re.search(rf"\b{re.escape(name)}\b", TEXT), name
