"""One server of `rpc.py`, in a process of its own: `python rpc_server.py bare|prewarm N`.

Prints one JSON line with its port once it answers from a forecast for all N targets, and runs
until SIGTERM. `bare` answers constants: the same stubs, options and event loop, and nothing else.
"""

import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import uvloop
from prometheus_client import CollectorRegistry
from rpc_mix import SPEC, metadata, name_of, namespace_of

from forecasting.default import default_forecaster
from forecasting.forecaster import FittedForecaster, Forecaster, Task
from forecasting.series import Series
from scaler.adapters.forecasts_processes import ProcessForecasts
from scaler.adapters.system_clock import SystemClock
from scaler.board import Board
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from scaler.ports import DemandQuery, Model
from scaler.serve import SWITCH_INTERVAL_SECONDS
from scaler.server import OPTIONS
from scaler.service import Service, running
from scaler.settings import ControllerSettings, ServerSettings

METRICS = pb.GetMetricsResponse(
    metricValues=[pb.MetricValue(metricName="m", metricValue=4, metricValueFloat=4.0)]
)
ACTIVE = pb.IsActiveResponse(result=True)
STEP_SECONDS = 60.0
QUIET_SECONDS = 35.0  # two ticks without a fit
HISTORY_SECONDS = 40 * 86_400.0


class BareServicer(pb_grpc.ExternalScalerServicer):
    """Answers constants."""

    async def GetMetricSpec(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return a constant."""
        return SPEC

    async def GetMetrics(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return a constant."""
        return METRICS

    async def IsActive(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return a constant."""
        return ACTIVE


class SharedSource:
    """A memory source that gives every target the same series, so that one fit is right for all.

    `MemoryHistorySource` looks up each point by itself, half a minute for 1,000 histories.
    """

    def __init__(self, now: float, rng: np.random.Generator) -> None:
        self._start_at = now // STEP_SECONDS * STEP_SECONDS - HISTORY_SECONDS
        n = int((HISTORY_SECONDS + 3_600.0) / STEP_SECONDS)
        days = np.arange(n) * STEP_SECONDS / 86_400.0
        shape = 60.0 + 30.0 * np.sin(2 * np.pi * days) + 10.0 * np.sin(2 * np.pi * days / 7)
        self._values = rng.poisson(shape * STEP_SECONDS) / STEP_SECONDS

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Return the grid points in [start_at, end_at]."""
        first, last = self._place(start_at), self._place(end_at)
        return Series(
            start_at=start_at,
            step_seconds=query.step_seconds,
            values=self._values[first : last + 1],
        )

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:  # noqa: ARG002 - the port's
        """Return demand at `at`."""
        return float(self._values[self._place(at)])

    async def close(self) -> None:
        """Do nothing."""

    def _place(self, at: float) -> int:
        return int((at - self._start_at) // STEP_SECONDS)


@dataclass(frozen=True)
class StartForecaster:
    """Gives every target of the start the same fit: a thousand fits take long and end with it."""

    def fit(self, history: Series, task: Task) -> FittedForecaster:
        """Return the first model, fitted once in each process that fits."""
        if task.horizon_seconds not in _first:
            _first[task.horizon_seconds] = default_forecaster().fit(history, task)
        return _first[task.horizon_seconds]


class StartedForecasts(ProcessForecasts):
    """The scaler's processes. From `is_filled` on each fit is a real one, at the scaler's pace.

    That is every target once in six hours, one every 22 s.
    """

    is_filled = False
    fitted_at = 0.0  # monotonic seconds of the last fit

    async def fit(
        self,
        forecaster: Forecaster,
        past: Series,
        task: Task,
        *,
        previous: Model | None = None,
        has_drifted: bool = False,
    ) -> Model:
        """Fit, or during the start hand out the one fit."""
        chosen = forecaster if self.is_filled else StartForecaster()
        self.fitted_at = time.monotonic()
        return await super().fit(chosen, past, task, previous=previous, has_drifted=has_drifted)


_first: dict[float, FittedForecaster] = {}  # by window


async def serve_bare(stop: asyncio.Event) -> None:
    """Serve constants until `stop`."""
    server = grpc.aio.server(options=OPTIONS)
    register: Any = pb_grpc.add_ExternalScalerServicer_to_server
    register(BareServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    report(port=port)
    await stop.wait()
    await server.stop(1.0)


async def serve_prewarm(stop: asyncio.Event, n_targets: int) -> None:
    """Serve `n_targets` until `stop`, ticks and forecasts on."""
    registry = CollectorRegistry()
    forecasts = StartedForecasts()
    async with running(
        source=SharedSource(time.time(), np.random.default_rng(1)),
        forecaster=default_forecaster(),
        clock=SystemClock(),
        server_settings=ServerSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0"),
        controller_settings=ControllerSettings(),
        registry=registry,
        forecasts=forecasts,
    ) as service:
        started_at = time.monotonic()
        await fill(service, forecasts, n_targets)
        forecasts.is_filled = True
        report(port=service.grpc_port, seconds_to_fill=round(time.monotonic() - started_at, 1))
        await stop.wait()


async def fill(service: Service, forecasts: StartedForecasts, n_targets: int) -> None:
    """Let the board see each target, and return once the fits of the start are over."""
    for number in range(n_targets):
        service.board.find(
            namespace_of(number), name_of(number), metadata(number), time.monotonic()
        )
        await asyncio.sleep(0)
    quiet_from = 0.0
    while not all_forecast(service.board) or time.monotonic() < quiet_from:
        await asyncio.sleep(0.5)
        quiet_from = forecasts.fitted_at + QUIET_SECONDS


def all_forecast(board: Board) -> bool:
    """Return whether every target was decided with both of its forecasts."""
    seens = [None if t.snapshot is None else t.snapshot.decision.seen for t in board]
    return all(s is not None and s.forecast and s.forecast_ahead for s in seens)


def report(**figures: float) -> None:
    """Tell the parent."""
    print(json.dumps(figures), flush=True)


async def main(kind: str, n_targets: int) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if kind == "bare":
        await serve_bare(stop)
    else:
        await serve_prewarm(stop, n_targets)


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
