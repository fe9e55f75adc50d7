"""Credentials go to their destination and nowhere else; secrets are shown nowhere."""

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority
from faulty_http import (
    FaultyServer,
    answering,
    dropping,
    failure,
    hanging,
    redirecting,
    saying,
    serving,
    success,
)
from scaler.adapters.prometheus import PrometheusSource
from scaler.adapters.prometheus_settings import Destination, PrometheusSettings
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

T0 = 1_700_000_040.0
TOKEN = "s3cr3t-bearer-token"
PASSWORD = "s3cr3t-password"
HEADER = "s3cr3t-header-value"
PARAMETER = "s3cr3t-parameter"
SECRETS = (TOKEN, PASSWORD, HEADER, PARAMETER)
QUERY = DemandQuery(query="up", step_seconds=60)


def with_metadata(**changes: Any) -> DemandQuery:
    return DemandQuery(query="up", step_seconds=60, **changes)


@asynccontextmanager
async def source_of(settings: PrometheusSettings) -> AsyncIterator[PrometheusSource]:
    source = PrometheusSource(settings)
    try:
        yield source
    finally:
        await source.close()


async def refusal(source: PrometheusSource, query: DemandQuery) -> str:
    with pytest.raises(HistoryUnavailable) as caught:
        await source.read_instant(query, at=T0)
    assert caught.value.reason == "not-permitted"
    return str(caught.value)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


async def test_a_bearer_token_is_sent_and_read_again_when_it_changes(token_file: Path) -> None:
    with FaultyServer(serving("1")) as server:
        destination = Destination(address=server.address, bearer_token_file=str(token_file))
        async with source_of(PrometheusSettings(default=destination)) as source:
            await source.read_instant(QUERY, at=T0)
            token_file.write_text("another-token")
            await source.read_instant(with_metadata(auth_modes=("bearer",)), at=T0)
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == [f"Bearer {TOKEN}", "Bearer another-token"]


async def test_a_user_name_and_password_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    with FaultyServer(serving("1")) as server:
        destination = Destination(
            address=server.address,
            basic_username="prewarm",
            basic_password_file=str(path),
            headers={"X-Scope-OrgID": "inference"},
        )
        async with source_of(PrometheusSettings(default=destination)) as source:
            await source.read_instant(with_metadata(auth_modes=("basic", "custom")), at=T0)
    headers = server.requests[0].headers
    assert base64.b64decode(headers["authorization"].split()[1]).decode() == f"prewarm:{PASSWORD}"
    assert headers["x-scope-orgid"] == "inference"


async def test_credentials_stay_with_their_destination(token_file: Path) -> None:
    with FaultyServer(serving("1")) as trusted, FaultyServer(serving("1")) as other:
        settings = PrometheusSettings(
            default=Destination(
                address=trusted.address,
                bearer_token_file=str(token_file),
                headers={"X-Key": HEADER},
            ),
            allow_addresses=(other.address, trusted.address),
        )
        async with source_of(settings) as source:
            await source.read_instant(with_metadata(server_address=other.address), at=T0)
            beside = with_metadata(server_address=f"{trusted.address}/other/path")
            await source.read_instant(beside, at=T0)
            await source.read_instant(with_metadata(server_address=trusted.address), at=T0)
    assert all("authorization" not in request.headers for request in other.requests)
    sent = [request.headers.get("authorization") for request in trusted.requests]
    assert sent == [None, f"Bearer {TOKEN}"]
    assert [request.headers.get("x-key") for request in trusted.requests] == [None, HEADER]


async def test_the_environment_adds_no_credentials_and_no_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login x password {PASSWORD}\n")
    with FaultyServer(serving("1")) as server, FaultyServer(serving("2")) as proxy:
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.setenv("ALL_PROXY", proxy.address)
        monkeypatch.delenv("no_proxy", raising=False)
        settings = PrometheusSettings(default=Destination(address=server.address))
        async with source_of(settings) as source:
            assert await source.read_instant(QUERY, at=T0) == 1
    assert proxy.requests == []
    assert "authorization" not in server.requests[0].headers


async def test_a_server_sets_no_cookies() -> None:
    body = success([T0, "1"], "scalar")
    with FaultyServer(answering(body, Set_Cookie="session=1")) as server:
        async with source_of(
            PrometheusSettings(default=Destination(address=server.address))
        ) as source:
            for _ in range(2):
                await source.read_instant(QUERY, at=T0)
    assert all("cookie" not in request.headers for request in server.requests)


