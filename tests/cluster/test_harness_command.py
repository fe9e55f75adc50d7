"""`python -m harness`, as `make cluster` runs it for a person."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import wait_for
from harness.leftovers import Run, started_in

REPOSITORY = Path(__file__).parents[2]
SEARCH_PATH = os.pathsep.join(
    str(REPOSITORY / folder) for folder in ("tests/support", "tests/cluster", ".")
)
MARKS = (pytest.mark.cluster, pytest.mark.slow)


class Command:
    """The command as a process, and what it has printed."""

    def __init__(self, log: Path, *flags: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "harness", *flags],
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": SEARCH_PATH},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def wait_for(self, pattern: str, *, within_seconds: float = 120.0) -> str:
        def found() -> str:
            assert self.process.poll() is None, self.printed
            match = re.search(pattern, self.printed, re.MULTILINE)
            return match[1] if match else ""

        return wait_for(
            found, pattern, within_seconds=within_seconds, last_seen=lambda: self.printed
        )


@pytest.fixture
def start_command(tmp_path: Path) -> Iterator[type[Command]]:
    started: list[Command] = []

    class Started(Command):
        def __init__(self, *flags: str) -> None:
            super().__init__(tmp_path / "printed", *flags)
            started.append(self)

    yield Started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()  # its keeper then ends what it started
            one.process.wait()


def kubectl(kubeconfig: str, line: str, *arguments: str) -> dict[str, object]:
    command = [line, f"--kubeconfig={kubeconfig}", *arguments, "-o", "json"]
    answer = subprocess.run(command, capture_output=True, text=True)
    found: dict[str, object] = json.loads(answer.stdout or "{}")
    return found


def current_value(autoscaler: dict) -> str:
    metrics = autoscaler.get("status", {}).get("currentMetrics") or [{}]
    value: str = metrics[0].get("external", {}).get("current", {}).get("averageValue", "")
    return value


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminated"])
def test_the_hpa_reads_prewarm_and_nothing_is_left_after_a_signal(
    start_command: type[Command], number: signal.Signals
) -> None:
    command = start_command()
    kubeconfig = command.wait_for(r"export KUBECONFIG=(\S+)")
    program, namespace = command.wait_for(r"^ +(\S+kubectl -n \S+) get hpa -w").split(" -n ")
    ports = [
        command.wait_for(rf"{name} +\S+:(\d+)")
        for name in ("Prewarm for KEDA", "Prewarm's metrics", "Prometheus")
    ]
    server = json.loads(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
    folder = str(Path(kubeconfig).parent)
    run = Run(
        Path(folder), tuple(map(int, [*ports, server.rpartition(":")[2]])), started_in(folder)
    )
    assert len(run.processes) >= 9  # seven of the control plane, Prometheus, Prewarm

    def autoscaler(side: str) -> dict:
        return kubectl(kubeconfig, program, "-n", namespace, "get", "hpa", f"keda-hpa-{side}")

    for side in ("prewarm", "reactive"):
        wait_for(
            lambda side=side: current_value(autoscaler(side)),
            f"the HPA of {side} has a metric",
            within_seconds=90,
            last_seen=lambda side=side: autoscaler(side).get("status"),
        )
    assert autoscaler("prewarm")["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "1"
    command.wait_for(r"prewarm +\d+ ready +forecast (\d+)")
    command.process.send_signal(number)
    assert command.process.wait(30) == 0, command.printed
    assert command.printed.endswith("stopped; nothing is left behind\n")
    wait_for(run.is_gone, "nothing is left", within_seconds=10, last_seen=run.leftovers)


@pytest.mark.cluster
@pytest.mark.slow
def test_bare_starts_the_control_plane_alone(start_command: type[Command]) -> None:
    command = start_command("--bare", "--nodes=1")
    kubeconfig = command.wait_for(r"export KUBECONFIG=(\S+)")
    program = command.wait_for(r"^ +(\S+kubectl) -n default get hpa -w")
    folder = str(Path(kubeconfig).parent)
    run = Run(Path(folder), (), started_in(folder))
    assert len(kubectl(kubeconfig, program, "get", "nodes")["items"]) == 1
    assert not kubectl(kubeconfig, program, "get", "deployments", "-A")["items"]
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(30) == 0, command.printed
    wait_for(run.is_gone, "nothing is left", within_seconds=10, last_seen=run.leftovers)


@pytest.mark.cluster
@pytest.mark.slow
def test_an_interruption_while_it_starts_leaves_nothing(start_command: type[Command]) -> None:
    command = start_command("--bare")
    command.wait_for("(starting etcd)")
    (keeper_folder,) = wait_for(lambda: folders_of(command.process.pid), "its folder is there")
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(30) == 0, command.printed
    assert "up in" not in command.printed
    run = Run(Path(keeper_folder), (), started_in(keeper_folder))
    wait_for(run.is_gone, "nothing is left", within_seconds=10, last_seen=run.leftovers)


def folders_of(parent: int) -> list[str]:
    """The folders in which a process's children run, the one of the run among them."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(parent):
                found.add(str((entry / "cwd").readlink()))
        except OSError:
            continue
    return [one for one in found if "prewarm-cluster-" in one]


def test_help_says_what_to_look_at() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "harness", "--help"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": SEARCH_PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "kubectl get hpa -w" in answer.stdout
    assert "--bare" in answer.stdout
