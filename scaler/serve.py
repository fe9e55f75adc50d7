"""`prewarm serve`: flags to settings, and a service that runs until a signal ends it."""

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping
from typing import Any

import uvloop

from scaler.access import open_cluster
from scaler.adapters.forecasts_processes import ProcessForecasts
from scaler.adapters.forecasts_threads import ThreadForecasts
from scaler.adapters.system_clock import ReplayClock, SystemClock
from scaler.errors import WorkerLost
from scaler.keeping import open_events, open_store
from scaler.logs import set_up
from scaler.ports import Clock, Forecasts
from scaler.server import ServerError
from scaler.service import Service, loaded_forecaster, new_registry, running
from scaler.settings import NO_PAGE, ControllerSettings, ServerSettings, TlsFiles
from scaler.sources import (
    BadFlag,
    SourceFlags,
    count_rejected,
    name_expensive,
    open_source,
    parse_time,
)
from scaler.telemetry import TickTelemetry

logger = logging.getLogger(__name__)

# Sources are read in threads beside the loop; the default of 5 ms between threads would be a
# call's p99.
SWITCH_INTERVAL_SECONDS = 0.0005

MAX_PORT = 65_535


def run_server(flags: Mapping[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT. Raises as in `commands.serve`."""
    set_up(flags["log_level"], as_json=flags["log_format"] == "json")
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(flags))


async def _serve(flags: Mapping[str, Any]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    forecaster = loaded_forecaster(flags["experts"])
    registry = new_registry()
    telemetry = TickTelemetry(registry)
    clock = _clock(flags)
    source = open_source(
        SourceFlags.of(flags),
        now=clock.now(),
        on_rejected=count_rejected(telemetry),
        on_expensive=name_expensive(telemetry),
    )
    if flags["source"] == "prometheus" and not _permits_any(flags):
        logger.warning(
            "no Prometheus is permitted, so every trigger will be refused; give "
            "--prometheus-address URL, --allow-address URL or --prometheus-config FILE"
        )
    store, events = await open_store(flags), open_events(flags, registry)
    forecasts = await _started_forecasts(flags["fit_processes"])
    async with running(
        cluster=open_cluster(flags, clock),
        source=source,
        forecaster=forecaster,
        clock=clock,
        server_settings=_server_settings(flags),
        controller_settings=_controller_settings(flags),
        registry=registry,
        telemetry=telemetry,
        forecasts=forecasts,
        store=store,
        events=events,
    ) as service:
        logger.info(
            "serving",
            extra={
                "grpc_address": _with_port(flags["grpc_address"], service.grpc_port),
                "http_address": _with_port(flags["http_address"], service.http_port),
                "page_address": _page_place(flags, service),
                "source": flags["file"] or flags["prometheus_address"] or flags["source"],
                "tls": flags["tls_certificate_file"] is not None,
            },
        )
        ends = [asyncio.create_task(event.wait()) for event in (stopping, service.failed)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        logger.info("stopping")
        if service.failed.is_set():
            raise ServerError("a loop of the scaler ended by an error, which the log holds")


def _page_place(flags: Mapping[str, Any], service: Service) -> str:
    if not service.page_port:
        return NO_PAGE
    return _with_port(flags["page_address"] or flags["http_address"], service.page_port)


async def _started_forecasts(n_fit_processes: int) -> Forecasts:
    if n_fit_processes == 0:
        return ThreadForecasts()
    forecasts = ProcessForecasts(n_fit_processes)
    try:
        await forecasts.start()
    except WorkerLost as exc:
        await forecasts.close()
        raise ServerError(
            "the processes that fit and forecast did not start, for want of memory perhaps; "
            "--fit-processes 0 does without them"
        ) from exc
    return forecasts


def _permits_any(flags: Mapping[str, Any]) -> bool:
    names = ("prometheus_address", "allow_address", "prometheus_config")
    return any(flags[name] for name in names)


def _with_port(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


def _clock(flags: Mapping[str, Any]) -> Clock:
    if flags["replay_from"] is None:
        if flags["replay_speed"] != 1.0:
            raise BadFlag("--replay-speed: needs --replay-from beside it")
        return SystemClock()
    start_at = parse_time("--replay-from", flags["replay_from"], SystemClock().now())
    return ReplayClock(start_at, flags["replay_speed"])


def _server_settings(flags: Mapping[str, Any]) -> ServerSettings:
    return ServerSettings(
        grpc_address=_address("--grpc-address", flags["grpc_address"]),
        http_address=_address("--http-address", flags["http_address"]),
        page_address=_page_address(flags["page_address"]),
        page_hosts=flags["page_host"],
        tls=_tls(flags),
        grace_seconds=flags["grace_seconds"],
        max_targets=flags["max_targets"],
        max_targets_per_namespace=flags["max_targets_per_namespace"],
    )


def _controller_settings(flags: Mapping[str, Any]) -> ControllerSettings:
    return ControllerSettings(
        tick_seconds=flags["tick_seconds"],
        forget_after_seconds=flags["forget_after_seconds"],
        lead_time_quantile=flags["lead_time_quantile"],
    )


def _address(flag: str, text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) <= MAX_PORT):
        raise BadFlag(f'{flag}: "{text}" is not allowed; allowed is HOST:PORT')
    return text


def _page_address(text: str | None) -> str | None:
    return text if text in {None, NO_PAGE} else _address("--page-address", str(text))


def _tls(flags: Mapping[str, Any]) -> TlsFiles | None:
    certificate_file, key_file = flags["tls_certificate_file"], flags["tls_key_file"]
    if (certificate_file is None) != (key_file is None):
        raise BadFlag("--tls-certificate-file, --tls-key-file: one needs the other")
    if certificate_file is None:
        if flags["client_ca_file"] is not None:
            raise BadFlag("--client-ca-file: needs --tls-certificate-file beside it")
        return None
    return TlsFiles(
        certificate_file=certificate_file,
        key_file=key_file,
        client_ca_file=flags["client_ca_file"],
    )
