"""Whatever is asked, a handler answers with a value or with one of the contract's codes."""

import asyncio
import string

import grpc
from hypothesis import given, settings
from hypothesis import strategies as st

from rig import Rig, started_rig
from scaler.metadata import KNOWN_KEYS
from scaler.pb import externalscaler_pb2 as pb
from scaler.servicer import STATUS_OF

CODES = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
texts = st.text(max_size=30) | st.sampled_from(["1", "0", "demand", "auto", "true", "error", "nan"])
refs = st.builds(
    lambda name, namespace, metadata: pb.ScaledObjectRef(
        name=name, namespace=namespace, scalerMetadata=metadata
    ),
    st.text(max_size=20) | st.just("llm"),
    st.text(max_size=20) | st.just("prod"),
    st.dictionaries(
        st.sampled_from(KNOWN_KEYS) | st.text(string.ascii_letters, max_size=10), texts, max_size=6
    ).map(lambda metadata: {"query": "demand", "threshold": "10", **metadata}),
)


@settings(max_examples=15)
@given(st.lists(refs, min_size=1, max_size=8), st.text(max_size=20) | st.just("prewarm-replicas"))
def test_no_input_makes_a_handler_raise(asked: list[pb.ScaledObjectRef], metric: str) -> None:
    asyncio.run(_ask_all(asked, metric))


async def _ask_all(asked: list[pb.ScaledObjectRef], metric: str) -> None:
    async with started_rig() as rig:
        for ref in asked:
            assert len((await rig.stub.GetMetricSpec(ref)).metricSpecs) == 1
        await rig.settle()
        await rig.tick()
        for ref in asked:
            await _ask(rig, ref, metric)


async def _ask(rig: Rig, ref: pb.ScaledObjectRef, metric: str) -> None:
    request = pb.GetMetricsRequest(scaledObjectRef=ref, metricName=metric)
    for call in (rig.stub.GetMetrics(request), rig.stub.IsActive(ref)):
        try:
            response = await call
        except grpc.aio.AioRpcError as exc:
            assert exc.code() in CODES, exc.details()  # noqa: PT017 - both ways out are fine
        else:
            if isinstance(response, pb.GetMetricsResponse):
                [value] = response.metricValues
                assert value.metricValueFloat == value.metricValue >= 0


def test_the_codes_are_the_contract_s() -> None:
    assert set(STATUS_OF.values()) == CODES
