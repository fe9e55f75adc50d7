"""What an RPC costs: Prewarm with 1,000 targets beside a bare server that answers a constant.

Both are grpc.aio on uvloop with the same stubs and options, each in a process of its own, and so is
the load. Prewarm ticks, forecasts and refits meanwhile. Rounds alternate (A B A B), and the
server whose turn it isn't is stopped (SIGSTOP), so that both get the same machine. A round lasts a
minute, so that each holds four ticks, and the one of them that has a new grid point to forecast
from. The load is KEDA's: for each target GetMetricSpec, GetMetrics, IsActive, in sequence.

    .venv/bin/python benchmarks/rpc.py            # about 15 minutes, writes results/rpc.json
    .venv/bin/python benchmarks/rpc.py --quick    # five minutes, writes nothing
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from machine import machine

HERE = Path(__file__).parent
RESULT = HERE / "results" / "rpc.json"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KINDS = ("bare", "prewarm")
PACED = "paced:200"  # 1,000 targets, three calls each, every 15 s
SATURATED = "32"
ROUND_SECONDS = 60.0
SETTLE_SECONDS = 10.0
GOAL_THROUGHPUT_RATIO = 0.8
GOAL_P99_MILLISECONDS = 5.0
COLUMNS = (
    ("calls_per_second", "calls/s"),
    ("p50_milliseconds", "p50 ms"),
    ("p99_milliseconds", "p99 ms"),
    ("cpu_microseconds_per_call", "cpu us/call"),
    ("server_cores", "server cores"),
    ("client_cores", "client cores"),
)

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Server:
    """A server process that is stopped while it is not measured."""

    kind: str
    process: subprocess.Popen[str]
    port: int

    def cpu_seconds(self) -> float:
        """Return the processor time used so far by it and its children, all threads."""
        fields = [
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            for pid in self._pids()
        ]
        return sum(int(one[11]) + int(one[12]) for one in fields) / TICKS_PER_SECOND

    def resident_mebibytes(self) -> float:
        """Return the memory in use by it and its children."""
        pages = [
            Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]
            for pid in self._pids()
        ]
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _pids(self) -> list[int]:
        pid = self.process.pid
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        return [pid, *(int(c) for t in tasks for c in t.read_text(encoding="utf-8").split())]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children."""
        os.killpg(self.process.pid, number)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run for the length of the block, with time to catch up on the tick it missed."""
        self.signal(signal.SIGCONT)
        time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)


@contextmanager
def started(kind: str, n_targets: int) -> Iterator[Server]:
    """Run a server process, stopped."""
    command = [sys.executable, "rpc_server.py", kind, str(n_targets)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env=environment(),
        start_new_session=True,
    )
    try:
        line = json.loads(_line(process))
        print(f"{kind} is up: {line}", flush=True)
        os.killpg(process.pid, signal.SIGSTOP)
        yield Server(kind, process, line["port"])
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def measured(server: Server, mode: str, n_targets: int) -> Figures:
    """Return the figures of one round."""
    words = ["rpc_load.py", str(server.port), mode, str(ROUND_SECONDS), str(n_targets)]
    with server.awake():
        load = subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
            env=environment(),
        )
        _line(load)  # it is warm
        before = server.cpu_seconds()
        figures: Figures = json.loads(_line(load))
        spent = server.cpu_seconds() - before
        load.wait(timeout=30)
    figures["cpu_microseconds_per_call"] = spent / figures["calls"] * 1e6
    figures["server_cores"] = spent / figures["wall_seconds"]
    return figures


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None or not (line := process.stdout.readline()):
        raise SystemExit(f"{process.args!r} ended with status {process.wait()}")
    return line


def environment() -> dict[str, str]:
    """Let the children import the checkout."""
    return {**os.environ, "PYTHONPATH": str(HERE.parent)}


def medians(rounds: list[Figures]) -> Figures:
    """Return the median of each figure over the rounds."""
    return {key: median(figures[key] for figures in rounds) for key in rounds[0]}


def compare(servers: list[Server], mode: str, *, n_rounds: int, n_targets: int) -> dict[str, Any]:
    """Measure the servers in turns and return rounds, medians and ratios."""
    rounds: dict[str, list[Figures]] = {server.kind: [] for server in servers}
    for _ in range(n_rounds):
        for server in servers:
            rounds[server.kind].append(measured(server, mode, n_targets))
    middle = {kind: medians(rounds[kind]) for kind in rounds}
    ratios = {key: middle["prewarm"][key] / middle["bare"][key] for key, _ in COLUMNS}
    show(mode, middle, ratios)
    return {"medians": middle, "ratios": ratios, "rounds": rounds}


def show(mode: str, middle: dict[str, Figures], ratios: Figures) -> None:
    """Print one table."""
    print(f"\n{mode if mode.startswith('paced') else mode + ' syncs in flight'}")
    print(" " * 10 + "".join(f"{title:>14}" for _, title in COLUMNS))
    for name, figures in (*middle.items(), ("ratio", ratios)):
        print(f"{name:10}" + "".join(f"{figures[key]:14.2f}" for key, _ in COLUMNS), flush=True)


def verdict(results: dict[str, Any]) -> bool:
    """Print the two goals and return whether both were met."""
    throughput = results["saturated"]["ratios"]["calls_per_second"]
    p99 = results["paced"]["medians"]["prewarm"]["p99_milliseconds"]
    bare_p99 = results["paced"]["medians"]["bare"]["p99_milliseconds"]
    print(
        f"\nthroughput: {throughput:.2f} of the bare server's (goal >= {GOAL_THROUGHPUT_RATIO})"
        f"\np99 at 200 calls/s: {p99:.2f} ms (goal < {GOAL_P99_MILLISECONDS}), "
        f"bare {bare_p99:.2f} ms"
    )
    return bool(throughput >= GOAL_THROUGHPUT_RATIO and p99 < GOAL_P99_MILLISECONDS)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--targets", type=int, default=1_000)
    parser.add_argument("--quick", action="store_true", help="one round each; writes no result")
    asked = parser.parse_args()
    about = machine("grpcio", "uvloop", "protobuf")
    # The servers are in sessions of their own: whoever ends this one must not leave them behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    n_rounds = 1 if asked.quick else 3
    with ExitStack() as stack:
        servers = [stack.enter_context(started(kind, asked.targets)) for kind in KINDS]
        results = {
            name: compare(servers, mode, n_rounds=n_rounds, n_targets=asked.targets)
            for name, mode in (("paced", PACED), ("saturated", SATURATED))
        }
        memory = {server.kind: round(server.resident_mebibytes()) for server in servers}
    is_met = verdict(results)
    if not asked.quick:
        RESULT.parent.mkdir(exist_ok=True)
        report = {"machine": about, "targets": asked.targets, "is_goal_met": is_met}
        report |= {"resident_mebibytes": memory, **results}
        RESULT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(0 if is_met else 1)


if __name__ == "__main__":
    main()
