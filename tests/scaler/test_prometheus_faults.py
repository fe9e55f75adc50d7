"""Every bad day of a server, over a real socket. The real Prometheus is in test_prometheus.py."""

import asyncio
import contextlib
import math
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from faulty_http import (
    Behaviour,
    FaultyServer,
    answering,
    bombing,
    dropping,
    failure,
    flooding,
    flooding_headers,
    hanging,
    head,
    in_turn,
    redirecting,
    saying,
    serving,
    success,
    trickling,
)
from scaler.adapters.prometheus import MAX_POINTS, PrometheusSource
from scaler.adapters.prometheus_settings import Destination, PrometheusSettings
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

T0 = 1_700_000_040.0
DEADLINE_SECONDS = 1.0
QUERY = DemandQuery(query="sum(rate(requests_total[2m]))", step_seconds=60)


def settings(address: str, **changes: Any) -> PrometheusSettings:
    bounds: dict[str, Any] = {
        "default": Destination(address=address),
        "request_deadline_seconds": DEADLINE_SECONDS,
        "max_response_bytes": 200_000,
        "retries": 0,
    }
    return PrometheusSettings(**(bounds | changes))


@asynccontextmanager
async def reading(
    behave: Behaviour, callbacks: dict[str, Callable[..., None]] | None = None, **changes: Any
) -> AsyncIterator[tuple[PrometheusSource, FaultyServer]]:
    with FaultyServer(behave) as server:
        source = PrometheusSource(settings(server.address, **changes), **(callbacks or {}))
        try:
            yield source, server
        finally:
            await source.close()


async def failure_of(source: PrometheusSource, query: DemandQuery = QUERY) -> HistoryUnavailable:
    with pytest.raises(HistoryUnavailable) as caught:
        await source.read_instant(query, at=T0)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def trickling_then_silent(connection: Any, request: Any) -> None:
    connection.send(head(length=1_000))
    for _ in range(16):
        connection.send(b"a")
        connection.wait(0.05)
    hanging(connection, request)


SLOW: dict[str, Behaviour] = {
    "trickles and then hangs": trickling_then_silent,
    "hangs": hanging,
    "trickles headers": trickling("headers"),
    "trickles a body": trickling("body"),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW.keys())
async def test_a_server_that_takes_for_ever_is_left_at_the_deadline(behave: Behaviour) -> None:
    async with reading(behave) as (source, _):
        began_at = time.monotonic()
        error = await failure_of(source)
        assert time.monotonic() - began_at < DEADLINE_SECONDS + 0.5
        assert error.reason == "timeout"
        assert "no answer within the deadline" in str(error)


async def test_retries_do_not_lengthen_the_deadline() -> None:
    async with reading(answering("busy", 503), retries=50) as (source, server):
        began_at = time.monotonic()
        error = await failure_of(source)
        assert time.monotonic() - began_at < DEADLINE_SECONDS + 0.5
        assert len(server.requests) > 1
    assert error.reason == "http-status"
    assert "HTTP 503" in str(error)


TOO_LARGE: dict[str, Behaviour] = {
    "an answer without end": flooding,
    "headers without end": flooding_headers,
    "a small answer that unpacks to a large one": bombing(megabytes=50),
    "an announced large answer": answering(b"[" * 300_000),
    "a failure of any length": answering(b"x" * 300_000, 500),
}


