"""`prewarm serve` as a process of its own, ended by its id."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass
class ServeProcess:
    process: asyncio.subprocess.Process
    grpc_address: str
    http_address: str
    events: list[dict[str, object]] = field(default_factory=list)  # its log, a line each

    async def terminate(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def serving(*flags: str) -> AsyncIterator[ServeProcess]:
    """Run `prewarm serve` on free ports of loopback for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scaler", "serve", "--log-format", "json",
        "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", *flags,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    reader: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(START_SECONDS):
            before, started = await _until_serving(process.stderr)
        addresses = (str(started["grpc_address"]), str(started["http_address"]))
        served = ServeProcess(process, *addresses, events=before)
        reader = asyncio.create_task(_collect(process.stderr, served.events))
        yield served
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if reader is not None:
            await reader


async def _until_serving(
    lines: asyncio.StreamReader,
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Return what was logged before the scaler serves, and the line that says so."""
    before: list[dict[str, object]] = []
    async for line in lines:
        event = json.loads(line)
        if event["event"] == "serving":
            return before, event
        before.append(event)
    raise AssertionError(f"it ended without serving: {before}")


async def _collect(lines: asyncio.StreamReader, events: list[dict[str, object]]) -> None:
    # Of a killed one, Python's own resource tracker may speak after it.
    events.extend([json.loads(line) async for line in lines if line.startswith(b"{")])
