import asyncio
import socket

import grpc
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from rig import LOOPBACK, Rig, StartRig
from scaler.pb import externalscaler_pb2 as pb
from scaler.server import SERVICE_NAME, ServerError
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
