"""No process, port or folder is left behind, in whatever way a run ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import wait_for
from harness.leftovers import Run

REPOSITORY = Path(__file__).parents[2]
SEARCH_PATH = os.pathsep.join(
    str(REPOSITORY / folder) for folder in ("tests/support", "tests/cluster", ".")
)

# Two programs of which one listens; they ignore polite signals.
SMALL_RUN = """
import sys, time
from harness import Programs, free_ports, is_listening, wait_for
port = free_ports(1)[0]
server = (
    "import signal, socket, time\\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
    "s = socket.socket()\\n"
    f"s.bind(('127.0.0.1', {port})); s.listen(); time.sleep(600)"
)
with Programs() as run:
    run.start("server", [sys.executable, "-c", server])
    run.start("family", ["sh", "-c", "sleep 600 & sleep 600"])
    wait_for(lambda: is_listening(port), "the server listens")
    print("up", run.folder, port, flush=True)
    ENDING
"""

CLUSTER_RUN = """
import time, pytest
@pytest.mark.cluster
def test_one(cluster, space):
    ports = ",".join(str(port) for port in vars(cluster.ports).values())
    with open("OUTPUT", "w") as told:
        told.write(f"up {cluster.run.folder} {ports}\\n")
    ENDING
"""


# A shell starts background jobs with SIGINT ignored, and children inherit that.
PRELUDE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def start(script: str, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": SEARCH_PATH}
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    ("ending", "number", "status"),
    [
        ("pass", None, 0),
        ("raise RuntimeError('failed')", None, 1),
        ("time.sleep(600)", signal.SIGINT, -signal.SIGINT),
        ("time.sleep(600)", signal.SIGTERM, -signal.SIGTERM),
        ("time.sleep(600)", signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=["normal", "failed", "interrupted", "terminated", "killed"],
)
def test_programs_end_with_their_run(
    ending: str, number: signal.Signals | None, status: int
) -> None:
    process = start(SMALL_RUN.replace("ENDING", ending))
    assert process.stdout is not None
    with process.stdout:
        run = Run.read(process.stdout.readline())
        if number is not None:
            assert len(run.processes) == 4  # the server, the shell and its two children
            process.send_signal(number)
        process.stdout.read()
    assert process.wait(10) == status
    wait_for(run.is_gone, "nothing is left behind", within_seconds=10, last_seen=run.leftovers)


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "number", "status"),
    [
        ("pass", None, 0),
        ("assert False", None, 1),
        ("time.sleep(600)", signal.SIGINT, 2),
        ("time.sleep(600)", signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=["normal", "failed", "interrupted", "killed"],
)
def test_the_control_plane_ends_with_its_run(
    tmp_path: Path, ending: str, number: signal.Signals | None, status: int
) -> None:
    told = tmp_path / "told"
    told.touch()
    module = tmp_path / "test_inner.py"
    module.write_text(CLUSTER_RUN.replace("OUTPUT", str(told)).replace("ENDING", ending))
    process = start(
        "import pytest, sys; sys.exit(pytest.main())",
        "-p", "harness.fixtures", "-p", "no:cacheprovider",
        f"--rootdir={tmp_path}", "-c", os.devnull, str(module),
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        line = wait_for(told.read_text, "the inner run is up", within_seconds=90)
        run = Run.read(line)
        if number is not None:
            assert len(run.processes) >= 7
            process.send_signal(number)
        output = process.stdout.read()
    assert process.wait(30) == status, output
    wait_for(run.is_gone, "nothing is left behind", within_seconds=10, last_seen=run.leftovers)
    logs = set(re.findall(r"-+ log of ([\w-]+) -+", output))
    assert logs >= {"kube-apiserver", "keda-operator"} if status == 1 else not logs