@pytest.mark.parametrize("behave", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_an_answer_is_bounded_in_size(behave: Behaviour) -> None:
    async with reading(behave, request_deadline_seconds=10.0) as (source, _):
        error = await failure_of(source)
    assert error.reason == "too-large"
    assert "max_response_bytes" in str(error)


GARBAGE: dict[str, Behaviour] = {
    "no HTTP": saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "no JSON": answering("<html>login</html>"),
    "binary": answering(bytes(range(256)) * 500),
    "no object": answering("[]"),
    "null": answering("null"),
    "an error with 200": answering(failure("internal", "what")),
    "no result": answering('{"status": "success", "data": {}}'),
    "null data": answering('{"status": "success", "data": null}'),
    "no list": answering(success("x", "vector")),
    "no series": answering(success([1, 2], "vector")),
    "no sample": answering(success([{"metric": {}}], "vector")),
    "no number": answering(success([{"metric": {}, "value": [1, "many"]}], "vector")),
    "half a sample": answering(success([{"metric": {}, "value": [1]}], "vector")),
    "null for a sample": answering(success([{"metric": {}, "value": None}], "vector")),
    "a number in place of a sample": answering(success(7, "scalar")),
    "nested": answering("[" * 100_000),
    "a number of many digits": answering(f'{{"status": "success", "data": {"9" * 10_000}}}'),
    "an unknown encoding": answering("x", Content_Encoding="br"),
    "no gzip": answering("x", Content_Encoding="gzip"),
}


async def test_an_answer_that_unpacks_to_a_large_one_takes_no_memory() -> None:
    async with reading(bombing(megabytes=50)) as (source, _):
        tracemalloc.start()
        try:
            await failure_of(source)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 5_000_000


@pytest.mark.parametrize("behave", GARBAGE.values(), ids=GARBAGE.keys())
async def test_an_answer_that_makes_no_sense_is_a_bad_answer(behave: Behaviour) -> None:
    async with reading(behave) as (source, server):
        error = await failure_of(source)
        assert (error.reason, str(error).startswith(f"{server.address}: ")) == ("bad-answer", True)
        with pytest.raises(HistoryUnavailable):
            await source.read_range(QUERY, start_at=T0, end_at=T0 + 600)


@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        (500, "", "http-status", "HTTP 500"),
        (404, "<html>", "http-status", "HTTP 404: no Prometheus API below this address"),
        (401, "", "http-status", "HTTP 401: check the credentials"),
        (403, "", "http-status", "HTTP 403: check the credentials"),
        (400, failure("bad_data", 'unknown function "rat"'), "query", 'unknown function "rat"'),
        (422, failure("execution", "many-to-many"), "query", "many-to-many"),
        (503, failure("timeout", "query timed out"), "timeout", "the server gave the query up"),
        (418, "tea", "http-status", "HTTP 418"),
    ],
)
async def test_each_status_is_told_with_what_it_means(
    status: int, body: str, reason: str, words: str
) -> None:
    async with reading(answering(body, status)) as (source, _):
        error = await failure_of(source)
    assert error.reason == reason
    assert words in str(error)


async def test_the_words_of_a_server_are_bounded_and_printable() -> None:
    words = "x\x1b[31m\n" * 10_000
    async with reading(answering(failure("bad_data", words), 400)) as (source, _):
        error = await failure_of(source)
    assert len(str(error)) < 500
    assert str(error).isprintable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    with FaultyServer(serving("1")) as elsewhere:
        async with reading(redirecting(f"{elsewhere.address}/x?q=1", status)) as (source, _):
            error = await failure_of(source)
            assert f"redirects to {elsewhere.address};" in str(error)
        assert elsewhere.requests == []
    assert error.reason == "http-status"


async def test_several_series_are_an_error_that_says_to_aggregate() -> None:
    series = [
        {"metric": {"pod": pod, "model": "x" * 500}, "value": [T0, "1"], "values": [[T0, "1"]]}
        for pod in "abc"
    ]
    async with reading(answering(success(series, "vector"))) as (source, _):
        error = await failure_of(source)
        assert error.reason == "several-series"
        assert "3 series" in str(error)
        assert "sum(...)" in str(error)
        assert len(str(error)) < 500
        with pytest.raises(HistoryUnavailable) as caught:
            await source.read_range(QUERY, start_at=T0, end_at=T0)
        assert caught.value.reason == "several-series"


