"""The HTTP server: where it listens, what it refuses, and that it ends."""

import http.client
import socket
import threading

import pytest

from rig import LOOPBACK, StartRig
from scaler.http import SETTINGS, HttpServer
from scaler.server import ServerError
from scaler.settings import NO_PAGE, ServerSettings
from webclient import get


def hello(environ, start_response):  # noqa: ANN001
    del environ
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def read(host: str, port: int, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/", headers=headers or {})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.mark.parametrize(("address", "host"), [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")])
def test_it_answers_where_it_is_told_to_listen(address: str, host: str) -> None:
    server = HttpServer("--http-address", address, hello)
    server.start()
    try:
        assert read(host, server.port) == 200
    finally:
        server.stop()
    with pytest.raises(OSError, match=r"refused|reset"):
        read(host, server.port)


def test_all_of_ipv6_takes_ipv4_too() -> None:
    server = HttpServer("--http-address", "[::]:0", hello)
    server.start()
    try:
        assert read("127.0.0.1", server.port) == read("::1", server.port) == 200
    finally:
        server.stop()


def test_it_ends_while_clients_hold_connections_and_leaves_no_thread() -> None:
    before = threading.active_count()
    server = HttpServer("--http-address", "127.0.0.1:0", hello)
    server.start()
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")  # and never the end
    assert read("127.0.0.1", server.port) == 200  # slow clients hold no thread
    server.stop()
    for client in clients:
        client.close()
    assert threading.active_count() == before


def test_a_header_that_is_too_large_is_refused() -> None:
    server = HttpServer("--http-address", "127.0.0.1:0", hello)
    server.start()
    try:
        large = {"X-Large": "x" * (SETTINGS["max_request_header_size"] + 1)}
        assert read("127.0.0.1", server.port, large) == 431
    finally:
        server.stop()


@pytest.mark.parametrize("address", ["127.0.0.1:x", "127.0.0.1:70000", "no.such.host.invalid:1"])
def test_an_address_that_cannot_be_had_names_the_flag(address: str) -> None:
    with pytest.raises(ServerError, match="--page-address: can't listen on"):
        HttpServer("--page-address", address, hello)


def settings(**more: str) -> ServerSettings:
    return ServerSettings(
        grpc_address=LOOPBACK.grpc_address, http_address=LOOPBACK.http_address, **more
    )


async def test_the_page_lies_beside_the_metrics_unless_it_is_moved(start_rig: StartRig) -> None:
    async with start_rig() as rig:
        assert rig.service.page_port == rig.service.http_port
        await rig.observe(rig.ref())
        page = await get(f"http://127.0.0.1:{rig.service.page_port}/targets/prod/llm")
        assert "KEDA is told" in page.text


async def test_a_page_of_its_own_address_has_no_metrics_and_the_other_no_page(
    start_rig: StartRig,
) -> None:
    async with start_rig(server_settings=settings(page_address="127.0.0.1:0")) as rig:
        ports = rig.service.http_port, rig.service.page_port
        assert ports[0] != ports[1]
        found = [
            (await get(f"http://127.0.0.1:{port}{path}")).status
            for port in ports
            for path in ("/", "/api/v1/targets", "/metrics", "/readyz")
        ]
        assert found == [404, 404, 200, 200, 200, 200, 404, 404]


async def test_a_page_that_is_off_is_nowhere(start_rig: StartRig) -> None:
    async with start_rig(server_settings=settings(page_address=NO_PAGE)) as rig:
        assert rig.service.page_port == 0
        found = [
            (await get(f"http://127.0.0.1:{rig.service.http_port}{path}")).status
            for path in ("/", "/api/v1/targets", "/metrics")
        ]
        assert found == [404, 404, 200]
