"""The five RPCs. Each reads one snapshot and returns: no query, no lock.

A target that nobody has asked about before has no snapshot yet: its first calls wait for its first
tick, all together no longer than `controller.FIRST_LOOK_SECONDS`.

Rules that KEDA imposes (its external-scaler client, 2.16 to 2.21): exactly one spec and one value;
a constant target of 1, so that the value is the replica count itself; whole numbers, in the float
and the integer field alike; a spec even for metadata that is no good.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from time import perf_counter
from typing import Any, TypeAlias, TypeVar

import grpc

from scaler.board import Board, Target
from scaler.errors import BadMetadata, ScalerError, TableFull, Unavailable, UnknownMetric
from scaler.pb import externalscaler_pb2 as pb
from scaler.pb import externalscaler_pb2_grpc as pb_grpc
from scaler.ports import Clock
from scaler.telemetry import RpcTelemetry
from scaler.types import Decision

logger = logging.getLogger(__name__)

METRIC_NAME = "prewarm-replicas"

STATUS_OF: dict[type[ScalerError], grpc.StatusCode] = {
    BadMetadata: grpc.StatusCode.INVALID_ARGUMENT,
    TableFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    UnknownMetric: grpc.StatusCode.NOT_FOUND,
}

# A Kubernetes name has at most 253 characters; longer ones are no ScaledObject's.
MAX_NAME_CHARACTERS = 253

# A trigger has 19 keys of its own; what is far beyond would cost the loop time and memory.
MAX_METADATA_KEYS = 64
MAX_METADATA_BYTES = 32 * 1024

# A Kubernetes event holds 1,024 characters, a gRPC trailer a few kilobytes.
MAX_MESSAGE_CHARACTERS = 1_000

Response = TypeVar("Response")
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# Constant, so it is made once: a target that moved would reach the HPA only on a reconcile.
SPEC = pb.GetMetricSpecResponse(
    metricSpecs=[pb.MetricSpec(metricName=METRIC_NAME, targetSize=1, targetSizeFloat=1.0)]
)


class Servicer(pb_grpc.ExternalScalerServicer):
    """Answers KEDA from the board."""

    def __init__(
        self, board: Board, clock: Clock, telemetry: RpcTelemetry, stream_check_seconds: float
    ) -> None:
        self._board = board
        self._clock = clock
        self._telemetry = telemetry
        self._stream_check_seconds = stream_check_seconds
        self._is_stopping = asyncio.Event()

    def stop_streams(self) -> None:
        """Let every open stream end with OK; KEDA opens it again two seconds later, elsewhere."""
        self._is_stopping.set()

    async def GetMetricSpec(  # noqa: N802 - the name is the contract's
        self, request: pb.ScaledObjectRef, context: Context
    ) -> pb.GetMetricSpecResponse:
        """Return the one spec; never fails, since an error here blocks the triggers beside it."""
        del context
        started_at = perf_counter()
        self._note(request)
        self._telemetry.observe("GetMetricSpec", "OK", perf_counter() - started_at)
        return SPEC

    async def GetMetrics(  # noqa: N802
        self, request: pb.GetMetricsRequest, context: Context
    ) -> pb.GetMetricsResponse:
        """Return the replica count as the value of the one metric."""

        def answer(target: Target) -> pb.GetMetricsResponse:
            if request.metricName != METRIC_NAME:
                raise UnknownMetric(
                    f"metricName: {request.metricName[:80]!r} is unknown; allowed is {METRIC_NAME}"
                )
            replicas = _permitted(target, target.answer(self._clock.monotonic())).replicas
            return pb.GetMetricsResponse(
                metricValues=[
                    pb.MetricValue(
                        metricName=METRIC_NAME,
                        metricValue=replicas,
                        metricValueFloat=float(replicas),
                    )
                ]
            )

        return await self._observed("GetMetrics", context, request.scaledObjectRef, answer)

    async def IsActive(  # noqa: N802
        self, request: pb.ScaledObjectRef, context: Context
    ) -> pb.IsActiveResponse:
        """Return whether the target should run; agrees with the GetMetrics of the same poll."""

        def answer(target: Target) -> pb.IsActiveResponse:
            decision = _permitted(target, target.answer_again(self._clock.monotonic()))
            return pb.IsActiveResponse(result=decision.is_active)

        return await self._observed("IsActive", context, request, answer)

    async def StreamIsActive(  # noqa: N802
        self, request: pb.ScaledObjectRef, context: Context
    ) -> AsyncIterator[pb.IsActiveResponse]:
        """Send the state at once, then each edge from inactive to active.

        The way back is KEDA's, by polling: it ignores a pushed `false` since 2.18.
        """
        with self._telemetry.stream("StreamIsActive"):
            target = await self._find_or_abort(request, context)
            target.streams += 1
            try:
                was_active = self._is_active(target)
                yield pb.IsActiveResponse(result=was_active)
                async for _ in self._changes(target):
                    is_active = self._is_active(target)
                    if is_active and not was_active:
                        yield pb.IsActiveResponse(result=True)
                    was_active = is_active
            finally:
                target.streams -= 1
                target.asked_at = self._clock.monotonic()

    async def StreamMetricSpec(  # noqa: N802
        self, request: pb.ScaledObjectRef, context: Context
    ) -> AsyncIterator[pb.GetMetricSpecResponse]:
        """Send the spec at once. It never changes, so nothing follows until the end."""
        del context
        with self._telemetry.stream("StreamMetricSpec"):
            self._note(request)
            yield SPEC
            await self._is_stopping.wait()

    def _is_active(self, target: Target) -> bool:
        """Return the pushed state. What IsActive would answer with an error is not pushed."""
        try:
            return _permitted(target, target.in_force(self._clock.monotonic())).is_active
        except ScalerError:
            return False

    async def _changes(self, target: Target) -> AsyncIterator[None]:
        """Yield whenever the answer may have changed, until the server stops."""
        while not self._is_stopping.is_set():
            waits = [
                asyncio.ensure_future(self._is_stopping.wait()),
                asyncio.ensure_future(target.wait_for_publish(self._stream_check_seconds)),
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:  # also when the client goes away
                for wait in waits:
                    wait.cancel()
            if not self._is_stopping.is_set():
                yield

    def _find(self, ref: pb.ScaledObjectRef) -> Target:
        if max(len(ref.name), len(ref.namespace)) > MAX_NAME_CHARACTERS or not ref.name:
            raise BadMetadata(
                [f"name, namespace: a ScaledObject's have 1 to {MAX_NAME_CHARACTERS} characters"]
            )
        if len(ref.scalerMetadata) > MAX_METADATA_KEYS or ref.ByteSize() > MAX_METADATA_BYTES:
            raise BadMetadata(
                [f"metadata: allowed are {MAX_METADATA_KEYS} keys, {MAX_METADATA_BYTES} bytes"]
            )
        return self._board.find(
            ref.namespace, ref.name, ref.scalerMetadata, self._clock.monotonic()
        )

    def _note(self, ref: pb.ScaledObjectRef) -> None:
        """Start watching the target, if there is room; the spec doesn't depend on it."""
        try:
            self._find(ref)
        except ScalerError:
            return
        except Exception:  # whatever it is, the spec is answered
            logger.exception("target not noted")

    async def _find_or_abort(self, ref: pb.ScaledObjectRef, context: Context) -> Target:
        try:
            return self._find(ref)
        except ScalerError as exc:
            await context.abort(STATUS_OF[type(exc)], _shown(exc))
            raise

    async def _observed(
        self,
        method: str,
        context: Context,
        ref: pb.ScaledObjectRef,
        answer: Callable[[Target], Response],
    ) -> Response:
        """Run a handler's body: its errors become status codes, and it is counted and timed."""
        started_at = perf_counter()
        code = grpc.StatusCode.UNKNOWN  # what the client sees of an error that nobody expected
        try:
            target = self._find(ref)
            if not target.first_look.is_set():
                # Right after a restart the floor would pull a fleet down that is at work.
                await target.first_look.wait()
            response = answer(target)
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except ScalerError as exc:
            code = STATUS_OF[type(exc)]
            await context.abort(code, _shown(exc))
            raise
        else:
            code = grpc.StatusCode.OK
            return response
        finally:
            self._telemetry.observe(method, code.name, perf_counter() - started_at)


def _shown(error: ScalerError) -> str:
    text = str(error)
    if len(text) <= MAX_MESSAGE_CHARACTERS:
        return text
    return f"{text[: MAX_MESSAGE_CHARACTERS - 20]} ... and more"


def _permitted(target: Target, decision: Decision) -> Decision:
    if decision.is_withheld:
        why = f" ({target.why})" if target.why else ""
        raise Unavailable(
            f"demand is {decision.seen.evidence}{why}: the trigger asks for an error then (onStale)"
        )
    return decision


def add_to(server: Any, servicer: Servicer) -> None:
    """Register the service on a `grpc.aio` server."""
    pb_grpc.add_ExternalScalerServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
