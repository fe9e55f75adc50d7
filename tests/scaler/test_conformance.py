"""KEDA's contract, row by row, over a real socket. Numbers are those of the conformance table.

Rows that only a client or a cluster can show (12 wire client, 23 fallback counting, 42 metricType,
43 tolerance, 44 activation from zero) are held by the client's golden tables or the cluster tests.
"""

import asyncio
from contextlib import AsyncExitStack

import grpc
import numpy as np
import pytest

from forecasting.default import default_forecaster
from forecasting.series import Series
from rig import METADATA, Rig, StartRig, steady
from scaler.adapters.memory import MemoryHistorySource
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc

METRIC = "prewarm-replicas"


async def code_of(call: grpc.aio.UnaryUnaryCall) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


def metrics_of(ref: pb.ScaledObjectRef, metric: str = METRIC) -> pb.GetMetricsRequest:
    return pb.GetMetricsRequest(scaledObjectRef=ref, metricName=metric)


async def test_row_01_one_spec_with_a_stable_name_and_a_positive_target(rig: Rig) -> None:
    [spec] = (await rig.stub.GetMetricSpec(rig.ref())).metricSpecs
    assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == (METRIC, 1, 1.0)


async def test_row_02_the_target_does_not_move_with_the_forecast(rig: Rig) -> None:
    before = await rig.stub.GetMetricSpec(rig.ref())
    await rig.observe(rig.ref())
    rig.source.put("demand", steady(4_200.0, end_at=rig.clock.now() + 3_600))
    await rig.tick(20)
    assert await rig.value(rig.ref()) == 100
    assert await rig.stub.GetMetricSpec(rig.ref()) == before


async def test_row_03_keys_that_keda_reserves_are_ignored(rig: Rig) -> None:
    ref = rig.ref(enableTLS="true", unsafeSsl="false", caCert="PEM", tlsClientCert="PEM")
    assert await rig.observe(ref) == 5


async def test_row_04_each_key_is_read_from_its_FromEnv_form(rig: Rig) -> None:  # noqa: N802
    ref = pb.ScaledObjectRef(
        name="llm",
        namespace="prod",
        scalerMetadata={
            "queryFromEnv": "demand",
            "thresholdFromEnv": "4.2",
            "warmFloorFromEnv": "1",
        },
    )
    assert await rig.observe(ref) == 10


async def test_row_04_an_unset_variable_is_an_absent_key(rig: Rig) -> None:
    ref = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata={"threshold": "1"})
    code, details = await code_of(rig.stub.GetMetrics(metrics_of(ref)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith("query: missing")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", "ten"),
        ("threshold", "0"),
        ("threshold", "nan"),
        ("warmFloor", "1.5"),
        ("maxReplicas", "-1"),
        ("quantile", "1"),
        ("ignoreNullValues", "yes"),
        ("leadTimeSeconds", "soon"),
        ("timezone", "Mars/Olympus"),
        ("mode", "guess"),
        ("onStale", "panic"),
    ],
)
async def test_row_05_values_are_parsed_strictly_and_errors_name_them(
    rig: Rig, key: str, value: str
) -> None:
    code, details = await code_of(rig.stub.GetMetrics(metrics_of(rig.ref(**{key: value}))))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith(f'{key}: "{value}" is not allowed; allowed is ')


