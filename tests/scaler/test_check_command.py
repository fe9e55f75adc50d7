"""`prewarm check` as a user types it."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from prometheus_server import PrometheusServer, Samples, newest
from rig import steady
from scaler.__main__ import main

OBJECT = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: chat, namespace: llm}
spec:
  scaleTargetRef: {name: chat}
  minReplicaCount: 1
  maxReplicaCount: 20
  triggers:
  - type: external
    metadata:
      scalerAddress: prewarm.keda.svc:6000
      query: sum(demand)
      threshold: "10"
"""


def check(*words: str, text: str = OBJECT) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check", "-", *words], input=text)
    return result.exit_code, result.output


def test_a_good_object_passes_with_warnings_and_fails_when_strict() -> None:
    status, text = check()
    assert status == 0
    assert "scale-up-tolerance" in text
    assert check("--strict")[0] == 1


def test_a_bad_key_fails_and_is_named_with_the_nearest_one() -> None:
    status, text = check(text=OBJECT + "      warmFlor: '2'\n")
    assert status == 1
    assert "did you mean warmFloor?" in text


def test_nothing_to_check_is_a_usage_error() -> None:
    assert check(text="kind: Service\n")[0] == 2
    assert CliRunner().invoke(main, ["check", "absent.yaml"]).exit_code == 2
    assert check("--query", "--at", "noon")[0] == 2


@pytest.mark.prometheus
def test_with_query_the_decision_comes_from_a_real_prometheus(tmp_path: Path) -> None:
    demand = steady(42.0, end_at=1_795_500_000.0, days=9.0)
    noise = np.random.default_rng(5).normal(1.0, 0.02, len(demand))
    noisy = type(demand)(start_at=demand.start_at, step_seconds=60.0, values=demand.values * noise)
    with PrometheusServer(newest(), tmp_path, [Samples.gauge("demand", noisy)]) as server:
        status, text = check(
            "--query", "--prometheus-address", server.address, "--at", "2026-11-24T05:30Z"
        )
    assert status == 0
    assert "answers 5 replicas" in text
    assert "cover_forecast" in text
    assert "forecast  at most" in text