async def test_a_series_that_changes_its_labels_between_chunks_is_several() -> None:
    def one(pod: str) -> Behaviour:
        return answering(success([{"metric": {"pod": pod}, "values": []}]))

    async with reading(in_turn(one("a"), one("b"))) as (source, _):
        with pytest.raises(HistoryUnavailable, match=r'\{pod="a"\} and \{pod="b"\}'):
            await source.read_range(QUERY, start_at=T0, end_at=T0 + 60 * MAX_POINTS)


async def test_samples_that_are_no_demand_are_not_observed_and_told() -> None:
    rejected: list[tuple[str, int]] = []

    def note(_: DemandQuery, reason: str, count: int) -> None:
        rejected.append((reason, count))

    behave = serving("1", "NaN", "+Inf", "-Inf", "-2", "-1e-12")
    async with reading(behave, {"on_rejected": note}) as (source, _):
        series = await source.read_range(QUERY, start_at=T0, end_at=T0 + 5 * 60)
    assert np.isnan(series.values).tolist() == [False, True, True, True, True, False]
    assert series.values[[0, 5]].tolist() == [1, 0]
    assert sorted(rejected) == [("negative", 1), ("not-finite", 3)]


@pytest.mark.parametrize("text", ["NaN", "Inf", "-1"])
async def test_an_instant_that_is_no_demand_is_not_observed(text: str) -> None:
    async with reading(serving(text)) as (source, _):
        assert math.isnan(await source.read_instant(QUERY, at=T0))


async def test_nothing_is_not_zero() -> None:
    async with reading(answering(success([], "vector"))) as (source, _):
        assert math.isnan(await source.read_instant(QUERY, at=T0))
        series = await source.read_range(QUERY, start_at=T0, end_at=T0 + 600)
    assert len(series) == 11
    assert np.isnan(series.values).all()


async def test_a_scalar_is_an_answer() -> None:
    async with reading(answering(success([T0, "42"], "scalar"))) as (source, _):
        assert await source.read_instant(QUERY, at=T0) == 42


async def test_points_that_come_twice_count_once_and_those_outside_not_at_all() -> None:
    values = [[T0 - 60, "9"], [T0, "1"], [T0, "2"], [T0 + 60, "3"], [T0 + 120, "9"]]
    async with reading(answering(success([{"metric": {}, "values": values}]))) as (source, _):
        series = await source.read_range(QUERY, start_at=T0, end_at=T0 + 60)
    assert series.values.tolist() == [2, 3]


async def test_points_between_the_grid_are_a_bad_answer() -> None:
    values = [[T0 + 17, "1"]]
    async with reading(answering(success([{"metric": {}, "values": values}]))) as (source, _):
        with pytest.raises(HistoryUnavailable, match="between the points") as caught:
            await source.read_range(QUERY, start_at=T0, end_at=T0 + 60)
    assert caught.value.reason == "bad-answer"


async def test_a_month_is_read_in_chunks_whose_edges_do_not_meet() -> None:
    async with reading(serving("1"), max_response_bytes=5_000_000) as (source, server):
        n_points = 28 * 1440
        series = await source.read_range(QUERY, start_at=T0, end_at=T0 + (n_points - 1) * 60)
    assert len(series) == n_points
    assert not np.isnan(series.values).any()
    edges = [(request.number("start"), request.number("end")) for request in server.requests]
    assert len(edges) == 4
    assert all((end - start) / 60 + 1 <= 11_000 for start, end in edges)
    assert all(after[0] == before[1] + 60 for before, after in pairwise(edges))


async def test_a_failing_server_is_asked_again() -> None:
    behave = in_turn(answering("", 503), dropping, serving("7"))
    async with reading(behave, retries=2, request_deadline_seconds=5.0) as (source, server):
        assert await source.read_instant(QUERY, at=T0) == 7
    assert len(server.requests) == 3


async def test_a_query_that_is_wrong_is_not_asked_again() -> None:
    async with reading(answering(failure("bad_data", "no"), 400), retries=5) as (source, server):
        await failure_of(source)
    assert len(server.requests) == 1


