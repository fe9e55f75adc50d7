"""All parts of a running scaler, put together. The command starts it, tests and the demo too."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from threadpoolctl import threadpool_limits

from forecasting.default import forecaster_of_experts
from forecasting.forecaster import Forecaster
from forecasting.plugins import USUAL, chosen_experts
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.adapters.memory import MemoryEventSink, MemoryStateStore
from scaler.board import Board
from scaler.books.books import Approvals, Books
from scaler.books.cluster import annotations_of, recall_starts
from scaler.books.telemetry import BooksTelemetry, LedgerCollector
from scaler.cluster_metrics import ClusterCollector
from scaler.controller import Controller
from scaler.errors import BadExperts
from scaler.http import Application, HttpServer, probes
from scaler.page.app import StatusPage
from scaler.ports import Clock, Cluster, EventSink, Forecasts, HistorySource, StateStore
from scaler.server import GrpcServer
from scaler.servicer import Servicer
from scaler.settings import NO_PAGE, ControllerSettings, ServerSettings
from scaler.telemetry import RpcTelemetry, TargetCollector, TickTelemetry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A scaler that is up. The ports are those that it really got; `page_port` 0: no page.

    `failed` is set when a loop has ended by an error, which the log holds: time to start anew.
    """

    board: Board
    controller: Controller
    grpc_port: int
    http_port: int
    page_port: int
    failed: asyncio.Event


def new_registry() -> CollectorRegistry:
    """Return a registry of this process's own figures; a global one would outlive the service."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a start time for each series doubles the page and says nothing
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep linear algebra to one thread for the length of the block.

    The matrices of a fit are small: on two cores, threads make it five times dearer. And sums in
    another order differ in their last bits, which two servers of different size must not.
    """
    limited: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limited


def loaded_forecaster(experts: str | None = None) -> Forecaster:
    """Return the forecaster of the named experts, see `plugins.chosen_experts`.

    `experts` are names between commas; None: the default ones and those of installed distributions,
    of which one that can't be loaded is logged and left out. Raises `BadExperts`.
    """
    names = [name.strip() for name in experts.split(",")] if experts else USUAL
    try:
        return forecaster_of_experts(chosen_experts(names, _left_out))
    except (ValueError, ModuleNotFoundError) as exc:
        raise BadExperts(f"--experts: {exc}") from exc


def _left_out(name: str, error: Exception) -> None:
    logger.warning(
        "expert left out; reinstall or remove the distribution that brings it",
        extra={"expert": name, "error": f"{type(error).__name__}: {error}"},
    )


@asynccontextmanager
async def running(
    *,
    source: HistorySource,
    forecaster: Forecaster,
    clock: Clock,
    server_settings: ServerSettings,
    controller_settings: ControllerSettings,
    registry: CollectorRegistry,
    telemetry: TickTelemetry | None = None,
    forecasts: Forecasts | None = None,
    cluster: Cluster | None = None,
    store: StateStore | None = None,
    events: EventSink | None = None,
    approvals: Approvals | None = None,
) -> AsyncIterator[Service]:
    """Run a scaler for the length of the block.

    Raises `ServerError` when it can't listen. The source, `forecasts` (threads of this process
    unless given), the cluster (none unless given), `store` (this process's memory) and `events` are
    closed at the end.
    """
    forecasts = forecasts or ThreadForecasts()
    board = Board(
        max_targets=server_settings.max_targets,
        max_targets_per_namespace=server_settings.max_targets_per_namespace,
    )
    registry.register(TargetCollector(board, clock))
    registry.register(ClusterCollector(board, cluster))
    registry.register(LedgerCollector(board))
    books = Books(
        store or MemoryStateStore(),
        events or MemoryEventSink(),
        clock,
        BooksTelemetry(registry),
        approvals=approvals or annotations_of(cluster),
    )
    await recall_starts(books, cluster)
    servicer = Servicer(
        board, clock, RpcTelemetry(registry), stream_check_seconds=controller_settings.tick_seconds
    )
    with one_blas_thread():
        controller = Controller(
            board,
            source,
            forecaster,
            clock,
            settings=controller_settings,
            telemetry=telemetry or TickTelemetry(registry),
            forecasts=forecasts,
            cluster=cluster,
            books=books,
            keeps_models=store is not None,
        )
        failed = asyncio.Event()
        try:
            page = StatusPage(
                board=board,
                clock=clock,
                is_ready=lambda: controller.is_ready,
                hosts=server_settings.page_hosts,
            )
            async with _serving(
                controller,
                servicer,
                server_settings,
                page=page,
                registry=registry,
                failed=failed,
            ) as ports:
                yield Service(
                    board=board,
                    controller=controller,
                    grpc_port=ports[0],
                    http_port=ports[1],
                    page_port=ports[2],
                    failed=failed,
                )
        finally:
            await books.close()
            if cluster is not None:
                cluster.close()
            await forecasts.close()
            await source.close()


@asynccontextmanager
async def _serving(
    controller: Controller,
    servicer: Servicer,
    settings: ServerSettings,
    *,
    page: StatusPage,
    registry: CollectorRegistry,
    failed: asyncio.Event,
) -> AsyncIterator[tuple[int, int, int]]:
    stopping = asyncio.Event()
    http = probes(
        registry,
        is_ready=lambda: controller.is_ready and not stopping.is_set(),
        is_alive=lambda: not failed.is_set(),
        otherwise=page if settings.page_address is None else None,
    )
    grpc_server = GrpcServer(servicer, settings)
    with _over_http(http, page, settings) as http_ports:
        await grpc_server.start()
        loops = [
            asyncio.create_task(controller.run()),
            asyncio.create_task(_mirror_readiness(controller, grpc_server)),
        ]
        for loop in loops:
            loop.add_done_callback(partial(_note_end, failed))
        try:
            yield grpc_server.port, *http_ports
        finally:
            stopping.set()
            loops[1].cancel()
            await grpc_server.stop()  # the controller goes last: answers stay current until then
            loops[0].cancel()
            await asyncio.gather(*loops, return_exceptions=True)


@contextmanager
def _over_http(
    http: Application, page: StatusPage, settings: ServerSettings
) -> Iterator[tuple[int, int]]:
    """Serve probes and page for the length of the block, on one port or on two; give the ports."""
    servers = [HttpServer("--http-address", settings.http_address, http)]
    try:
        if settings.page_address not in {None, NO_PAGE}:
            servers.append(HttpServer("--page-address", str(settings.page_address), page))
        for server in servers:
            server.start()
        yield servers[0].port, 0 if settings.page_address == NO_PAGE else servers[-1].port
    finally:
        for server in servers:
            server.stop()


def _note_end(failed: asyncio.Event, loop: "asyncio.Task[None]") -> None:
    """Tell that a loop ended otherwise than by being cancelled."""
    if not loop.cancelled() and (error := loop.exception()) is not None:
        logger.critical("a loop of the scaler ended", exc_info=error)
        failed.set()


async def _mirror_readiness(controller: Controller, server: GrpcServer) -> None:
    """Keep gRPC health equal to `/readyz`."""
    was_ready: bool | None = None
    while True:
        if (is_ready := controller.is_ready) is not was_ready:
            await server.set_serving(is_serving=is_ready)
            was_ready = is_ready
        await asyncio.sleep(0.2)
