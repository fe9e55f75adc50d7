import asyncio
import socket
from contextlib import AsyncExitStack

import grpc
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from rig import LOOPBACK, Rig, StartRig
from scaler.pb import externalscaler_pb2 as pb
from scaler.server import OPTIONS, SERVICE_NAME, ServerError
from scaler.settings import ServerSettings
from webclient import get


async def health_of(rig: Rig, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(rig.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


async def test_reflection_lists_the_service(rig: Rig) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(rig.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([request])):
        names = [service.name for service in answer.list_services_response.service]
        assert "externalscaler.ExternalScaler" in names
        assert "grpc.health.v1.Health" in names


async def test_health_and_readiness_follow_the_ticks_together(rig: Rig) -> None:
    await rig.tick()
    url = f"http://127.0.0.1:{rig.service.http_port}/readyz"
    await _eventually(rig, health_pb2.HealthCheckResponse.SERVING)
    assert (await get(url)).status == 200
    rig.clock.advance(120)
    assert requests.get(url, timeout=5).status_code == 503, "this very call blocks the loop"
    await rig.tick()
    assert (await get(url)).status == 200
    assert (await get(url.replace("readyz", "healthz"))).status == 200


async def _eventually(rig: Rig, status: int) -> None:
    async with asyncio.timeout(5):
        while await health_of(rig, SERVICE_NAME) != status:
            await asyncio.sleep(0.02)


async def test_a_dead_source_does_not_make_the_scaler_unready(rig: Rig) -> None:
    rig.source.fail()
    await rig.observe(rig.ref())
    await rig.tick(30)
    url = f"http://127.0.0.1:{rig.service.http_port}/readyz"
    assert (await get(url)).status == 200


async def test_metrics_name_what_a_target_does(rig: Rig) -> None:
    await rig.observe(rig.ref(warmFloor="1"))
    rig.source.fail("timeout")
    await rig.tick(2)
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    [target] = list(rig.service.board)
    labels = f'namespace="prod",name="llm",trigger="{target.key.digest}"'.split(",")
    for name, more, value in [
        ("prewarm_observed_demand", "", "42.0"),
        ("prewarm_forecast_demand", 'method="window-maximum"', "42.0"),
        ("prewarm_forecast_horizon_seconds", "", "405.0"),  # lead time, step and tick
        ("prewarm_replicas", "", "5.0"),
        ("prewarm_replicas_after_rule", 'rule="warm_floor"', "5.0"),
        ("prewarm_replicas_by_mode", 'mode="observe"', "5.0"),
        ("prewarm_target_evidence", 'evidence="fresh"', "1.0"),
        ("prewarm_target_evidence", 'evidence="stale"', "0.0"),
        ("prewarm_source_errors_total", 'reason="timeout"', "2.0"),
    ]:
        [line] = [
            line
            for line in page.splitlines()
            if line.startswith(name + "{") and all(part in line for part in [*labels, more])
        ]
        assert line.endswith(" " + value), line
    for name in ("prewarm_forecast_age_seconds", "prewarm_tick_duration_seconds_count"):
        assert name in page
    assert 'prewarm_rpc_total{code="OK",method="GetMetrics"}' in page


async def test_unknown_paths_are_404(rig: Rig) -> None:
    assert (await get(f"http://127.0.0.1:{rig.service.http_port}/etc/passwd")).status == 404


async def test_a_huge_request_is_refused_and_the_server_lives(rig: Rig) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.stub.GetMetricSpec(rig.ref(query="x" * 300_000))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await rig.observe(rig.ref()) == 5


async def test_a_port_in_use_is_an_error_that_names_the_flag(start_rig: StartRig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for settings, flag in [
            (ServerSettings(grpc_address=address, http_address="127.0.0.1:0"), "--grpc-address"),
            (ServerSettings(grpc_address="127.0.0.1:0", http_address=address), "--http-address"),
        ]:
            with pytest.raises(ServerError, match=flag):
                async with start_rig(server_settings=settings):
                    pass
    assert LOOPBACK.tls is None


async def test_a_call_under_way_is_finished_at_the_end(start_rig: StartRig) -> None:
    async with start_rig() as rig:
        calls = [rig.stub.GetMetricSpec(rig.ref()) for _ in range(50)]
        answers = await asyncio.gather(*calls)
    assert all(isinstance(answer, pb.GetMetricSpecResponse) for answer in answers)


async def test_health_turns_before_the_end_and_readiness_with_it(start_rig: StartRig) -> None:
    async with AsyncExitStack() as channels:
        async with start_rig() as rig:
            await rig.tick()
            address = f"127.0.0.1:{rig.service.grpc_port}"
            channel = await channels.enter_async_context(grpc.aio.insecure_channel(address))
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(service=SERVICE_NAME)
            )
            while (await watch.read()).status != health_pb2.HealthCheckResponse.SERVING:
                pass
        last = await watch.read()
    assert last.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_loop_that_ends_by_an_error_is_no_longer_alive(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("told to fail")

    monkeypatch.setattr(rig.service.board, "drop_forgotten", fail)
    await rig.clock.wait_for_sleepers()
    rig.clock.advance(15)
    async with asyncio.timeout(5):
        await rig.service.failed.wait()
    page = await get(f"http://127.0.0.1:{rig.service.http_port}/healthz")
    assert page.status == 503
    assert "a loop of the scaler ended" in caplog.text


async def test_http_listens_on_an_ipv6_address_too(start_rig: StartRig) -> None:
    settings = ServerSettings(grpc_address="127.0.0.1:0", http_address="[::1]:0")
    async with start_rig(server_settings=settings) as rig:
        assert (await get(f"http://[::1]:{rig.service.http_port}/healthz")).status == 200


def test_a_connection_that_went_silent_is_noticed() -> None:
    options = dict(OPTIONS)
    assert options["grpc.keepalive_time_ms"] <= 60_000
    assert options["grpc.keepalive_permit_without_calls"] == 1


@pytest.mark.parametrize(
    "metadata",
    [{f"key{i}": "1" for i in range(65)}, {"query": "x" * 33_000, "threshold": "1"}],
)
async def test_metadata_beyond_all_reason_is_refused_and_takes_no_room(
    rig: Rig, metadata: dict[str, str]
) -> None:
    ref = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata=metadata)
    assert len((await rig.stub.GetMetricSpec(ref)).metricSpecs) == 1
    with pytest.raises(grpc.aio.AioRpcError, match="metadata: allowed are") as caught:
        await rig.stub.IsActive(ref)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(rig.service.board) == 0


async def test_errors_nobody_expected_are_not_counted_as_fine(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("told to fail")

    monkeypatch.setattr(rig.service.board, "find", fail)
    assert len((await rig.stub.GetMetricSpec(rig.ref())).metricSpecs) == 1, "never fails"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.stub.IsActive(rig.ref())
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    assert 'prewarm_rpc_total{code="UNKNOWN",method="IsActive"} 1.0' in page


async def test_forbidden_and_withheld_targets_are_shown_as_what_they_are(rig: Rig) -> None:
    rig.source.fail("not-permitted", "serverAddress: no")
    with pytest.raises(grpc.aio.AioRpcError):
        await rig.value(rig.ref())
    page = (await get(f"http://127.0.0.1:{rig.service.http_port}/metrics")).text
    [line] = [row for row in page.splitlines() if 'evidence="invalid"' in row]
    assert line.endswith(" 1.0")
    assert "prewarm_replicas{" not in page