async def test_a_query_that_the_server_gave_up_is_not_asked_again_and_named() -> None:
    expensive: list[tuple[str, float, float]] = []

    def note(query: DemandQuery, seconds: float, samples: float) -> None:
        expensive.append((query.query, seconds, samples))

    gave_up = answering(failure("timeout", "query timed out in expression evaluation"), 503)
    async with reading(gave_up, {"on_expensive": note}, retries=5) as (source, server):
        await failure_of(source)
    assert len(server.requests) == 1
    assert expensive[0][0] == QUERY.query
    assert math.isnan(expensive[0][2])


async def test_a_query_that_reads_many_samples_is_named_with_their_number() -> None:
    expensive: list[float] = []
    callbacks: dict[str, Callable[..., None]] = {
        "on_expensive": lambda _query, _seconds, samples: expensive.append(samples)
    }
    async with reading(serving("1", samples=30_000_000), callbacks) as (source, _):
        assert await source.read_instant(QUERY, at=T0) == 1
    assert expensive == [30_000_000]


async def test_a_slow_query_is_named() -> None:
    expensive: list[float] = []

    def slow(connection: Any, request: Any) -> None:
        connection.wait(0.2)
        serving("1")(connection, request)

    callbacks: dict[str, Callable[..., None]] = {
        "on_expensive": lambda _query, seconds, _samples: expensive.append(seconds)
    }
    async with reading(slow, callbacks, expensive_seconds=0.1) as (source, _):
        assert await source.read_instant(QUERY, at=T0) == 1
    assert 0.2 <= expensive[0] < 2


async def test_a_cheap_query_is_not_named() -> None:
    expensive: list[float] = []
    callbacks: dict[str, Callable[..., None]] = {
        "on_expensive": lambda _query, _seconds, samples: expensive.append(samples)
    }
    async with reading(serving("1", samples=10), callbacks) as (source, _):
        await source.read_instant(QUERY, at=T0)
    assert expensive == []


