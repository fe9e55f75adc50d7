"""The scaler of `tick.py`: `python tick_server.py ADDRESS|memory N`, until SIGTERM.

It ticks N targets as `prewarm serve` does, with its processes and its source, and nobody calls.
Prints one JSON line once every target has both forecasts: its HTTP port and the process ids.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import time

import numpy as np
import uvloop
from prometheus_client import CollectorRegistry
from rpc_server import SharedSource, StartedForecasts, fill

from forecasting.default import default_forecaster
from forecasting.series import Series
from scaler.adapters.system_clock import SystemClock
from scaler.ports import DemandQuery, HistorySource
from scaler.serve import SWITCH_INTERVAL_SECONDS
from scaler.service import running
from scaler.settings import ControllerSettings, ServerSettings
from scaler.sources import SourceFlags, open_source

MEMORY = "memory"
LONG_POINTS = 100  # more is a piece of the past, which each history reads once
QUIET_SECONDS = 32.0  # two ticks without one


class Watched:
    """A source that knows when a piece of the past was read last."""

    def __init__(self, source: HistorySource) -> None:
        self._source = source
        self.past_read_at = time.monotonic()

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Hand the call on."""
        if end_at - start_at > LONG_POINTS * query.step_seconds:
            self.past_read_at = time.monotonic()
        return await self._source.read_range(query, start_at=start_at, end_at=end_at)

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        """Hand the call on."""
        return await self._source.read_instant(query, at=at)

    async def close(self) -> None:
        """Hand the call on."""
        await self._source.close()

    async def is_all_read(self) -> None:
        """Return once nothing of the past was read for a while."""
        while time.monotonic() < self.past_read_at + QUIET_SECONDS:  # noqa: ASYNC110 - a lull has no signal
            await asyncio.sleep(0.5)


def source_of(address: str) -> HistorySource:
    """Return the source that `serve` opens, or one without any request."""
    now = time.time()
    if address == MEMORY:
        return SharedSource(now, np.random.default_rng(1))
    flags = SourceFlags(prometheus_address=address)
    return open_source(flags, now=now, on_rejected=lambda *_: None, on_expensive=lambda *_: None)


async def main(address: str, n_targets: int) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # At the start a thousand histories want to be read at once: what must wait says so each time.
    logging.getLogger("scaler").setLevel(logging.ERROR)
    forecasts = StartedForecasts()
    await forecasts.start()
    pids = {
        "server": os.getpid(),
        "forecasts": await forecasts._asks.run(os.getpid),  # noqa: SLF001 - told apart by nothing else
        "fits": await forecasts._fits.run(os.getpid),  # noqa: SLF001
    }
    source = Watched(source_of(address))
    async with running(
        source=source,
        forecaster=default_forecaster(),
        clock=SystemClock(),
        server_settings=ServerSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0"),
        controller_settings=ControllerSettings(),
        registry=CollectorRegistry(),
        forecasts=forecasts,
    ) as service:
        began_at = time.monotonic()
        await fill(service, forecasts, n_targets)
        await source.is_all_read()
        await fill(service, forecasts, n_targets)  # what was fitted anew for the whole past
        forecasts.is_filled = True
        seconds = round(time.monotonic() - began_at, 1)
        told = {"http_port": service.http_port, "pids": pids, "seconds_to_fill": seconds}
        print(json.dumps(told), flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
