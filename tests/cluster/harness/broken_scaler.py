"""A working scaler with one thing broken: what a conformance test is worth is what it notices.

It stands between KEDA and the scaler under test, hands every call on, and spoils one answer.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import grpc

from scaler.pb import externalscaler_pb2 as messages
from scaler.pb import externalscaler_pb2_grpc as service

THREADS = 32


class Fault(StrEnum):
    """What is broken."""

    NONE = "none"  # hands everything on: the proxy itself spoils nothing
    EMPTY_METRICS = "empty metrics"
    NOT_A_NUMBER = "NaN"
    HANGS = "a hanging handler"
    WRONG_NAME = "a wrong metric name"
    MOVING_TARGET = "a target that moves"


class BrokenScaler(service.ExternalScalerServicer):
    """A proxy with one fault, on a loopback port of its own."""

    def __init__(self, address: str, fault: Fault) -> None:
        self._address = address
        self._fault = fault
        self._targets = itertools.count(2)
        self._released = threading.Event()

    def __enter__(self) -> Self:
        self._channel = grpc.insecure_channel(self._address)
        self._behind = service.ExternalScalerStub(self._channel)  # type: ignore[no-untyped-call]
        self._server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="broken"))
        service.add_ExternalScalerServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self.address = f"localhost:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        self._server.stop(grace=1.0).wait()
        self._channel.close()

    def IsActive(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._hand_on(self._behind.IsActive, request, context)

    def GetMetricSpec(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        answer = self._hand_on(self._behind.GetMetricSpec, request, context)
        for spec in answer.metricSpecs:
            if self._fault is Fault.WRONG_NAME:
                spec.metricName = f"{spec.metricName}-total"
            if self._fault is Fault.MOVING_TARGET:
                spec.targetSize = next(self._targets)
                spec.targetSizeFloat = float(spec.targetSize)
        return answer

    def GetMetrics(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if self._fault is Fault.HANGS:
            self._released.wait()
        answer = self._hand_on(self._behind.GetMetrics, request, context)
        if self._fault is Fault.EMPTY_METRICS:
            return messages.GetMetricsResponse()
        for value in answer.metricValues:
            if self._fault is Fault.NOT_A_NUMBER:
                value.metricValue, value.metricValueFloat = 0, float("nan")
        return answer

    def StreamIsActive(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        return self._stream(self._behind.StreamIsActive, request, context)

    def StreamMetricSpec(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        return self._stream(self._behind.StreamMetricSpec, request, context)

    def _hand_on(
        self, call: Callable[..., Any], request: Any, context: grpc.ServicerContext
    ) -> Any:
        try:
            return call(request, timeout=10)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details() or "")

    def _stream(
        self, call: Callable[..., Any], request: Any, context: grpc.ServicerContext
    ) -> Iterator[Any]:
        stream = call(request)
        context.add_callback(stream.cancel)
        try:
            yield from stream
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:
                context.abort(error.code(), error.details() or "")
