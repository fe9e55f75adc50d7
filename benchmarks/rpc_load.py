"""The load of `rpc.py`, in a process of its own: `python rpc_load.py PORT MODE SECONDS TARGETS`.

MODE is a number of HPA syncs in flight (closed loop), or `paced:RATE` calls per second (open loop:
a sync that starts late counts its wait). Prints one JSON line.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import grpc
import numpy as np
import uvloop
from rpc_mix import CALLS_PER_SYNC, METRIC_NAME, ref_of

from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc

clock = time.perf_counter


class Load:
    """Makes HPA syncs and keeps the seconds that each call took."""

    def __init__(self, channel: grpc.aio.Channel, n_targets: int) -> None:
        stub: Any = pb_grpc.ExternalScalerStub
        self._stub = stub(channel)
        refs = [ref_of(number) for number in range(n_targets)]
        self._requests: Iterator[tuple[Any, Any]] = cycle(
            (ref, pb.GetMetricsRequest(scaledObjectRef=ref, metricName=METRIC_NAME)) for ref in refs
        )
        self.seconds: list[float] = []

    async def sync(self, due_at: float | None = None) -> None:
        """Make the three calls of one sync; the first is timed from when it was due."""
        ref, request = next(self._requests)
        start_at = clock() if due_at is None else due_at
        for call, message in (
            (self._stub.GetMetricSpec, ref),
            (self._stub.GetMetrics, request),
            (self._stub.IsActive, ref),
        ):
            await call(message)
            end_at = clock()
            self.seconds.append(end_at - start_at)
            start_at = end_at

    async def closed(self, in_flight: int, seconds: float) -> None:
        """Keep `in_flight` syncs under way."""
        end_at = clock() + seconds

        async def worker() -> None:
            while clock() < end_at:
                await self.sync()

        await asyncio.gather(*(worker() for _ in range(in_flight)))

    async def paced(self, calls_per_second: float, seconds: float) -> None:
        """Start a sync at each due time, whether or not those before it have ended."""
        pause = CALLS_PER_SYNC / calls_per_second
        begin_at = clock()
        async with asyncio.TaskGroup() as group:
            for turn in range(int(seconds / pause)):
                due_at = begin_at + turn * pause
                await asyncio.sleep(max(0.0, due_at - clock()))
                group.create_task(self.sync(due_at))


async def main(port: str, mode: str, seconds: float, n_targets: int) -> None:
    """Warm up, run, report."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        load = Load(channel, n_targets)
        await load.closed(4, min(1.0, seconds))
        load.seconds.clear()
        print("warm", flush=True)
        cpu, begin_at = time.process_time(), clock()
        if mode.startswith("paced:"):
            await load.paced(float(mode.removeprefix("paced:")), seconds)
        else:
            await load.closed(int(mode), seconds)
        wall = clock() - begin_at
        taken = np.array(load.seconds) * 1e3
        print(
            json.dumps(
                {
                    "calls": len(taken),
                    "calls_per_second": len(taken) / wall,
                    "p50_milliseconds": float(np.percentile(taken, 50)),
                    "p99_milliseconds": float(np.percentile(taken, 99)),
                    "max_milliseconds": float(taken.max()),
                    "client_cores": (time.process_time() - cpu) / wall,
                    "wall_seconds": wall,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
