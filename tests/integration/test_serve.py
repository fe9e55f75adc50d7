"""The command as a user starts it: flags, signals, log and replay."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np

from forecasting.series import Series
from prometheus_server import PrometheusServer, Samples, newest
from rig import MONDAY_AT
from rises import steepest_rise
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from serve_process import ServeProcess, serving
from webclient import get

NINE_AT = MONDAY_AT + 21 * 86_400.0 + 9 * 3_600.0


def three_weeks() -> Series:
    """Demand of 10, and of 95 for an hour from nine o'clock each day."""
    times = np.arange(NINE_AT - 21 * 86_400.0, NINE_AT + 3_600.0, 60.0)
    is_peak = ((times - NINE_AT) % 86_400.0) < 3_600.0
    return Series(start_at=times[0], step_seconds=60.0, values=np.where(is_peak, 95.0, 10.0))


def ref(query: str) -> pb.ScaledObjectRef:
    metadata = {"query": query, "threshold": "10", "leadTimeSeconds": "600", "warmFloor": "1"}
    return pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata=metadata)


async def wait_for(served: ServeProcess, query: str, replicas: int) -> None:
    request = pb.GetMetricsRequest(scaledObjectRef=ref(query), metricName="prewarm-replicas")
    async with grpc.aio.insecure_channel(served.grpc_address) as channel:
        stub = pb_grpc.ExternalScalerStub(channel)
        async with asyncio.timeout(60):
            while True:
                [value] = (await stub.GetMetrics(request)).metricValues
                if value.metricValue >= replicas:
                    return
                await asyncio.sleep(0.05)


def demand_of(page: str) -> float:
    [line] = [row for row in page.splitlines() if row.startswith("prewarm_observed_demand{")]
    return float(line.rpartition(" ")[2])


async def test_serve_replays_a_prometheus_history_and_rises_before_the_peak(
    tmp_path: Path,
) -> None:
    samples = [Samples.gauge("demand", three_weeks())]
    with PrometheusServer(newest(), tmp_path, samples) as prometheus:
        async with serving(
            "--prometheus-address", prometheus.address,
            "--replay-from", "2026-01-26T08:40Z", "--replay-speed", "60",
        ) as served:  # fmt: skip
            await wait_for(served, "demand", 10)
            page = (await get(f"http://{served.http_address}/metrics")).text
            assert demand_of(page) == 10.0, "the peak itself is not there yet"
            assert (await get(f"http://{served.http_address}/readyz")).status == 200
            assert await served.terminate() == 0
    events = [event["event"] for event in served.events]
    assert "replicas changed" in events
    assert events[-1] == "stopping"


async def test_serve_reads_a_file_that_ends_now(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    rows = [f"{int(at)},42" for at in np.arange(MONDAY_AT, MONDAY_AT + 2 * 86_400, 60)]
    path.write_text("\n".join(["timestamp,requests", *rows]) + "\n")
    flags = ("--source", "file", "--file", str(path), "--file-ends-at", "now")
    async with serving(*flags) as served:
        await wait_for(served, "requests", 5)
        assert await served.terminate() == 0


async def test_an_address_that_is_not_permitted_is_never_connected_to() -> None:
    calls: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(await reader.read(10))
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, serving("--prometheus-address", "http://127.0.0.1:9") as served:
        metadata = {"query": "up", "threshold": "1", "serverAddress": address}
        target = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata=metadata)
        request = pb.GetMetricsRequest(scaledObjectRef=target, metricName="prewarm-replicas")
        async with grpc.aio.insecure_channel(served.grpc_address) as channel:
            stub = pb_grpc.ExternalScalerStub(channel)
            details = ""
            async with asyncio.timeout(30):
                while "--allow-address" not in details:
                    try:
                        await stub.GetMetrics(request)
                    except grpc.aio.AioRpcError as exc:
                        details = f"{exc.code().name} {exc.details()}"
                    await asyncio.sleep(0.05)
        assert details.startswith("INVALID_ARGUMENT serverAddress")
        assert await served.terminate() == 0
    assert calls == []


REPLAY_SPEED = 240.0
LEAD_TIME_SECONDS = 600.0


async def test_serve_meets_the_rise_of_a_real_trace_a_lead_time_ahead(tmp_path: Path) -> None:
    """The command, a real Prometheus and a real trace, two hours in half a minute."""
    rise = steepest_rise()
    begins_at = datetime.fromtimestamp(rise.begins_at - 45 * 60, UTC).isoformat()
    metadata = {
        "query": "demand", "threshold": repr(rise.threshold), "warmFloor": "6",
        "leadTimeSeconds": f"{LEAD_TIME_SECONDS:g}",
    }  # fmt: skip
    target = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata=metadata)
    request = pb.GetMetricsRequest(scaledObjectRef=target, metricName="prewarm-replicas")
    answered: dict[int, float] = {}  # replicas -> when first asked for, replayed seconds
    reactive: dict[int, float] = {}
    with PrometheusServer(newest(), tmp_path, [Samples.gauge("demand", rise.demand)]) as prometheus:
        flags = ("--replay-from", begins_at, "--replay-speed", f"{REPLAY_SPEED:g}")
        async with serving("--prometheus-address", prometheus.address, *flags) as served:
            started = time.monotonic()
            async with grpc.aio.insecure_channel(served.grpc_address) as channel:
                stub = pb_grpc.ExternalScalerStub(channel)
                while (at := (time.monotonic() - started) * REPLAY_SPEED) < 130 * 60:
                    [value] = (await stub.GetMetrics(request)).metricValues
                    assert value.metricValue >= 6, "never under the floor"
                    page = (await get(f"http://{served.http_address}/metrics")).text
                    _note(answered, value.metricValue, at)
                    _note(reactive, _reactive_of(page), at)
                    await asyncio.sleep(0.05)
            assert await served.terminate() == 0
    low, high = rise.needed(rise.begins_at), rise.needed(rise.begins_at + 3_600)
    for share in (0.5, 0.75, 1.0):
        count = round(low + share * (high - low))
        lead = reactive[count] - answered[count]
        assert lead >= LEAD_TIME_SECONDS - 60, (
            f"{count} replicas {lead:g} s ahead"
        )  # a poll is 12 s
    assert answered[high] > 30 * 60, "half an hour in, the top isn't asked for yet"


def _note(first: dict[int, float], replicas: int, at: float) -> None:
    for count in range(1, int(replicas) + 1):
        first.setdefault(count, at)


def _reactive_of(page: str) -> int:
    rows = [row for row in page.splitlines() if row.startswith("prewarm_replicas_by_mode{")]
    found = [row for row in rows if 'mode="observe"' in row]
    return int(float(found[0].rpartition(" ")[2])) if found else 0
