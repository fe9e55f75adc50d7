import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prometheus_server import PrometheusBinaries, prometheus_binaries
from scaler.adapters.prometheus_rules import record_name, recording_rule

__all__ = ["prometheus_binaries"]  # a fixture

QUERIES = [
    'sum(rate(vllm:request_success_total{model_name="a \\"b\\" c"}[2m]))',
    "sum(rate(http_requests_total[5m])) by ()",
    "42",
    "# a comment\nsum(up{job=~'a|b'})\n  or vector(0)",
    "sum(" + " + ".join(["rate(x_total[1m])"] * 200) + ")",
]


@pytest.mark.prometheus
@pytest.mark.parametrize("query", QUERIES)
def test_prometheus_accepts_the_rule_that_is_suggested(
    prometheus_binaries: PrometheusBinaries, tmp_path: Path, query: str
) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(recording_rule(query))
    done = subprocess.run(
        [prometheus_binaries.promtool, "check", "rules", path],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_record_is_named_after_the_metric() -> None:
    name = record_name('sum(rate(vllm:request_success_total{model_name="a"}[2m]))')
    assert name.startswith("prewarm:vllm:request_success_total:")


@given(st.text(max_size=200))
def test_any_query_comes_back_out_of_the_rule(query: str) -> None:
    rule = yaml.safe_load(recording_rule(query, interval_seconds=30))["groups"][0]["rules"][0]
    assert rule["expr"] == query
    assert rule["record"] == record_name(query)
