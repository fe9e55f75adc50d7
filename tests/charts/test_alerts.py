"""The alert rules under charts/, judged by the real promtool."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from prometheus_server import PrometheusBinaries, prometheus_binaries
from rig import Rig
from webclient import get

__all__ = ["prometheus_binaries"]
ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "charts/alerts/prewarm.yaml"
TESTS = Path(__file__).parent / "prewarm_alerts.test.yaml"


def promtool(binaries: PrometheusBinaries, *words: str | Path) -> str:
    done = subprocess.run([binaries.promtool, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules(prometheus_binaries: PrometheusBinaries) -> None:
    n_rules = len(yaml.safe_load(RULES.read_text())["groups"][0]["rules"])
    assert f"SUCCESS: {n_rules} rules found" in promtool(
        prometheus_binaries, "check", "rules", RULES
    )


def test_every_alert_fires_when_it_should_and_not_before(
    prometheus_binaries: PrometheusBinaries, tmp_path: Path
) -> None:
    for file in (RULES, TESTS):
        shutil.copy(file, tmp_path)
    promtool(prometheus_binaries, "test", "rules", tmp_path / TESTS.name)


def test_the_unit_test_speaks_of_every_alert() -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    tested = set(re.findall(r"alertname=\"(\w+)\"", TESTS.read_text()))
    assert tested == {rule["alert"] for rule in rules}


def test_every_alert_says_what_to_do() -> None:
    for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        description = rule["annotations"]["description"]
        assert "Next step: " in description or "compare" in description, rule["alert"]


async def test_alerts_and_dashboards_speak_of_metrics_that_are_exported(rig: Rig) -> None:
    await rig.observe(rig.ref())
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    families = set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))
    exported = families | {f"{name}_{end}" for name in families for end in ("bucket", "count")}
    for file in (RULES, ROOT / "charts/dashboards/prewarm.json"):
        text = "\n".join(
            line for line in file.read_text().splitlines() if not line.strip().startswith("#")
        )
        named = set(re.findall(r"prewarm_\w+", text))
        assert named
        assert named <= exported, f"{file.name}: {named - exported}"


def test_the_service_monitor_of_the_guide_is_the_file_and_finds_the_service() -> None:
    guide = (ROOT / "docs/operating.md").read_text()
    blocks = [
        each
        for text in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
        for each in yaml.safe_load_all(text)
        if isinstance(each, dict) and "kind" in each
    ]
    found = {each["kind"]: each for each in blocks}
    monitor = yaml.safe_load((ROOT / "charts/manifests/servicemonitor.yaml").read_text())
    assert found["ServiceMonitor"] == monitor
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert wanted <= found["Service"]["metadata"]["labels"].items()
    ports = {each["name"] for each in found["Service"]["spec"]["ports"]}
    assert {each["port"] for each in monitor["spec"]["endpoints"]} <= ports
