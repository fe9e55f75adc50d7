"""`prewarm scan` on manifests and a real Prometheus, with a known answer."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from forecasting.arrays import FloatVector
from forecasting.series import Series
from prometheus_server import PrometheusServer, Samples, newest
from simulations.scan.commands import scan

pytestmark = [pytest.mark.prometheus, pytest.mark.slow]
MINUTE = 60.0
N = 5 * 1440


def scaled_object(name: str, query: str) -> str:
    return f"""
kind: ScaledObject
metadata: {{name: {name}, namespace: llm}}
spec:
  minReplicaCount: 1
  maxReplicaCount: 20
  triggers:
  - type: prometheus
    metadata: {{serverAddress: "http://prometheus:9090", query: {query}, threshold: "5"}}
---
"""


def test_a_daily_pattern_ranks_above_noise_and_what_is_not_there_is_named(tmp_path: Path) -> None:
    end_at = time.time() // MINUTE * MINUTE
    times = end_at - (N - 1) * MINUTE + MINUTE * np.arange(N)
    rng = np.random.default_rng(1)
    # Up from 4 to 60 and down again within two hours: each morning the reactive scaler is late.
    rise = 1 / (1 + np.exp(-12 * np.sin(2 * np.pi * times / 86_400)))
    daily = (4 + 56 * rise) * np.exp(rng.normal(0, 0.03, N))
    noise = 30 * np.exp(rng.normal(0, 0.6, N))

    def gauge(name: str, values: FloatVector) -> Samples:
        return Samples.gauge(
            name, Series(start_at=float(times[0]), step_seconds=MINUTE, values=values)
        )

    manifests, report = tmp_path / "manifests", tmp_path / "scan.html"
    manifests.mkdir()
    (manifests / "all.yaml").write_text(
        scaled_object("noisy", "sum(noise)")
        + scaled_object("daily", "sum(daily)")
        + scaled_object("gone", "sum(nothing)"),
        encoding="utf-8",
    )
    (manifests / "broken.yaml").write_text("a: [\n", encoding="utf-8")
    samples = [gauge("daily", daily), gauge("noise", noise)]
    with PrometheusServer(newest(), tmp_path, samples) as server:
        ran = CliRunner().invoke(
            scan,
            [str(manifests), "--prometheus-address", server.address, "--days", "5d",
             "--spacing-seconds", "0", "--gpu-price", "2", "--json", "--report", str(report)],
        )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    first, second = found["findings"]
    assert first["candidate"]["name"] == "llm/daily triggers[0]"
    assert second["candidate"]["name"] == "llm/noisy triggers[0]"
    assert first["outcome"] == "pays"
    assert first["is_predictable"]
    assert not second["is_predictable"]
    assert first["predicted"]["shortage"] < 0.6 * first["today"]["shortage"]
    assert first["money_saved_per_month"] == pytest.approx(60 * first["gpu_hours_saved_per_day"])
    left = {one["name"]: one["why"] for one in found["left"]}
    assert "Unknown is not zero" in left["llm/gone triggers[0]"]
    assert "line" in left[str(manifests / "broken.yaml")]
    page = report.read_text(encoding="utf-8")
    assert page.index("1. llm/daily") < page.index("2. llm/noisy")
    assert "llm/gone" in page
