"""A stand-in for Prometheus in `tick.py`: answers any query with one generated series, over HTTP.

    python tick_prometheus.py     # prints its port, runs until SIGTERM

It speaks what the scaler asks: keep-alive, `query` and `query_range`, values as text, statistics.
The answers are put together from points that were written once, so that it stays out of the way.
"""

import asyncio
import signal
import time
from urllib.parse import parse_qs, urlsplit

import numpy as np

STEP_SECONDS = 60.0
HISTORY_SECONDS = 40 * 86_400.0
STATISTICS = (
    '"stats":{"timings":{"evalTotalTime":0.0002,"execTotalTime":0.0003},'
    '"samples":{"totalQueryableSamples":1,"peakSamples":2}}'
)


class Points:
    """Demand at each minute, with a daily and a weekly wave and the noise of single arrivals."""

    def __init__(self, now: float, rng: np.random.Generator) -> None:
        self.start_at = now // STEP_SECONDS * STEP_SECONDS - HISTORY_SECONDS
        n = int((HISTORY_SECONDS + 3_600.0) / STEP_SECONDS)
        days = np.arange(n) * STEP_SECONDS / 86_400.0
        shape = 60.0 + 30.0 * np.sin(2 * np.pi * days) + 10.0 * np.sin(2 * np.pi * days / 7)
        values = (rng.poisson(shape * STEP_SECONDS) / STEP_SECONDS).tolist()
        self.values = [f"{value:.4f}" for value in values]
        times = (self.start_at + STEP_SECONDS * np.arange(n)).tolist()
        self.pairs = [f'[{at:.0f},"{value}"]' for at, value in zip(times, self.values, strict=True)]

    def place(self, at: float) -> int:
        """Return which point holds at that time."""
        return int((at - self.start_at) // STEP_SECONDS)


def answer(points: Points, target: str) -> bytes:
    """Return the JSON for a path with its parameters."""
    asked = urlsplit(target)
    given = {key: values[-1] for key, values in parse_qs(asked.query).items()}
    if asked.path == "/api/v1/query_range":
        first, last = (points.place(float(given[key])) for key in ("start", "end"))
        found = f'{{"metric":{{}},"values":[{",".join(points.pairs[first : last + 1])}]}}'
        kind = "matrix"
    else:
        at = float(given["time"])
        found = f'{{"metric":{{}},"value":[{at:.3f},"{points.values[points.place(at)]}"]}}'
        kind = "vector"
    body = f'{{"resultType":"{kind}","result":[{found}],{STATISTICS}}}'
    return f'{{"status":"success","data":{body}}}'.encode()


async def main() -> None:
    """Serve until SIGTERM."""
    points = Points(time.time(), np.random.default_rng(1))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (line := await reader.readline()).strip():
            while (await reader.readline()).strip():
                pass
            body = answer(points, line.split(b" ")[1].decode())
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            )
            writer.write(head.encode() + b"\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
