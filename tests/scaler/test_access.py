"""From flags to a cluster, or to none."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scaler.access import WITHOUT, open_cluster
from scaler.adapters.kubernetes_troubles import rule_of
from scaler.adapters.system_clock import ReplayClock, SystemClock
from scaler.errors import NoCluster
from scaler.ports import ClusterTrouble


def flags(**given: Any) -> dict[str, Any]:
    nothing = {"cluster": "auto", "kubeconfig": None, "kube_context": None}
    return {**nothing, "hpa_sync_seconds": 15.0, **given}


@pytest.fixture(autouse=True)
def _outside_of_any_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", "/nowhere/at/all")


def test_auto_without_a_cluster_goes_on_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert open_cluster(flags(), SystemClock()) is None
    [line] = caplog.records
    assert line.getMessage() == WITHOUT
    assert "in-cluster configuration" in line.__dict__["why"]


def test_a_replay_is_of_another_time_than_the_clusters(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert open_cluster(flags(cluster="required"), ReplayClock(0.0, 60.0)) is None
    assert caplog.records[0].__dict__["why"] == "time is replayed"


def test_off_asks_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert open_cluster(flags(cluster="off", kubeconfig="/nowhere"), SystemClock()) is None
    assert caplog.records == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cluster": "required"}, "--cluster required: in-cluster configuration: "),
        ({"kubeconfig": "/nowhere/at/all"}, "--cluster auto: /nowhere/at/all: "),
        ({"kube_context": "staging"}, "--cluster auto: "),
    ],
)
def test_a_cluster_that_was_asked_for_and_is_not_there_is_an_error(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(NoCluster) as caught:
        open_cluster(flags(**given), SystemClock())
    assert words in str(caught.value)


def test_a_context_that_a_kubeconfig_does_not_have_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text('{"apiVersion": "v1", "kind": "Config", "contexts": [], "clusters": []}')
    with pytest.raises(NoCluster, match="staging"):
        open_cluster(flags(kubeconfig=str(path), kube_context="staging"), SystemClock())


def test_serve_ends_with_the_reason_where_a_cluster_is_required() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scaler", "serve", "--cluster", "required",
         "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--cluster required: in-cluster configuration" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_without_a_cluster_the_client_is_not_imported() -> None:
    code = "import sys, scaler.serve, scaler.service; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_missing_right_is_told_as_the_rule_to_add() -> None:
    trouble = ClusterTrouble(
        verb="get", group="apps", resource="deployments/scale", namespace="llm", reason="forbidden"
    )
    assert rule_of(trouble) == (
        '{apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["get"]}'
    )
