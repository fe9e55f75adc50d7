"""A whole scaler over a real socket, with the clock and the source in the test's hands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from prometheus_client import CollectorRegistry

from forecasting.forecaster import Forecaster
from forecasting.series import Series
from scaler.adapters.memory import ManualClock, MemoryHistorySource
from scaler.books.books import Approvals
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from scaler.ports import Cluster, EventSink, Forecasts, HistorySource, StateStore
from scaler.service import Service, running
from scaler.settings import ControllerSettings, ServerSettings
from stand_ins import WindowMaximum

MONDAY_AT = 1_767_571_200.0  # 2026-01-05 00:00 UTC
DAY_SECONDS = 86_400.0
METADATA = {"query": "demand", "threshold": "10", "scalerAddress": "127.0.0.1:6000"}


def steady(
    demand: float, *, end_at: float, days: float = 2.0, step_seconds: float = 60.0
) -> Series:
    """The same demand at every grid point up to `end_at`."""
    n_points = int(days * DAY_SECONDS / step_seconds)
    end_at -= end_at % step_seconds
    return Series(
        start_at=end_at - (n_points - 1) * step_seconds,
        step_seconds=step_seconds,
        values=np.full(n_points, demand),
    )


@dataclass
class Rig:
    """A running scaler with a twin of Prometheus and a clock in the test's hands."""

    service: Service
    source: Any  # the twin, unless the test brought a source of its own
    clock: ManualClock
    registry: CollectorRegistry
    channel: grpc.aio.Channel
    stub: pb_grpc.ExternalScalerStub
    settings: ControllerSettings

    def ref(self, name: str = "llm", namespace: str = "prod", **keys: str) -> pb.ScaledObjectRef:
        metadata = {k: v for k, v in {**METADATA, **keys}.items() if v is not None}
        return pb.ScaledObjectRef(name=name, namespace=namespace, scalerMetadata=metadata)

    async def value(self, ref: pb.ScaledObjectRef, metric: str = "prewarm-replicas") -> int:
        response = await self.stub.GetMetrics(
            pb.GetMetricsRequest(scaledObjectRef=ref, metricName=metric)
        )
        [value] = response.metricValues
        assert value.metricValueFloat == value.metricValue
        return int(value.metricValue)

    async def active(self, ref: pb.ScaledObjectRef) -> bool:
        return bool((await self.stub.IsActive(ref)).result)

    async def settle(self) -> None:
        """Wait until every tick and fit under way has published."""
        await asyncio.sleep(0)
        await self.service.controller.idle()

    async def tick(self, count: int = 1) -> None:
        """Let `count` ticks pass."""
        for _ in range(count):
            await self.clock.wait_for_sleepers()
            self.clock.advance(self.settings.tick_seconds)
            await self.clock.wait_for_sleepers()
            await self.settle()

    async def observe(self, ref: pb.ScaledObjectRef) -> int:
        """Make the target known, let its first tick and fit finish, and return the answer."""
        await self.value(ref)
        await self.settle()
        await self.tick()
        return await self.value(ref)


StartRig = Callable[..., AbstractAsyncContextManager[Rig]]
LOOPBACK = ServerSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0")


@asynccontextmanager
async def started_rig(
    *,
    source: HistorySource | None = None,
    start_at: float = MONDAY_AT + DAY_SECONDS / 2,
    server_settings: ServerSettings | None = None,
    forecaster: Forecaster | None = None,
    controller_settings: ControllerSettings | None = None,
    forecasts: Forecasts | None = None,
    cluster: Cluster | None = None,
    store: StateStore | None = None,
    events: EventSink | None = None,
    approvals: Approvals | None = None,
) -> AsyncIterator[Rig]:
    """Run a scaler for the length of the block."""
    clock = ManualClock(start_at)
    source = source or MemoryHistorySource({"demand": steady(42.0, end_at=start_at + 3600)})
    registry = CollectorRegistry()
    settings = controller_settings or ControllerSettings()
    async with (
        running(
            source=source,
            forecaster=forecaster or WindowMaximum(),
            clock=clock,
            server_settings=server_settings or LOOPBACK,
            controller_settings=settings,
            registry=registry,
            forecasts=forecasts,
            cluster=cluster,
            store=store,
            events=events,
            approvals=approvals,
        ) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel,
    ):
        yield Rig(
            service=service,
            source=source,
            clock=clock,
            registry=registry,
            channel=channel,
            stub=pb_grpc.ExternalScalerStub(channel),
            settings=settings,
        )