async def test_headers_and_parameters_of_a_trigger_are_added(token_file: Path) -> None:
    with FaultyServer(serving("1")) as server:
        destination = Destination(address=server.address, bearer_token_file=str(token_file))
        async with source_of(PrometheusSettings(default=destination)) as source:
            query = with_metadata(
                namespace="team-a",
                headers=(("X-Team", "a"),),
                parameters=(("dedup", "true"),),
            )
            await source.read_instant(query, at=T0)
    request = server.requests[0]
    assert request.headers["x-team"] == "a"
    assert request.query["dedup"] == ["true"]
    assert request.query["namespace"] == ["team-a"]
    assert request.query["query"] == ["up"]
    assert float(request.query["timeout"][0]) < 10
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["host"] == server.address.removeprefix("http://")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"headers": (("Authorization", HEADER),)}, "Authorization is for the operator to set"),
        ({"headers": (("hOsT", HEADER),)}, "hOsT is for the operator to set"),
        ({"headers": (("x-key", HEADER),)}, "x-key is set by the operator"),
        ({"headers": (("X-A", f"{HEADER}\r\nX: y"),)}, "the value of 'X-A' holds characters"),
        ({"parameters": (("query", PARAMETER),)}, "'query' is set by Prewarm"),
        ({"parameters": (("TIME", PARAMETER),)}, "'TIME' is set by Prewarm"),
        ({"auth_modes": ("bearer",)}, "authModes: bearer needs bearer_token_file of http://"),
        ({"auth_modes": ("tls", "basic")}, "basic needs basic_username and basic_password_file"),
        ({"server_address": "http://other:9090"}, "--allow-address http://other:9090 permits it"),
        ({"server_address": f"http://u:{PASSWORD}@other"}, "must not carry a user name"),
        ({"server_address": "http://169.254.169.254/latest"}, "never permitted"),
    ],
)
async def test_what_a_trigger_may_not_do_is_a_line_before_anything_is_sent(
    changes: dict[str, Any], words: str
) -> None:
    with FaultyServer(serving("1")) as server:
        destination = Destination(address=server.address, headers={"X-Key": HEADER})
        async with source_of(PrometheusSettings(default=destination)) as source:
            line = await refusal(source, with_metadata(**changes))
    assert words in line
    assert server.requests == []
    assert not any(secret in line for secret in SECRETS)


async def test_without_a_default_a_trigger_must_name_an_address() -> None:
    async with source_of(PrometheusSettings()) as source:
        assert "--prometheus-address" in await refusal(source, QUERY)


async def test_a_missing_token_is_named_and_not_sent_as_nothing(tmp_path: Path) -> None:
    with FaultyServer(serving("1")) as server:
        destination = Destination(address=server.address, bearer_token_file=f"{tmp_path}/token")
        async with source_of(PrometheusSettings(default=destination)) as source:
            with pytest.raises(HistoryUnavailable, match="token: No such file") as caught:
                await source.read_instant(QUERY, at=T0)
    assert caught.value.reason == "missing-file"
    assert server.requests == []


ECHO = f"you sent {TOKEN} {HEADER} {PARAMETER}"
MISHAPS: dict[str, Callable[..., None]] = {
    "hangs": hanging,
    "drops": dropping,
    "answers": serving("1"),
    "speaks no HTTP": saying(f"{ECHO}\r\n\r\n".encode()),
    "bad headers": saying(f"HTTP/1.1 200 OK\r\n{ECHO}\r\n\r\n".encode()),
    "echoes in an error": answering(failure("bad_data", ECHO), 400),
    "echoes in a body": answering(ECHO, 500),
    "echoes in labels": answering(success([{"metric": {"a": ECHO}}] * 2, "vector")),
    "redirects": redirecting(f"http://u:{TOKEN}@other/?q={PARAMETER}"),
}


