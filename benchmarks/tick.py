"""What ticks cost: 1,000 targets each 15 s, their queries and forecasts included.

The scaler runs as `prewarm serve` does: a server process, one that forecasts, one that fits. Each
of the targets has 28 days of minutes. Twice: its demand comes from a Prometheus over HTTP (a
stand-in, a process that isn't counted), then from memory; the difference is what queries cost.
Processor time is told apart by process, and per tick, so a busy machine changes little. The limit
holds for the server and its forecasts together; fits are told beside it. Nobody calls meanwhile
(benchmarks/rpc.py has what calls cost).

    .venv/bin/python benchmarks/tick.py                  # ten minutes, writes results/tick.json
    .venv/bin/python benchmarks/tick.py --targets 100    # writes nothing
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine
from tick_server import MEMORY

HERE = Path(__file__).parent
RESULT = HERE / "results" / "tick.json"
CLOCK_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
N_TARGETS = 1_000
TICK_SECONDS = 15.0
# A forecast is made anew at each grid point, once a minute; so whole minutes are measured.
MEASURED_SECONDS = 60.0
GOAL_RATIO = 0.1  # of a core
COUNTED = ("server", "forecasts")  # what ticks cost; fits come every six hours

Figures = dict[str, float]


@dataclass(frozen=True)
class Look:
    """Processor seconds by process, and ticks, so far."""

    seconds: Mapping[str, float]
    n_ticks: float


@contextmanager
def program(*words: str) -> Iterator[str]:
    """Run one of the programs beside this file for the length of the block; give its first line."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise SystemExit(f"{words} ended with status {process.wait()}")
        yield line
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def look(told: dict[str, Any]) -> Look:
    """Look at the processes and at the scaler's own count of ticks."""
    with urllib.request.urlopen(f"http://127.0.0.1:{told['http_port']}/metrics") as page:
        lines = page.read().decode().splitlines()
    [ticks] = [line for line in lines if line.startswith("prewarm_tick_duration_seconds_count")]
    return Look(
        {name: processor_seconds(pid) for name, pid in told["pids"].items()},
        float(ticks.rpartition(" ")[2]),
    )


def processor_seconds(pid: int) -> float:
    """Return what all threads of a process have used so far."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / CLOCK_TICKS_PER_SECOND


def measured(address: str, n_targets: int) -> Figures:
    """Return what ticks over that source cost."""
    with program("tick_server.py", address, str(n_targets)) as line:
        told = json.loads(line)
        print(f"{address}: filled in {told['seconds_to_fill']:g} s", flush=True)
        before = look(told)
        time.sleep(MEASURED_SECONDS)
        after = look(told)
    n_ticks = after.n_ticks - before.n_ticks
    spent = {name: after.seconds[name] - before.seconds[name] for name in after.seconds}
    figures: Figures = {
        "ticks": n_ticks,
        "ticks_expected": n_targets * MEASURED_SECONDS / TICK_SECONDS,
        **{f"{name}_milliseconds_per_tick": 1e3 * spent[name] / n_ticks for name in spent},
    }
    for name in COUNTED:
        figures[f"{name}_cores"] = N_TARGETS * spent[name] / n_ticks / TICK_SECONDS
    figures["cores"] = sum(figures[f"{name}_cores"] for name in COUNTED)
    figures["fits_cores_meanwhile"] = spent["fits"] / MEASURED_SECONDS
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--targets", type=int, default=N_TARGETS)
    asked = parser.parse_args()
    about = machine("numpy", "requests", "prometheus-api-client")
    # Whoever ends this one must not leave its programs behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with program("tick_prometheus.py") as port:
        over_http = measured(f"http://127.0.0.1:{port.strip()}", asked.targets)
    from_memory = measured(MEMORY, asked.targets)
    queries = over_http["server_cores"] - from_memory["server_cores"]
    for name in over_http:
        print(
            f"{name:36} over HTTP {over_http[name]:10.3f}   from memory {from_memory[name]:10.3f}"
        )
    is_met = over_http["cores"] < GOAL_RATIO
    print(
        f"{N_TARGETS:,} targets each {TICK_SECONDS:g} s: {over_http['cores']:.3f} of a core, of "
        f"which queries {queries:.3f} and forecasts {over_http['forecasts_cores']:.3f}; goal "
        f"< {GOAL_RATIO}: {'met' if is_met else 'not met'}"
    )
    if asked.targets == N_TARGETS:
        report = {
            "machine": about,
            "targets": asked.targets,
            "is_goal_met": is_met,
            "queries_cores": round(queries, 4),
            "over_http": over_http,
            "from_memory": from_memory,
        }
        RESULT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(0 if is_met else 1)


if __name__ == "__main__":
    main()
