"""What a user sees who points grpcurl at the scaler: reflection is all it needs."""

import asyncio
import json

import pytest

from parts import PartMissing, binary
from required import skip_or_fail
from rig import METADATA, Rig


async def grpcurl(rig: Rig, *words: str, data: object = None) -> str:
    try:
        program = str(binary("grpcurl"))
    except PartMissing as exc:
        skip_or_fail(str(exc))
    options = ["-plaintext", *(["-d", json.dumps(data)] if data is not None else [])]
    process = await asyncio.create_subprocess_exec(
        program, *options, f"127.0.0.1:{rig.service.grpc_port}", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return output.decode()


REF = {"name": "llm", "namespace": "prod", "scalerMetadata": METADATA}


async def test_the_service_is_found_and_described(rig: Rig) -> None:
    assert "externalscaler.ExternalScaler" in await grpcurl(rig, "list")
    text = await grpcurl(rig, "describe", "externalscaler.ExternalScaler")
    for rpc in ("IsActive", "StreamIsActive", "GetMetricSpec", "GetMetrics", "StreamMetricSpec"):
        assert f"rpc {rpc} (" in text


async def test_health_is_answered(rig: Rig) -> None:
    assert "SERVING" in await grpcurl(rig, "grpc.health.v1.Health/Check")


async def test_a_user_reads_the_replica_count(rig: Rig) -> None:
    await rig.observe(rig.ref())
    answer = await grpcurl(
        rig,
        "externalscaler.ExternalScaler/GetMetrics",
        data={"scaledObjectRef": REF, "metricName": "prewarm-replicas"},
    )
    assert json.loads(answer) == {
        "metricValues": [
            {"metricName": "prewarm-replicas", "metricValue": "5", "metricValueFloat": 5}
        ]
    }


@pytest.mark.parametrize(("key", "line"), [("warmFlor", "did you mean warmFloor?")])
async def test_a_user_reads_what_is_wrong_with_a_trigger(rig: Rig, key: str, line: str) -> None:
    ref = {**REF, "scalerMetadata": {**METADATA, key: "1"}}
    answer = await grpcurl(rig, "externalscaler.ExternalScaler/IsActive", data=ref)
    assert "Code: InvalidArgument" in answer
    assert line in answer
