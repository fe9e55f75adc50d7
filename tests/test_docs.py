"""What the documents say is what the program does."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from rig import Rig
from scaler.__main__ import main
from scaler.metadata import KNOWN_KEYS, parse
from webclient import get

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_flag_that_a_document_names_exists() -> None:
    options = {"--help"}
    for name in ("serve", "check", "demo", "explain", "backtest", "forecast"):
        command = main.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        options |= {flag for param in command.params for flag in param.opts}
    for document in (
        "README.md",
        "docs/operating.md",
        "docs/status-page.md",
        "docs/trigger.md",
        "docs/backtest.md",
    ):
        text = (ROOT / document).read_text()
        for line in re.findall(
            r"prewarm (?:serve|check|demo|explain|backtest|forecast)[^\n`]*(?:\\\n[^\n`]*)*", text
        ):
            for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line):
                assert flag in options, f"{document}: {flag}"


WITH_A_CLUSTER = {"prewarm_kubernetes_events_total"}  # --kubernetes-events


async def test_every_metric_of_the_operating_guide_is_exported_and_the_other_way_round(
    rig: Rig,
) -> None:
    await rig.observe(rig.ref())
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    exported = {
        name
        for name in re.findall(r"^# TYPE (prewarm_\w+) ", page, re.MULTILINE)
        if not name.endswith("_created")
    }
    text = (ROOT / "docs/operating.md").read_text()
    documented = set(re.findall(r"^\| .*$", text, re.MULTILINE))
    named = {name for row in documented for name in re.findall(r"`(prewarm_\w+)`", row)}
    assert named - WITH_A_CLUSTER == exported
    assert isinstance(rig.registry, CollectorRegistry)


def test_the_trigger_of_the_readme_is_good() -> None:
    block = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    [trigger] = yaml.safe_load(block)["spec"]["triggers"]
    assert parse(trigger["metadata"]).params.warm_floor == 1
    assert set(trigger["metadata"]) <= {*KNOWN_KEYS, "scalerAddress"}


def test_help_of_every_command_teaches_with_an_example() -> None:
    for name in ("serve", "check", "demo", "explain", "backtest", "forecast"):
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0
        assert "\\b" not in result.output
        assert f"\n    prewarm {name}" in result.output or f"\n  prewarm {name}" in result.output
