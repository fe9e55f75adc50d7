"""The TLS matrix of KEDA's client (rows 32 to 34), over real handshakes."""

import asyncio
import os
import ssl
import time
import warnings
from pathlib import Path

import grpc
import pytest

from certificates import Authority, Pair
from rig import METADATA, StartRig
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from scaler.server import ServerError, credentials_of
from scaler.settings import ServerSettings, TlsFiles

REF = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata=METADATA)


def settings_of(tls: TlsFiles) -> ServerSettings:
    return ServerSettings(grpc_address="127.0.0.1:0", http_address="127.0.0.1:0", tls=tls)


async def ask(port: int, credentials: grpc.ChannelCredentials | None) -> int:
    """Return the number of specs, over a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    address = f"localhost:{port}"
    channel = (
        grpc.aio.insecure_channel(address, options=options)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials, options=options)
    )
    async with channel:
        response = await pb_grpc.ExternalScalerStub(channel).GetMetricSpec(REF, timeout=5)
        return len(response.metricSpecs)


async def refused(port: int, credentials: grpc.ChannelCredentials | None) -> bool:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(port, credentials)
    return caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_row_32_a_client_that_knows_the_authority_gets_in(
    start_rig: StartRig, tmp_path: Path
) -> None:
    authority = Authority()
    tls = TlsFiles(
        certificate_file=authority.issue("scaler").write(tmp_path, "server")[0],
        key_file=str(tmp_path / "server.key"),
    )
    async with start_rig(server_settings=settings_of(tls)) as rig:
        port = rig.service.grpc_port
        assert await ask(port, grpc.ssl_channel_credentials(authority.certificate)) == 1
        assert await refused(port, grpc.ssl_channel_credentials(Authority().certificate))
        assert await refused(port, None)


async def test_row_32_nothing_below_tls_1_2_is_spoken(start_rig: StartRig, tmp_path: Path) -> None:
    authority = Authority()
    certificate_file, key_file = authority.issue("scaler").write(tmp_path, "server")
    tls = TlsFiles(certificate_file=certificate_file, key_file=key_file)
    async with start_rig(server_settings=settings_of(tls)) as rig:
        port = rig.service.grpc_port
        for version, is_spoken in [
            (ssl.TLSVersion.TLSv1_1, False),
            (ssl.TLSVersion.TLSv1_2, True),
            (ssl.TLSVersion.TLSv1_3, True),
        ]:
            assert await _speaks(port, authority.certificate, version) is is_spoken, version


async def _speaks(port: int, ca: bytes, version: ssl.TLSVersion) -> bool:
    context = ssl.create_default_context(cadata=ca.decode())
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings():  # Python warns that 1.1 is old: that is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    try:
        _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return False
    writer.close()
    return True


async def test_row_33_with_mutual_tls_a_client_without_certificate_is_refused(
    start_rig: StartRig, tmp_path: Path
) -> None:
    authority, clients = Authority(), Authority("clients")
    certificate_file, key_file = authority.issue("scaler").write(tmp_path, "server")
    ca_file = tmp_path / "clients.crt"
    ca_file.write_bytes(clients.certificate)
    tls = TlsFiles(
        certificate_file=certificate_file, key_file=key_file, client_ca_file=str(ca_file)
    )
    async with start_rig(server_settings=settings_of(tls)) as rig:
        port = rig.service.grpc_port

        def with_certificate(pair: Pair) -> grpc.ChannelCredentials:
            return grpc.ssl_channel_credentials(authority.certificate, pair.key, pair.certificate)

        assert await ask(port, with_certificate(clients.issue("keda"))) == 1
        assert await refused(port, grpc.ssl_channel_credentials(authority.certificate))
        assert await refused(port, with_certificate(Authority().issue("stranger")))


async def test_row_34_a_tls_client_on_a_plain_port_is_refused(start_rig: StartRig) -> None:
    async with start_rig() as rig:
        assert await refused(
            rig.service.grpc_port, grpc.ssl_channel_credentials(Authority().certificate)
        )


async def test_rotated_files_are_taken_over_and_half_a_rotation_is_not(
    start_rig: StartRig, tmp_path: Path
) -> None:
    old, new = Authority("old"), Authority("new")
    certificate_file, key_file = old.issue("scaler").write(tmp_path, "server")
    tls = TlsFiles(certificate_file=certificate_file, key_file=key_file)
    async with start_rig(server_settings=settings_of(tls)) as rig:
        port = rig.service.grpc_port
        old_client = grpc.ssl_channel_credentials(old.certificate)
        new_client = grpc.ssl_channel_credentials(new.certificate)
        assert await ask(port, old_client) == 1

        pair = new.issue("scaler")
        Path(certificate_file).write_bytes(pair.certificate)
        os.utime(certificate_file, (time.time() + 5,) * 2)
        assert await ask(port, old_client) == 1, "the key is still missing"

        Path(key_file).write_bytes(pair.key)
        os.utime(key_file, (time.time() + 10,) * 2)
        assert await ask(port, new_client) == 1
        assert await refused(port, old_client)


def test_files_that_are_no_good_at_start_are_named(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"--tls-certificate-file.*nowhere\.crt"):
        credentials_of(TlsFiles(certificate_file="nowhere.crt", key_file="nowhere.key"))
    certificate_file, _ = Authority().issue("a").write(tmp_path, "a")
    _, key_file = Authority().issue("b").write(tmp_path, "b")
    with pytest.raises(ServerError, match="are no pair"):
        credentials_of(TlsFiles(certificate_file=certificate_file, key_file=key_file))
