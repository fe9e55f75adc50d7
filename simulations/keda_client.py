"""A client that calls an external scaler as KEDA does: the same calls, in the same order.

Rules (KEDA 2.20 and 2.21, `external` and `external-push` triggers)
- Metadata goes out whole, `scalerAddress` included. No token, no deadline, no keepalive.
- Poll loop: GetMetricSpec; then for each metric GetMetrics and IsActive, in sequence. If IsActive
  fails, the metrics before it are thrown away.
- HPA sync: GetMetricSpec again, then GetMetrics and IsActive of the one metric that is asked for.
- An error, or an empty list of specs, makes KEDA build the scaler anew and ask once more.
- A float field counts only when it is > 0, else the integer does; a negative integer is 0. Values
  become milli-units through three decimals.
- Every value of an answer counts, whatever its name: the HPA adds them up.

What follows from an answer, in the HPA's arithmetic and KEDA's own, is in `autoscaling`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc

ADDRESS_KEY = "scalerAddress"

# A resource.Quantity in milli-units must fit an int64.
MAX_MILLI = 2**63 - 1

Answer = TypeVar("Answer")

new_stub: Any = pb_grpc.ExternalScalerStub  # generated code carries no types


class ScalerCallFailed(Exception):  # noqa: N818 - what KEDA's event says, not a fault of ours
    """A call failed twice. `code` is None when it was answered, but with nothing in it."""

    def __init__(self, method: str, code: grpc.StatusCode | None, details: str) -> None:
        super().__init__(f"{method}: {code.name if code else 'empty answer'}: {details}")
        self.method = method
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One metric of a trigger. `hpa_name` is what the HPA knows it by."""

    name: str
    hpa_name: str
    target_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one metric was answered with: GetMetrics, and the IsActive right after it."""

    spec: Spec
    values_milli: tuple[int, ...]
    is_active: bool

    @property
    def usage_milli(self) -> int:
        """The sum of all values. An empty answer is an error to the HPA, not a zero."""
        if not self.values_milli:
            raise ScalerCallFailed("GetMetrics", None, "no matching metrics found")
        return sum(self.values_milli)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """The outcome of one poll of a trigger."""

    readings: tuple[Reading, ...]

    @property
    def is_active(self) -> bool:
        """Whether any metric of the trigger is active."""
        return any(reading.is_active for reading in self.readings)


def chosen(as_float: float, as_int: int) -> float:
    """Return the number that KEDA reads from a pair of fields; NaN and negatives don't count."""
    return as_float if as_float > 0 else float(max(as_int, 0))


def to_milli(value: float) -> int:
    """Return `value` in milli-units, by way of "%.3f" as KEDA writes it; infinity becomes 0.

    Raises OverflowError where KEDA's own value would wrap around.
    """
    if isinf(value):
        return 0
    milli = int(Decimal(f"{value:.3f}").scaleb(3))
    if abs(milli) > MAX_MILLI:
        raise OverflowError(f"{value!r} in milli-units does not fit an int64")
    return milli


class KedaClient:
    """One trigger of one ScaledObject, seen from KEDA. Use it as an async context manager.

    `channel` shares a connection, as KEDA does for equal addresses; else one is opened here and
    closed at the end. `timeout_seconds` is None in KEDA's poll loop: a frozen scaler blocks it.
    """

    def __init__(
        self,
        metadata: Mapping[str, str],
        *,
        name: str = "llm",
        namespace: str = "default",
        trigger_index: int = 0,
        channel: grpc.aio.Channel | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        if not metadata.get(ADDRESS_KEY):
            raise ValueError(f"{ADDRESS_KEY} is a required key of an external trigger")
        self._ref = pb.ScaledObjectRef(name=name, namespace=namespace, scalerMetadata=metadata)
        self._trigger_index = trigger_index
        self._timeout_seconds = timeout_seconds
        self._owned = None if channel is not None else open_channel(metadata, credentials)
        self._stub = new_stub(channel or self._owned)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection, unless it is shared."""
        if self._owned is not None:
            await self._owned.close()

    async def poll(self) -> Poll:
        """Make one round of the poll loop. Raises `ScalerCallFailed`."""
        readings = [await self._read_or_retry(spec) for spec in await self.metric_specs()]
        return Poll(readings=tuple(readings))

    async def sync(self, hpa_name: str | None = None) -> Reading:
        """Answer the HPA for one metric, by default the first. Raises `ScalerCallFailed`."""
        specs = await self.metric_specs()
        matches = [spec for spec in specs if hpa_name in {None, spec.hpa_name}]
        if not matches:
            raise ScalerCallFailed("GetMetricSpec", None, f"no metric is named {hpa_name}")
        return await self._read_or_retry(matches[0])

    async def metric_specs(self) -> tuple[Spec, ...]:
        """Return the specs, asked twice if need be. Raises `ScalerCallFailed`."""

        async def ask() -> tuple[Spec, ...]:
            answer = await self._stub.GetMetricSpec(self._ref, timeout=self._timeout_seconds)
            if not answer.metricSpecs:
                raise ScalerCallFailed("GetMetricSpec", None, "no metric specs returned")
            return self._specs_of(answer)

        return await _twice("GetMetricSpec", ask)

    async def stream_is_active(self) -> AsyncIterator[bool]:
        """Yield what StreamIsActive pushes, until the server ends the stream."""
        async for message in self._stub.StreamIsActive(self._ref):
            yield message.result

    async def stream_metric_specs(self) -> AsyncIterator[tuple[Spec, ...]]:
        """Yield what StreamMetricSpec pushes, until the server ends the stream."""
        async for message in self._stub.StreamMetricSpec(self._ref):
            yield self._specs_of(message)

    def _specs_of(self, answer: pb.GetMetricSpecResponse) -> tuple[Spec, ...]:
        return tuple(
            Spec(
                name=spec.metricName,
                hpa_name=f"s{self._trigger_index}-{spec.metricName}",
                target_milli=to_milli(chosen(spec.targetSizeFloat, spec.targetSize)),
            )
            for spec in answer.metricSpecs
        )

    async def _read_or_retry(self, spec: Spec) -> Reading:
        return await _twice("GetMetrics, IsActive", lambda: self._read(spec))

    async def _read(self, spec: Spec) -> Reading:
        request = pb.GetMetricsRequest(scaledObjectRef=self._ref, metricName=spec.name)
        metrics = await self._stub.GetMetrics(request, timeout=self._timeout_seconds)
        activity = await self._stub.IsActive(self._ref, timeout=self._timeout_seconds)
        values = (chosen(v.metricValueFloat, v.metricValue) for v in metrics.metricValues)
        return Reading(
            spec=spec,
            values_milli=tuple(to_milli(value) for value in values),
            is_active=activity.result,
        )


def open_channel(
    metadata: Mapping[str, str], credentials: grpc.ChannelCredentials | None = None
) -> grpc.aio.Channel:
    """Open a channel to the trigger's `scalerAddress`, with KEDA's options: none of its own."""
    address = metadata[ADDRESS_KEY]
    if credentials is None:
        return grpc.aio.insecure_channel(address)
    return grpc.aio.secure_channel(address, credentials)


async def _twice(method: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the first good answer of two. Raises `ScalerCallFailed` with the second failure."""
    for is_last in (False, True):
        try:
            return await ask()
        except grpc.aio.AioRpcError as exc:
            if is_last:
                raise ScalerCallFailed(method, exc.code(), exc.details() or "") from exc
        except ScalerCallFailed:
            if is_last:
                raise
    raise AssertionError("the loop returns or raises")
