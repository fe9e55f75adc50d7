"""A scaler that is killed, and the next one on the same state directory."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np

from rig import MONDAY_AT
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from serve_process import ServeProcess, serving
from webclient import get

METADATA = {"query": "requests", "threshold": "10", "warmFloor": "1"}


def history(path: Path, column: str) -> Path:
    rows = [f"{int(at)},42" for at in np.arange(MONDAY_AT, MONDAY_AT + 2 * 86_400, 60)]
    path.write_text("\n".join([f"timestamp,{column}", *rows]) + "\n")
    return path


def flags(file: Path, state: Path) -> tuple[str, ...]:
    return ("--source", "file", "--file", str(file), "--file-ends-at", "now",
            "--state-directory", str(state), "--tick-seconds", "1")  # fmt: skip


async def ask(served: ServeProcess, **keys: str) -> int:
    target = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata={**METADATA, **keys})
    request = pb.GetMetricsRequest(scaledObjectRef=target, metricName="prewarm-replicas")
    async with grpc.aio.insecure_channel(served.grpc_address) as channel:
        [value] = (await pb_grpc.ExternalScalerStub(channel).GetMetrics(request)).metricValues
    return int(value.metricValue)


async def page_of(served: ServeProcess) -> dict[str, float]:
    text = (await get(f"http://{served.http_address}/metrics")).text
    rows = [row.rpartition(" ") for row in text.splitlines() if not row.startswith("#")]
    return {name: float(value) for name, _, value in rows}


def valued(page: dict[str, float], start: str, *parts: str) -> float:
    [value] = [v for k, v in page.items() if k.startswith(start) and all(p in k for p in parts)]
    return value


async def test_a_killed_scaler_s_successor_answers_from_memory_though_its_source_is_gone(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    async with serving(*flags(history(tmp_path / "a.csv", "requests"), state)) as served:
        async with asyncio.timeout(60):
            while await ask(served) != 5:
                await asyncio.sleep(0.1)
            while (page := await page_of(served))["prewarm_state_saves_total"] < 1:
                await asyncio.sleep(0.2)
        before = valued(page, "prewarm_ledger_seconds_total", 'span="known"')
        assert before > 0
        served.process.send_signal(signal.SIGKILL)
        await served.process.wait()
    nothing_there = history(tmp_path / "b.csv", "other")
    async with serving(*flags(nothing_there, state)) as served:
        assert await ask(served) == 5, "at the first call"
        async with asyncio.timeout(60):
            while not any(name.startswith("prewarm_ledger") for name in await page_of(served)):
                await asyncio.sleep(0.2)
        page = await page_of(served)
        assert valued(page, "prewarm_target_evidence", 'evidence="stale"') == 1
        # The last save may be some ticks older than the kill.
        assert valued(page, "prewarm_ledger_seconds_total", 'span="known"') >= before - 6
        assert await ask(served) == 5, "and after its own look, which finds nothing"
        assert await ask(served, onStale="floor") == 1, "a target of its own, with its own rule"
        assert await served.terminate() == 0
    with closing(sqlite3.connect(state / "state.sqlite")) as connection:
        [verdict] = connection.execute("PRAGMA integrity_check").fetchone()
    assert verdict == "ok"


async def test_a_second_scaler_on_the_same_directory_is_refused_in_clear_words(
    tmp_path: Path,
) -> None:
    arguments = flags(history(tmp_path / "a.csv", "requests"), tmp_path / "state")
    async with serving(*arguments) as served:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "scaler", "serve", "--grpc-address", "127.0.0.1:0",
             "--http-address", "127.0.0.1:0", *arguments],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert f"--state-directory: {tmp_path / 'state'} is in use by process " in done.stderr
        assert f"process {served.process.pid} on" in done.stderr
        assert "a state directory of its own" in done.stderr
        assert await served.terminate() == 0