def refused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_thousand_targets_on_a_dead_server_fail_at_once() -> None:
    source = PrometheusSource(settings(refused_address(), retries=2))
    began_at = time.monotonic()
    outcomes = await asyncio.gather(
        *(source.read_instant(QUERY, at=T0) for _ in range(1_000)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {HistoryUnavailable}
    assert time.monotonic() - began_at < 5
    error = await failure_of(source)
    assert error.reason == "refused"
    assert "connection refused (asked again in" in str(error)
    await source.close()


async def test_a_server_that_hangs_holds_up_no_other() -> None:
    with FaultyServer(hanging) as dead, FaultyServer(serving("7")) as alive:
        source = PrometheusSource(settings(dead.address, allow_addresses=(alive.address,)))
        hung = [asyncio.ensure_future(source.read_instant(QUERY, at=T0)) for _ in range(100)]
        await asyncio.sleep(0)
        query = DemandQuery(query="up", step_seconds=60, server_address=alive.address)
        began_at = time.monotonic()
        assert await source.read_instant(query, at=T0) == 7
        assert time.monotonic() - began_at < DEADLINE_SECONDS / 2
        outcomes = await asyncio.gather(*hung, return_exceptions=True)
        assert {getattr(outcome, "reason", "") for outcome in outcomes} == {"timeout"}
        assert time.monotonic() - began_at < 2 * DEADLINE_SECONDS
        assert len(dead.requests) <= 16
        await source.close()


async def test_a_server_that_is_back_is_found_again() -> None:
    async with reading(hanging, request_deadline_seconds=0.2) as (source, server):
        assert (await failure_of(source)).reason == "timeout"
        assert "asked again in" in str(await failure_of(source))
        server.behave = serving("7")
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await source.read_instant(QUERY, at=T0) == 7
                    break
                except HistoryUnavailable:
                    await asyncio.sleep(0.05)


async def test_closing_ends_requests_under_way() -> None:
    async with reading(hanging, request_deadline_seconds=60.0) as (source, server):
        hung = asyncio.ensure_future(source.read_instant(QUERY, at=T0))
        while not server.requests:
            await asyncio.sleep(0.01)
        began_at = time.monotonic()
        await source.close()
        with pytest.raises(HistoryUnavailable):
            await hung
        assert time.monotonic() - began_at < 2
        assert (await failure_of(source)).reason == "refused"


async def test_a_cancelled_read_gives_its_turn_back() -> None:
    async with reading(hanging, requests_at_once=1, request_deadline_seconds=0.5) as (
        source,
        server,
    ):
        hung = asyncio.ensure_future(source.read_instant(QUERY, at=T0))
        while not server.requests:
            await asyncio.sleep(0.01)
        server.behave = serving("7")
        hung.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hung
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await source.read_instant(QUERY, at=T0) == 7
                    break
                except HistoryUnavailable:
                    await asyncio.sleep(0.05)


async def test_other_servers_are_bounded_and_the_one_unused_longest_goes() -> None:
    with FaultyServer(serving("1")) as first, FaultyServer(serving("2")) as second:
        source = PrometheusSource(
            PrometheusSettings(allow_addresses=(first.address, second.address), max_other_servers=1)
        )
        for server, value in ((first, 1), (second, 2), (first, 1)):
            query = DemandQuery(query="up", step_seconds=60, server_address=server.address)
            assert await source.read_instant(query, at=T0) == value
        await source.close()


async def test_a_name_that_resolves_to_a_refused_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultyServer(serving("7")) as server:

        def resolve(host: str, port: int, **_: Any) -> list[Any]:
            assert host == "prometheus.monitoring.svc"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        address = f"http://prometheus.monitoring.svc:{server.port}"
        query = DemandQuery(query="up", step_seconds=60, server_address=address)
        wildcard = f"http://*.monitoring.svc:{server.port}"
        source = PrometheusSource(PrometheusSettings(allow_addresses=(wildcard,)))
        error = await failure_of(source, query)
        assert error.reason == "not-permitted"
        assert "resolves to 127.0.0.1, which is a loopback address" in str(error)
        assert server.requests == []
        await source.close()

        exact = PrometheusSource(PrometheusSettings(allow_addresses=(address,)))
        assert await exact.read_instant(query, at=T0) == 7
        await exact.close()


async def test_one_bad_address_among_good_ones_spoils_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(_: str, port: int, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.1", port)), (*kind, ("169.254.169.254", port))]

    with FaultyServer(serving("7")) as server:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        source = PrometheusSource(settings(f"http://prometheus.svc:{server.port}"))
        error = await failure_of(source)
        assert error.reason == "not-permitted"
        assert "169.254.169.254" in str(error)
        assert server.requests == []
        await source.close()


async def test_a_name_whose_look_up_hangs_is_left_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        answered.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    source = PrometheusSource(settings("http://prometheus.svc", request_deadline_seconds=0.2))
    began_at = time.monotonic()
    try:
        error = await failure_of(source)
    finally:
        answered.set()
    assert time.monotonic() - began_at < 2
    assert error.reason == "timeout"
    assert "name's look-up" in str(error)
    await source.close()


async def test_reads_at_the_front_of_the_queue_complete_before_others_begin() -> None:
    async with reading(
        serving("1"), requests_at_once=1, max_response_bytes=5_000_000, request_deadline_seconds=9.0
    ) as (source, server):
        await asyncio.gather(
            *(
                source.read_range(
                    DemandQuery(query=name, step_seconds=60),
                    start_at=T0,
                    end_at=T0 + 60 * (2 * MAX_POINTS - 1),
                )
                for name in "abc"
            )
        )
    assert [request.query["query"][0] for request in server.requests] == list("aabbcc")


async def test_a_query_that_times_out_does_not_cut_off_the_others() -> None:
    def behave(connection: Any, request: Any) -> None:
        chosen = hanging if request.query["query"] == ["slow"] else serving("1")
        chosen(connection, request)

    async with reading(behave) as (source, _):
        slow = asyncio.ensure_future(
            source.read_instant(DemandQuery(query="slow", step_seconds=60), at=T0)
        )
        while not slow.done():
            assert await source.read_instant(QUERY, at=T0) == 1
            await asyncio.sleep(0.05)
        with pytest.raises(HistoryUnavailable, match="no answer within the deadline"):
            await slow
        assert await source.read_instant(QUERY, at=T0) == 1


async def test_an_unknown_host_is_named() -> None:
    source = PrometheusSource(settings("http://prometheus.invalid:9090"))
    error = await failure_of(source)
    assert (error.reason, str(error)) == (
        "refused",
        "http://prometheus.invalid:9090: unknown host",
    )
    await source.close()


async def test_a_head_of_an_answer_without_its_body_is_refused() -> None:
    async with reading(saying(head(length=1_000) + b"{")) as (source, _):
        error = await failure_of(source)
    assert (error.reason, "closed the connection" in str(error)) == ("refused", True)


HEAVY, CHEAP = "heavy", "cheap"


def heavy_or_cheap(connection: Any, request: Any) -> None:
    """A server on which one query never comes to an end, and every other at once."""
    chosen = hanging if request.query["query"] == [HEAVY] else serving("1")
    chosen(connection, request)


def owned(owner: str, query: str = CHEAP, **changes: Any) -> DemandQuery:
    return DemandQuery(query=query, step_seconds=60, owner=owner, **changes)


async def test_a_hundred_heavy_queries_of_one_namespace_do_not_hold_up_another() -> None:
    async with reading(heavy_or_cheap, request_deadline_seconds=30.0) as (source, server):
        hung = [
            asyncio.ensure_future(source.read_instant(owned("a", HEAVY), at=T0)) for _ in range(100)
        ]
        while len(server.requests) < 4:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            for _ in range(20):
                assert await source.read_instant(owned("b"), at=T0) == 1
        assert sum(request.query["query"] == [HEAVY] for request in server.requests) == 4
        for read in hung:
            read.cancel()
        await asyncio.gather(*hung, return_exceptions=True)


async def test_waiting_for_a_turn_is_not_the_servers_timeout() -> None:
    bounds = {"request_deadline_seconds": 30.0, "turn_wait_seconds": 0.2, "requests_at_once": 2}
    async with reading(heavy_or_cheap, **bounds) as (source, server):
        hung = asyncio.ensure_future(source.read_instant(owned("a", HEAVY), at=T0))
        while not server.requests:
            await asyncio.sleep(0.01)
        error = await failure_of(source, owned("a"))
        assert error.reason == "busy"
        assert str(error).startswith(f"{server.address}: no turn within 0.2 s; 1 reads wait (1 of")
        assert await source.read_instant(owned("b"), at=T0) == 1  # the breaker is closed
        hung.cancel()
        await asyncio.gather(hung, return_exceptions=True)


def threads() -> int:
    return sum(thread.name.startswith("prometheus") for thread in threading.enumerate())


async def test_many_paths_below_one_server_have_its_turns_and_threads_once() -> None:
    before = threads()
    with FaultyServer(hanging) as server, FaultyServer(serving("7")) as other:
        source = PrometheusSource(
            PrometheusSettings(
                allow_addresses=(server.address, other.address),
                request_deadline_seconds=30.0,
                max_other_servers=4,
            )
        )
        paths = [f"{server.address}/p{number}" for number in range(64)]
        hung = [
            asyncio.ensure_future(source.read_instant(owned("a", server_address=path), at=T0))
            for path in paths
        ]
        while len(server.requests) < 4:
            await asyncio.sleep(0.01)
        assert await source.read_instant(owned("a", server_address=other.address), at=T0) == 7
        assert await source.read_instant(owned("b", server_address=other.address), at=T0) == 7
        assert threads() - before <= 4 + 2
        assert len(server.requests) == 4
        await source.close()
        for read in hung:
            read.cancel()
        await asyncio.gather(*hung, return_exceptions=True)


async def test_a_server_that_is_down_is_down_for_all_paths_and_tells_none_of_them() -> None:
    address = refused_address()
    source = PrometheusSource(PrometheusSettings(allow_addresses=(address,), retries=0))
    for path in ("team-a", "team-b"):
        error = await failure_of(source, owned("a", server_address=f"{address}/{path}"))
        assert str(error).startswith(f"{address}: connection refused")
    assert "asked again in" in str(error)
    await source.close()


async def test_paths_below_one_server_share_its_connections() -> None:
    connections = set[int]()

    def behave(connection: Any, request: Any) -> None:
        connections.add(id(connection.closing))
        serving("1")(connection, request)

    with FaultyServer(behave) as server:
        source = PrometheusSource(PrometheusSettings(allow_addresses=(server.address,)))
        for number in range(3):
            query = owned("a", server_address=f"{server.address}/p{number}")
            assert await source.read_instant(query, at=T0) == 1
        await source.close()
    assert [request.path for request in server.requests] == [
        f"/p{number}/api/v1/query" for number in range(3)
    ]
    assert len(connections) == 1


async def test_a_connection_that_no_wildcard_permits_serves_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultyServer(serving("7")) as server:

        def resolve(_: str, port: int, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        address = f"http://prometheus.monitoring.svc:{server.port}"
        allowed = (f"{address}/exact", f"http://*.monitoring.svc:{server.port}")
        source = PrometheusSource(PrometheusSettings(allow_addresses=allowed))
        assert await source.read_instant(owned("a", server_address=f"{address}/exact"), at=T0) == 7
        error = await failure_of(source, owned("a", server_address=f"{address}/other"))
        assert error.reason == "not-permitted"
        await source.close()
    assert len(server.requests) == 1


async def test_a_namespace_that_opens_many_servers_leaves_room_for_its_neighbours() -> None:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(FaultyServer(hanging)) for _ in range(4)]
        source = PrometheusSource(
            PrometheusSettings(
                allow_addresses=tuple(server.address for server in servers),
                request_deadline_seconds=30.0,
                max_other_servers=4,
            )
        )

        def read(owner: str, number: int) -> asyncio.Task[float]:
            query = owned(owner, server_address=servers[number].address)
            return asyncio.create_task(source.read_instant(query, at=T0))

        hung = [read("a", 0), read("a", 1)]
        await asyncio.sleep(0)
        error = await failure_of(source, owned("a", server_address=servers[2].address))
        assert error.reason == "busy"
        assert "2 other servers are open, 2 of them for the same namespace" in str(error)

        servers[3].behave = serving("7")
        assert await read("b", 3) == 7
        await source.close()
        await asyncio.gather(*hung, return_exceptions=True)


async def test_when_servers_are_too_many_an_idle_one_of_whom_has_most_is_closed() -> None:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(FaultyServer(serving(str(n)))) for n in range(4)]
        addresses = [server.address for server in servers]
        source = PrometheusSource(
            PrometheusSettings(allow_addresses=tuple(addresses), max_other_servers=3)
        )

        async def read(owner: str, number: int) -> None:
            query = owned(owner, server_address=addresses[number])
            assert await source.read_instant(query, at=T0) == number

        await read("b", 0)
        before = threads()
        await read("a", 1)
        for _ in range(5):
            await read("a", 2)  # in the place of 1, then kept
            await read("b", 0)  # is still open: it never moved
        assert await settled_at(threads, before + 1)
        await source.close()


async def settled_at(count: Callable[[], int], expected: int) -> bool:
    """Wait until `count` is what is expected: threads that are let go end in their own time."""
    async with asyncio.timeout(5):
        while count() != expected:
            await asyncio.sleep(0.01)
    return True