async def test_row_06_bad_metadata_never_fails_the_spec_only_the_metrics(rig: Rig) -> None:
    ref = pb.ScaledObjectRef(name="llm", namespace="prod", scalerMetadata={"warmFlor": "1"})
    assert len((await rig.stub.GetMetricSpec(ref)).metricSpecs) == 1
    code, details = await code_of(rig.stub.GetMetrics(metrics_of(ref)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    for line in ("query: missing", "threshold: missing", "did you mean warmFloor?"):
        assert line in details


async def test_row_07_the_spec_s_own_name_is_answered(rig: Rig) -> None:
    [spec] = (await rig.stub.GetMetricSpec(rig.ref())).metricSpecs
    await rig.observe(rig.ref())
    assert await rig.value(rig.ref(), spec.metricName) == 5


async def test_row_08_an_unknown_metric_is_not_found(rig: Rig) -> None:
    code, details = await code_of(rig.stub.GetMetrics(metrics_of(rig.ref(), "s0-prewarm-replicas")))
    assert code is grpc.StatusCode.NOT_FOUND
    assert METRIC in details


async def test_rows_09_10_15_one_whole_value_in_both_fields(rig: Rig) -> None:
    await rig.observe(rig.ref(threshold="13.9999"))  # 42 / 13.9999 = 3.00002
    response = await rig.stub.GetMetrics(metrics_of(rig.ref(threshold="13.9999")))
    [value] = response.metricValues
    assert (value.metricName, value.metricValue, value.metricValueFloat) == (METRIC, 4, 4.0)


async def test_row_11_zero_is_zero_in_both_fields(rig: Rig) -> None:
    rig.source.put("demand", steady(0.0, end_at=rig.clock.now() + 3_600))
    assert await rig.observe(rig.ref()) == 0


@pytest.mark.parametrize(
    ("demand", "most"), [(float("nan"), 0), (1e-300, 0), (1e300, 100_000)], ids=str
)
async def test_rows_13_14_no_demand_puts_nonsense_on_the_wire(
    rig: Rig, demand: float, most: int
) -> None:
    rig.source.put("demand", steady(demand, end_at=rig.clock.now() + 3_600))
    assert await rig.observe(rig.ref(maxReplicas="100000")) == most


async def test_row_16_the_target_is_never_zero_whatever_the_threshold(rig: Rig) -> None:
    for threshold in ("1e-9", "0", "nonsense"):
        [spec] = (await rig.stub.GetMetricSpec(rig.ref(threshold=threshold))).metricSpecs
        assert (spec.targetSize, spec.targetSizeFloat) == (1, 1.0)


async def test_row_17_metrics_are_never_empty_in_any_state(rig: Rig) -> None:
    rig.source.fail()
    assert await rig.value(rig.ref(warmFloor="2")) == 2
    await rig.tick(3)
    assert await rig.value(rig.ref(warmFloor="2")) == 2


async def test_row_18_both_calls_of_a_poll_answer_from_one_snapshot(rig: Rig) -> None:
    rig.source.put("demand", steady(0.0, end_at=rig.clock.now()))
    assert await rig.observe(rig.ref()) == 0
    rig.source.put("demand", steady(50.0, end_at=rig.clock.now() + 3_600))
    await rig.clock.wait_for_sleepers()
    assert await rig.value(rig.ref()) == 0
    [target] = list(rig.service.board)
    rig.clock.advance(1.0)  # a tick publishes between the two calls of this poll
    await rig.service.controller._ticks.run(
        target, rig.service.controller._works[target], rig.clock.now() + 60
    )
    assert target.snapshot is not None
    assert target.snapshot.decision.is_active
    assert await rig.active(rig.ref()) is False, "IsActive belongs to the GetMetrics before it"
    assert await rig.value(rig.ref()) == 5
    assert await rig.active(rig.ref()) is True


async def test_row_19_an_inactive_target_has_the_value_zero(rig: Rig) -> None:
    ref = rig.ref(activationThreshold="100")
    assert await rig.observe(ref) == 0
    assert await rig.active(ref) is False


async def test_row_20_IsActive_is_answered_also_when_the_source_fails(rig: Rig) -> None:  # noqa: N802
    rig.source.fail()
    await rig.observe(rig.ref(warmFloor="1"))
    assert await rig.active(rig.ref(warmFloor="1")) is True


async def test_row_21_without_a_first_look_the_floor_is_answered_within_a_second(
    rig: Rig,
) -> None:
    rig.source.hang()
    async with asyncio.timeout(1):  # the contract's own limit
        assert await rig.value(rig.ref(warmFloor="3")) == 3
    assert await rig.active(rig.ref(warmFloor="3")) is True
    assert await rig.active(rig.ref()) is False, "nobody has looked yet: no pod is woken for it"


async def test_row_22_a_dead_source_holds_the_last_good_answer(rig: Rig) -> None:
    ref = rig.ref(warmFloor="1")
    assert await rig.observe(ref) == 5
    rig.source.fail()
    await rig.tick(60)
    assert await rig.value(ref) == 5


async def test_row_22_or_falls_to_the_floor_where_the_trigger_says_so(rig: Rig) -> None:
    ref = rig.ref(warmFloor="2", onStale="floor")
    assert await rig.observe(ref) == 5
    rig.source.fail()
    await rig.tick(4)
    assert await rig.value(ref) == 5, "not stale yet"
    await rig.tick(20)
    assert await rig.value(ref) == 2
    rig.source.recover()
    await rig.tick()
    assert await rig.value(ref) == 5


async def test_rows_22_23_or_unavailable_while_the_spec_stays_good(rig: Rig) -> None:
    ref = rig.ref(onStale="error")
    assert await rig.observe(ref) == 5
    rig.source.fail()
    await rig.tick(24)
    for call in (rig.stub.GetMetrics(metrics_of(ref)), rig.stub.IsActive(ref)):
        code, details = await code_of(call)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "stale" in details
    assert len((await rig.stub.GetMetricSpec(ref)).metricSpecs) == 1


async def test_rows_24_25_a_hanging_source_never_makes_a_call_wait(rig: Rig) -> None:
    ref = rig.ref()
    assert await rig.observe(ref) == 5
    rig.source.hang()
    await rig.clock.wait_for_sleepers()
    rig.clock.advance(15)
    async with asyncio.timeout(1):
        assert await rig.value(ref) == 5
        assert await rig.active(ref) is True
    rig.source.recover()


async def test_row_28_two_servers_with_the_same_data_agree(start_rig: StartRig) -> None:
    rng = np.random.default_rng(7)
    noisy = steady(1.0, end_at=1_767_614_400.0 + 7_200, days=3)
    noisy = Series(
        start_at=noisy.start_at,
        step_seconds=60.0,
        values=rng.gamma(4.0, 20.0, size=len(noisy)),
    )
    source = MemoryHistorySource({"demand": noisy})
    async with start_rig(source=source, forecaster=default_forecaster()) as early:
        ref = early.ref()
        await early.observe(ref)
        await early.tick(39)  # ten minutes
        async with start_rig(
            source=source,
            forecaster=default_forecaster(),
            start_at=early.clock.now() - early.settings.tick_seconds,
        ) as late:
            await late.observe(ref)
            for _ in range(8):
                assert await late.value(ref) == await early.value(ref) > 0
                await early.tick()
                await late.tick()


async def test_row_29_no_call_queries_the_source(rig: Rig) -> None:
    refs = [rig.ref(name=f"llm-{i}") for i in range(50)]
    for ref in refs:
        await rig.observe(ref) if ref is refs[-1] else await rig.value(ref)
    reads = len(rig.source.reads)
    for ref in refs * 4:
        await rig.stub.GetMetricSpec(ref)
        await rig.value(ref)
        await rig.active(ref)
    assert len(rig.source.reads) == reads


async def test_row_30_namespaces_and_metadata_keep_targets_apart(rig: Rig) -> None:
    twins = [
        rig.ref(warmFloor="1"),
        rig.ref(warmFloor="2"),
        rig.ref(namespace="test", warmFloor="3"),
    ]
    rig.source.fail()
    assert [await rig.value(ref) for ref in twins] == [1, 2, 3]
    assert len(rig.service.board) == 3


async def test_row_31_an_edited_object_is_a_new_target_and_the_old_one_is_dropped(rig: Rig) -> None:
    assert await rig.observe(rig.ref()) == 5
    edited = rig.ref(threshold="5")
    assert await rig.observe(edited) == 9
    for _ in range(13):
        await rig.tick(20)
        await rig.value(edited)
    assert [t.key.name for t in rig.service.board] == ["llm"]
    assert await rig.value(edited) == 9


async def test_row_35_a_stream_starts_with_the_state_and_goes_on_with_edges(rig: Rig) -> None:
    rig.source.put("demand", steady(0.0, end_at=rig.clock.now()))
    ref = rig.ref(staleAfterSeconds="86400")
    await rig.observe(ref)
    stream = rig.stub.StreamIsActive(ref)
    assert (await stream.read()).result is False
    pushed = asyncio.ensure_future(stream.read())
    await rig.tick(4)
    assert not pushed.done(), "nothing changed, nothing is sent"
    rig.source.put("demand", steady(50.0, end_at=rig.clock.now() + 600))
    await rig.tick(6)
    assert (await pushed).result is True
    stream.cancel()


async def test_rows_27_37_streams_end_with_OK_on_shutdown(start_rig: StartRig) -> None:  # noqa: N802
    async with AsyncExitStack() as channels:
        async with start_rig() as rig:
            # A channel that outlives the server: the rig's own is closed before it.
            address = f"127.0.0.1:{rig.service.grpc_port}"
            channel = await channels.enter_async_context(grpc.aio.insecure_channel(address))
            stub = pb_grpc.ExternalScalerStub(channel)
            active = stub.StreamIsActive(rig.ref(warmFloor="1"))
            spec = stub.StreamMetricSpec(rig.ref())
            assert (await active.read()).result is True
            await spec.read()
        for stream in (active, spec):
            assert await stream.read() is grpc.aio.EOF
            assert await stream.code() is grpc.StatusCode.OK


async def test_row_38_bad_metadata_leaves_a_stream_open_and_inactive(rig: Rig) -> None:
    stream = rig.stub.StreamIsActive(rig.ref(threshold="x"))
    assert (await stream.read()).result is False
    assert not stream.done()
    stream.cancel()


async def test_row_40_the_streamed_spec_equals_the_one_asked_for(rig: Rig) -> None:
    stream = rig.stub.StreamMetricSpec(rig.ref())
    assert await stream.read() == await rig.stub.GetMetricSpec(rig.ref())
    stream.cancel()


async def test_row_41_the_pace_of_calls_changes_nothing(rig: Rig) -> None:
    assert await rig.observe(rig.ref()) == 5
    await rig.tick(40)  # ten minutes without a call
    assert await rig.value(rig.ref()) == 5
    assert [await rig.value(rig.ref()) for _ in range(20)] == [5] * 20


async def test_keda_s_own_example_values(rig: Rig) -> None:
    rows = [("20", "10", 2), ("22.222", "6.111", 3), ("0", "10", 0)]
    for demand, threshold, want in rows:
        rig.source.put(f"d{demand}", steady(float(demand), end_at=rig.clock.now() + 3_600))
        ref = rig.ref(query=f"d{demand}", threshold=threshold, maxReplicas="3")
        assert await rig.observe(ref) == want
    assert METADATA["threshold"] == "10"
