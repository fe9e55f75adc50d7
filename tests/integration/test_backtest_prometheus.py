"""`prewarm backtest` and `prewarm forecast` on a real Prometheus."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from forecasting.series import Series
from prometheus_server import PrometheusServer, Samples, newest
from scaler.__main__ import main

pytestmark = [pytest.mark.prometheus, pytest.mark.slow]
MINUTE = 60.0


def test_the_history_of_a_query_is_tested_and_forecast(tmp_path: Path) -> None:
    end_at = time.time() // MINUTE * MINUTE
    n = 4 * 1440
    start_at = end_at - (n - 1) * MINUTE
    hours = (start_at + MINUTE * np.arange(n)) % 86_400 / 3600
    values = 20 + 15 * np.sin(hours / 24 * 2 * np.pi)
    demand = Series(start_at=start_at, step_seconds=MINUTE, values=values)
    manifest = tmp_path / "scaledobject.yaml"
    with PrometheusServer(newest(), tmp_path, [Samples.gauge("demand", demand)]) as server:
        manifest.write_text(
            f"""
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: llama, namespace: llm}}
spec:
  scaleTargetRef: {{name: llama}}
  triggers:
  - type: external
    metadata: {{scalerAddress: "prewarm:6000", query: sum(demand), threshold: "5",
      leadTimeSeconds: "600", quantile: "0.9", serverAddress: "{server.address}"}}
"""
        )
        quick = ("--jobs", "1", "--every", "1h", "--short-histories", "none")
        runs = {
            "query": ["backtest", "--query", "sum(demand)", "--prometheus-address", server.address,
                      "--days", "4d", "--methods", "seasonal-naive-day", *quick, "--json"],
            "manifest": ["backtest", str(manifest), "--methods", "last-value", *quick, "--json"],
            "forecast": ["forecast", str(manifest), "--horizons", "10m", "--jobs", "1", "--json"],
            "wrong": ["backtest", "--query", "sum(nothing)", "--prometheus-address",
                      server.address, *quick],
        }  # fmt: skip
        done = {name: CliRunner().invoke(main, words) for name, words in runs.items()}
    assert [done[name].exit_code for name in runs] == [0, 0, 0, 2]
    found = json.loads(done["query"].output)[0]
    assert found["series"] == "sum(demand)"
    assert n - 3 <= found["n_points"] <= n
    naive = next(each for each in found["scores"] if each["method"] == "seasonal-naive-day")
    assert naive["pinball"] < 0.1  # each day is the same
    by_manifest = json.loads(done["manifest"].output)[0]
    assert by_manifest["threshold"] == 5
    # What the scaler asks for: the lead time, a step of the data and a tick.
    assert {each["horizon_seconds"] for each in by_manifest["scores"]} == {600.0 + 60.0 + 15.0}
    outlook = json.loads(done["forecast"].output)[0]
    assert outlook["quantile"] == 0.9
    assert outlook["observed"] == pytest.approx(values[-1], rel=0.05)
    assert "nothing was observed" in done["wrong"].output


def test_leading_queries_are_read_beside_the_query_and_a_missing_one_is_named(
    tmp_path: Path,
) -> None:
    end_at = time.time() // MINUTE * MINUTE
    n, lead = 5 * 1440, 10
    generator = np.random.default_rng(1)
    arrivals = np.full(n, 20.0)
    for begin in np.flatnonzero(generator.random(n) < 1 / 180):
        arrivals[begin : begin + 30] += generator.uniform(40, 200)
    arrivals *= generator.gamma(200, 1 / 200, n)
    demand = np.concatenate((np.full(lead, 10.0), 0.5 * arrivals[:-lead]))
    samples = [
        Samples.gauge(
            name,
            Series(start_at=end_at - (n - 1) * MINUTE, step_seconds=MINUTE, values=values),
        )
        for name, values in (("demand", demand), ("arrivals", arrivals))
    ]
    leading = ("--leading", "gateway: sum(arrivals)", "--leading", "gone: sum(nothing)")
    with PrometheusServer(newest(), tmp_path, samples) as server:
        done = CliRunner().invoke(main, [
            "backtest", "--query", "sum(demand)", "--prometheus-address", server.address,
            "--days", "5d", "--methods", "prewarm", "--horizons", "10m", "--quantiles", "0.9",
            "--every", "2h", "--score-days", "1d", "--short-histories", "none", "--jobs", "1",
            *leading, "--json",
        ])  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)[0]
    assert found["leading"]["missing"] == [{"name": "gone", "why": "nothing was observed"}]
    [gateway] = found["leading"]["indicators"]
    assert gateway["name"] == "gateway"
    assert gateway["is_kept"]
    assert gateway["gain_ratio"] > 0.4
    said = " ".join(found["verdict"]["sentences"])
    assert "The leading query gone is left out: nothing was observed." in said