@pytest.mark.parametrize("behave", MISHAPS.values(), ids=MISHAPS.keys())
async def test_no_secret_is_shown_whatever_happens(
    behave: Callable[..., None],
    token_file: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultyServer(behave) as server:
        settings = PrometheusSettings(
            default=Destination(address=server.address, bearer_token_file=str(token_file)),
            request_deadline_seconds=0.5,
            retries=1,
        )
        query = with_metadata(headers=(("X-Mine", HEADER),), parameters=(("mine", PARAMETER),))
        emitted = [repr(settings), repr(query), str(query)]
        async with source_of(settings) as source:
            emitted.append(repr(source))
            outcomes = await asyncio.gather(
                source.read_instant(query, at=T0),
                source.read_range(query, start_at=T0, end_at=T0 + 60),
                return_exceptions=True,
            )
        for outcome in outcomes:
            error = outcome if isinstance(outcome, BaseException) else None
            while error is not None:
                emitted += [str(error), repr(error), repr(error.args)]
                error = error.__cause__ or error.__context__
    emitted += [record.getMessage() + str(record.exc_text) for record in caplog.records]
    emitted += [str(record.__dict__) for record in caplog.records]
    emitted += list(capfd.readouterr())
    assert any(request.query.get("mine") == [PARAMETER] for request in server.requests)
    assert any(request.headers.get("x-mine") == HEADER for request in server.requests)
    for secret in SECRETS:
        assert not any(secret in text for text in emitted), secret


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def ca_file(authority: Authority, tmp_path: Path) -> str:
    path = tmp_path / "ca.crt"
    path.write_bytes(authority.certificate)
    return str(path)


def server_tls(
    authority: Authority, folder: Path, *, client_ca: str | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server").write(folder, "server"))
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


async def test_a_server_is_trusted_by_the_authority_that_is_configured(
    authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    with FaultyServer(serving("7"), tls=server_tls(authority, tmp_path)) as server:
        trusted = PrometheusSettings(default=Destination(address=server.address, ca_file=ca_file))
        async with source_of(trusted) as source:
            assert await source.read_instant(QUERY, at=T0) == 7
        for unverified, outcome in ((False, "certificate is refused"), (True, None)):
            destination = Destination(address=server.address, insecure_skip_verify=unverified)
            async with source_of(PrometheusSettings(default=destination, retries=0)) as source:
                if outcome is None:
                    assert await source.read_instant(QUERY, at=T0) == 7
                    continue
                with pytest.raises(HistoryUnavailable, match=outcome) as caught:
                    await source.read_instant(QUERY, at=T0)
                assert caught.value.reason == "refused"


async def test_another_authority_takes_effect_when_its_file_changes(
    authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    with FaultyServer(serving("7"), tls=server_tls(authority, tmp_path)) as server:
        destination = Destination(address=server.address, ca_file=ca_file)
        async with source_of(PrometheusSettings(default=destination, retries=0)) as source:
            assert await source.read_instant(QUERY, at=T0) == 7
            Path(ca_file).write_bytes(Authority("another").certificate)
            with pytest.raises(HistoryUnavailable, match="certificate is refused"):
                await source.read_instant(QUERY, at=T0)


async def test_the_scaler_shows_its_own_certificate(
    authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    certificate, key = authority.issue("prewarm").write(tmp_path, "client")
    tls = server_tls(authority, tmp_path, client_ca=ca_file)
    with FaultyServer(serving("7"), tls=tls) as server:
        with_certificate = Destination(
            address=server.address, ca_file=ca_file, cert_file=certificate, key_file=key
        )
        async with source_of(PrometheusSettings(default=with_certificate)) as source:
            assert await source.read_instant(with_metadata(auth_modes=("tls",)), at=T0) == 7
        without = Destination(address=server.address, ca_file=ca_file)
        async with source_of(PrometheusSettings(default=without, retries=0)) as source:
            with pytest.raises(HistoryUnavailable) as caught:
                await source.read_instant(QUERY, at=T0)
            assert caught.value.reason == "refused"


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
async def test_a_missing_tls_file_is_named(key: str, tmp_path: Path) -> None:
    files: dict[str, Any] = {key: str(tmp_path / "absent")}
    if key == "cert_file":
        files["key_file"] = str(tmp_path / "absent.key")
    destination = Destination(address="https://127.0.0.1:1", **files)
    async with source_of(PrometheusSettings(default=destination)) as source:
        with pytest.raises(HistoryUnavailable) as caught:
            await source.read_instant(QUERY, at=T0)
    assert caught.value.reason == "missing-file"


async def test_a_handshake_that_hangs_ends_at_the_deadline() -> None:
    with FaultyServer(hanging) as server:
        address = server.address.replace("http:", "https:")
        settings = PrometheusSettings(
            default=Destination(address=address), request_deadline_seconds=0.5, retries=0
        )
        async with source_of(settings) as source, asyncio.timeout(2):
            with pytest.raises(HistoryUnavailable) as caught:
                await source.read_instant(QUERY, at=T0)
    assert caught.value.reason == "timeout"
