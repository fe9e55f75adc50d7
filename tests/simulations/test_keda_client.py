"""The client against a scaler that answers from a script, over a real channel."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from math import inf, nan
from typing import Any

import grpc
import pytest

from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from simulations.keda_client import KedaClient, ScalerCallFailed, chosen, to_milli

register: Any = pb_grpc.add_ExternalScalerServicer_to_server  # generated code carries no types


@pytest.mark.parametrize(
    ("as_float", "as_int", "want", "why"),
    [
        (7.125, 99, 7.125, "a float above 0 wins"),
        (0.0, 9, 9.0, "0 is no float"),
        (nan, 9, 9.0, "nor is NaN"),
        (-2.0, 9, 9.0, "nor a negative one"),
        (0.0, -3, 0.0, "a negative integer is 0"),
        (inf, 9, inf, "infinity is above 0; its milli-value is 0"),
    ],
)
def test_the_float_field_counts_only_above_zero(
    as_float: float, as_int: int, want: float, why: str
) -> None:
    assert chosen(as_float, as_int) == want, why


@pytest.mark.parametrize(
    ("value", "milli"),
    [(3.0, 3_000), (3.00049, 3_000), (0.0004, 0), (7.125, 7_125), (3.0000001, 3_000), (inf, 0)],
)
def test_values_become_milli_units_through_three_decimals(value: float, milli: int) -> None:
    assert to_milli(value) == milli


def test_a_value_that_would_wrap_is_an_error_here() -> None:
    assert to_milli(9.2e15) == 9_200_000_000_000_000_000
    with pytest.raises(OverflowError, match="int64"):
        to_milli(1e17)


class ScriptedScaler(pb_grpc.ExternalScalerServicer):
    """Answers with fixed values, fails as often as told, and notes each call."""

    def __init__(self, *, values: Iterable[float] = (4.0,), names: Iterable[str] = ("m",)) -> None:
        self.values = tuple(values)
        self.names = tuple(names)
        self.failures: dict[str, int] = {}
        self.calls: list[str] = []
        self.refs: list[pb.ScaledObjectRef] = []

    async def _note(self, method: str, context: grpc.aio.ServicerContext) -> None:
        self.calls.append(method)
        if self.failures.get(method, 0):
            self.failures[method] -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "told to fail")

    async def GetMetricSpec(  # noqa: N802
        self, request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext
    ) -> pb.GetMetricSpecResponse:
        await self._note("GetMetricSpec", context)
        self.refs.append(request)
        specs = [pb.MetricSpec(metricName=n, targetSize=1, targetSizeFloat=1.0) for n in self.names]
        return pb.GetMetricSpecResponse(metricSpecs=specs)

    async def GetMetrics(  # noqa: N802
        self, request: pb.GetMetricsRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetMetricsResponse:
        await self._note(f"GetMetrics {request.metricName}", context)
        values = [pb.MetricValue(metricName="any", metricValueFloat=v) for v in self.values]
        return pb.GetMetricsResponse(metricValues=values)

    async def IsActive(  # noqa: N802
        self, _request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext
    ) -> pb.IsActiveResponse:
        await self._note("IsActive", context)
        return pb.IsActiveResponse(result=True)

    async def StreamIsActive(  # noqa: N802
        self, _request: pb.ScaledObjectRef, _context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.IsActiveResponse]:
        for result in (False, True):
            yield pb.IsActiveResponse(result=result)


@asynccontextmanager
async def serving(scaler: ScriptedScaler, **metadata: str) -> AsyncIterator[KedaClient]:
    server = grpc.aio.server()
    pb_grpc.add_ExternalScalerServicer_to_server(scaler, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with KedaClient({"scalerAddress": f"127.0.0.1:{port}", **metadata}) as client:
            yield client
    finally:
        await server.stop(None)


async def test_a_poll_asks_for_specs_then_for_each_metric_its_value_and_its_activity() -> None:
    scaler = ScriptedScaler(names=("a", "b"))
    async with serving(scaler) as client:
        poll = await client.poll()
    assert scaler.calls == ["GetMetricSpec", "GetMetrics a", "IsActive", "GetMetrics b", "IsActive"]
    assert [reading.usage_milli for reading in poll.readings] == [4_000, 4_000]
    assert poll.is_active


async def test_an_hpa_sync_asks_again_for_specs_and_strips_the_prefix() -> None:
    scaler = ScriptedScaler(names=("a", "b-c"))
    async with serving(scaler) as client:
        reading = await client.sync("s0-b-c")
    assert scaler.calls == ["GetMetricSpec", "GetMetrics b-c", "IsActive"]
    assert (reading.spec.hpa_name, reading.spec.target_milli) == ("s0-b-c", 1_000)


async def test_all_of_the_metadata_is_sent() -> None:
    scaler = ScriptedScaler()
    async with serving(scaler, threshold="10", unknown="x") as client:
        await client.poll()
    (ref,) = scaler.refs
    assert (ref.namespace, ref.name) == ("default", "llm")
    assert set(ref.scalerMetadata) == {"scalerAddress", "threshold", "unknown"}


async def test_several_values_are_added_up() -> None:
    async with serving(ScriptedScaler(values=(4.0, 5.0))) as client:
        assert (await client.sync()).usage_milli == 9_000


async def test_an_empty_answer_is_an_error_and_not_a_zero() -> None:
    async with serving(ScriptedScaler(values=())) as client:
        reading = await client.sync()
    with pytest.raises(ScalerCallFailed, match="no matching metrics found"):
        _ = reading.usage_milli


async def test_one_failure_is_forgiven_and_the_pair_is_asked_again() -> None:
    scaler = ScriptedScaler()
    scaler.failures = {"IsActive": 1}
    async with serving(scaler) as client:
        await client.poll()
    assert scaler.calls[1:] == ["GetMetrics m", "IsActive", "GetMetrics m", "IsActive"]


async def test_a_second_failure_is_reported_with_its_status() -> None:
    scaler = ScriptedScaler()
    scaler.failures = {"GetMetrics m": 2}
    async with serving(scaler) as client:
        with pytest.raises(ScalerCallFailed, match="UNAVAILABLE: told to fail") as caught:
            await client.poll()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_no_specs_are_asked_for_twice() -> None:
    scaler = ScriptedScaler(names=())
    async with serving(scaler) as client:
        with pytest.raises(ScalerCallFailed, match="no metric specs returned"):
            await client.poll()
    assert scaler.calls == ["GetMetricSpec", "GetMetricSpec"]


async def test_pushed_states_arrive_in_order_until_the_server_ends_the_stream() -> None:
    async with serving(ScriptedScaler()) as client:
        assert [state async for state in client.stream_is_active()] == [False, True]


def test_a_trigger_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="scalerAddress"):
        KedaClient({"query": "q"})
