"""A scaler that answers what a test tells it to, well or badly, and keeps what it was asked.

It shows that the chain from KEDA to the pods works before Prewarm stands in it, and it plays the
broken scalers that the conformance tests have to notice.
"""

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from scaler.pb import externalscaler_pb2 as messages
from scaler.pb import externalscaler_pb2_grpc as service

METRIC_NAME = "replicas"
THREADS = 32  # a stream holds one each


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came."""

    rpc: str
    at_seconds: float  # monotonic
    namespace: str
    name: str
    metadata: dict[str, str]
    metric_name: str = ""
    peer: str = ""


@dataclass
class Answers:
    """What the stub answers from now on; a test changes the fields while it runs."""

    value: float = 1.0
    whole: int | None = None  # the integer field beside it; None: the value without its fraction
    active: bool = True
    target: float = 1.0
    metric_name: str = METRIC_NAME
    empty: bool = False
    hang: threading.Event | None = None  # handlers wait until it is set
    hangs_only: str = ""  # the one RPC that waits; empty: all of them
    error: tuple[grpc.StatusCode, str] | None = None  # GetMetrics ends with it
    active_error: tuple[grpc.StatusCode, str] | None = None  # IsActive ends with it
    stream_error: tuple[grpc.StatusCode, str] | None = None  # StreamIsActive ends with it at once
    refuses_wrong_names: bool = True


class StubScaler(service.ExternalScalerServicer):
    """An external scaler in this process, on a loopback port."""

    def __init__(
        self,
        answers: Answers | None = None,
        *,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.answers = answers or Answers()
        self.calls: list[Call] = []
        self._credentials = credentials
        self._streams: list[queue.SimpleQueue[bool | None]] = []

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="stub-scaler"))
        service.add_ExternalScalerServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        if self._credentials is None:
            port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            port = self._server.add_secure_port("127.0.0.1:0", self._credentials)
        self.address = f"localhost:{port}"
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.answers.hang is not None:
            self.answers.hang.set()
        for stream in self._streams:
            stream.put(None)
        self._server.stop(grace=1.0).wait()

    def push(self, active: bool) -> None:  # noqa: FBT001 (it is the message)
        """Send one message on every open StreamIsActive."""
        for stream in self._streams:
            stream.put(active)

    @property
    def open_streams(self) -> int:
        """How many streams of StreamIsActive are open."""
        return len(self._streams)

    def asked(self, rpc: str, name: str = "") -> list[Call]:
        """The calls of one RPC, about one ScaledObject where its name is given."""
        return [call for call in self.calls if call.rpc == rpc and name in ("", call.name)]

    def IsActive(  # noqa: N802 (the protocol's name)
        self, request: messages.ScaledObjectRef, context: grpc.ServicerContext
    ) -> messages.IsActiveResponse:
        self._record("IsActive", request, context)
        if self.answers.active_error is not None:
            context.abort(*self.answers.active_error)
        return messages.IsActiveResponse(result=self.answers.active)

    def GetMetricSpec(  # noqa: N802
        self, request: messages.ScaledObjectRef, context: grpc.ServicerContext
    ) -> messages.GetMetricSpecResponse:
        self._record("GetMetricSpec", request, context)
        return self._spec()

    def GetMetrics(  # noqa: N802
        self, request: messages.GetMetricsRequest, context: grpc.ServicerContext
    ) -> messages.GetMetricsResponse:
        answers = self.answers
        self._record("GetMetrics", request.scaledObjectRef, context, request.metricName)
        if answers.error is not None:
            context.abort(*answers.error)
        if answers.empty:
            return messages.GetMetricsResponse()
        if answers.refuses_wrong_names and request.metricName != METRIC_NAME:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no metric {request.metricName!r}")
        whole = int(answers.value) if answers.value == answers.value else 0
        whole = whole if answers.whole is None else answers.whole
        value = messages.MetricValue(
            metricName=request.metricName, metricValue=whole, metricValueFloat=answers.value
        )
        return messages.GetMetricsResponse(metricValues=[value])

    def StreamIsActive(  # noqa: N802
        self, request: messages.ScaledObjectRef, context: grpc.ServicerContext
    ) -> Iterator[messages.IsActiveResponse]:
        self._record("StreamIsActive", request, context)
        if self.answers.stream_error is not None:
            context.abort(*self.answers.stream_error)
        stream: queue.SimpleQueue[bool | None] = queue.SimpleQueue()
        self._streams.append(stream)
        context.add_callback(lambda: stream.put(None))
        yield messages.IsActiveResponse(result=self.answers.active)
        while (active := stream.get()) is not None:
            yield messages.IsActiveResponse(result=active)
        self._streams.remove(stream)

    def StreamMetricSpec(  # noqa: N802
        self, request: messages.ScaledObjectRef, context: grpc.ServicerContext
    ) -> Iterator[messages.GetMetricSpecResponse]:
        self._record("StreamMetricSpec", request, context)
        yield self._spec()
        done = threading.Event()
        if context.add_callback(done.set):
            done.wait()

    def _spec(self) -> messages.GetMetricSpecResponse:
        answers = self.answers
        spec = messages.MetricSpec(
            metricName=answers.metric_name,
            targetSize=int(answers.target),
            targetSizeFloat=answers.target,
        )
        return messages.GetMetricSpecResponse(metricSpecs=[spec])

    def _record(
        self,
        rpc: str,
        reference: messages.ScaledObjectRef,
        context: grpc.ServicerContext,
        metric_name: str = "",
    ) -> None:
        self.calls.append(
            Call(
                rpc,
                time.monotonic(),
                reference.namespace,
                reference.name,
                dict(reference.scalerMetadata),
                metric_name,
                context.peer(),
            )
        )
        if self.answers.hang is not None and self.answers.hangs_only in ("", rpc):
            self.answers.hang.wait()
