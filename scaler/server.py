"""The gRPC server: handlers, health, reflection, TLS, and an end that loses nothing.

On SIGTERM: health turns to NOT_SERVING, streams end with OK, connections get GOAWAY, and what is
under way has `grace_seconds` to finish.
"""

import logging
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from scaler.pb import externalscaler_pb2 as pb
from scaler.servicer import Servicer, add_to
from scaler.settings import ServerSettings, TlsFiles

logger = logging.getLogger(__name__)

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["ExternalScaler"].full_name

# KEDA holds one connection for as long as it lives and sends no keepalive of its own; without
# ours a half-open one would hang until the kernel gives up. A reference with its metadata is a
# few kilobytes: a quarter of a MiB keeps a hostile one from costing memory.
OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.max_receive_message_length", 256 * 1024),
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a silent share
)


class ServerError(Exception):
    """The server can't start; the message says what to change."""


class GrpcServer:
    """One listening `grpc.aio` server."""

    def __init__(self, servicer: Servicer, settings: ServerSettings) -> None:
        self._servicer = servicer
        self._settings = settings
        self._server = grpc.aio.server(options=OPTIONS)
        self._health = health.aio.HealthServicer()
        add_to(self._server, servicer)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self.port = 0

    async def start(self) -> None:
        """Bind and serve. Raises `ServerError` when address or TLS files are no good."""
        await self.set_serving(is_serving=False)
        address, tls = self._settings.grpc_address, self._settings.tls
        try:
            if tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, credentials_of(tls))
        except RuntimeError as exc:
            message = f"--grpc-address: can't listen on {address!r}; is it in use?"
            raise ServerError(message) from exc
        await self._server.start()

    async def set_serving(self, *, is_serving: bool) -> None:
        """Tell health checks whether to send traffic here."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if is_serving
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in ("", SERVICE_NAME):
            await self._health.set(service, status)

    async def stop(self) -> None:
        """End streams with OK, send GOAWAY, and wait for calls under way."""
        await self._health.enter_graceful_shutdown()
        self._servicer.stop_streams()
        await self._server.stop(self._settings.grace_seconds)


def credentials_of(tls: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that follow the files: each handshake uses their newest good content.

    TLS 1.2 is the least that gRPC's own library speaks. Raises `ServerError` when a file can't be
    read at start.
    """
    reader = _TlsReader(tls)
    return grpc.dynamic_ssl_server_credentials(
        reader.read_at_start(),
        reader.read_if_changed,  # type: ignore[arg-type]  # None: go on with what you have
        require_client_authentication=tls.client_ca_file is not None,
    )


class _TlsReader:
    """Reads the files when one of them has changed; a rotation seen half-way keeps the old set."""

    def __init__(self, tls: TlsFiles) -> None:
        self._tls = tls
        self._paths = [Path(tls.certificate_file), Path(tls.key_file)]
        if tls.client_ca_file is not None:
            self._paths.append(Path(tls.client_ca_file))
        self._seen: tuple[tuple[int, int, int], ...] = ()

    def read_at_start(self) -> grpc.ServerCertificateConfiguration:
        try:
            self._seen = self._stamps()
            return self._read()
        except (OSError, ValueError) as exc:
            flags = "--tls-certificate-file, --tls-key-file, --client-ca-file"
            raise ServerError(f"{flags}: {exc}") from exc

    def read_if_changed(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            stamps = self._stamps()
            if stamps == self._seen:
                return None
            configuration = self._read()
        except (OSError, ValueError) as exc:
            logger.warning("TLS files not taken over", extra={"why": str(exc)})
            return None
        self._seen = stamps
        logger.info("TLS files read again")
        return configuration

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        stats = [path.stat() for path in self._paths]
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in stats)

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, key, *client_ca = (path.read_bytes() for path in self._paths)
        _check_pair(self._tls)
        return grpc.ssl_server_certificate_configuration(
            [(key, certificate)], root_certificates=client_ca[0] if client_ca else None
        )


def _check_pair(tls: TlsFiles) -> None:
    """Raise ValueError unless certificate and key belong together (half of a rotation)."""
    import ssl  # noqa: PLC0415 - only servers with TLS pay for it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate_file, tls.key_file)
        if tls.client_ca_file is not None:
            context.load_verify_locations(tls.client_ca_file)
    except ssl.SSLError as exc:
        files = f"{tls.certificate_file} and {tls.key_file}"
        raise ValueError(f"{files} are no pair: {exc.reason}") from exc
