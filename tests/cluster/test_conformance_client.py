"""Rows that say why: what the real KEDA makes of answers that ours never gives."""

import threading
import time
from itertools import pairwise

import grpc
import pytest

from harness import Namespace, deployment, scaled_object, stays, trigger, wait_for
from harness.conformance import NAME, metric_values
from harness.stub_scaler import METRIC_NAME, StubScaler

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

METRIC = f"s0-{METRIC_NAME}"
BROKEN = (grpc.StatusCode.INTERNAL, "broken on purpose")

# KEDA's deadline for a call (keda 2.21). It makes no second GetMetrics within one answer.
DEADLINE_SECONDS = 3.0

# After a stream that ended in error: 2 s, and twice as long each time (a clean end: 2 s each time).
BACKOFF_SECONDS = (2.0, 4.0, 8.0)


def _deploy(space: Namespace, stub: StubScaler, kind: str = "external") -> None:
    space.create(deployment(NAME))
    space.create(scaled_object(NAME, [trigger(stub.address, kind=kind)]))


@pytest.mark.parametrize(
    ("value", "whole", "taken"),
    [
        pytest.param(7.125, 99, "7.125", id="row-10-the-float-counts"),
        pytest.param(0.0, 9, "9", id="row-11-a-float-of-zero-is-as-if-unset"),
    ],
)
def test_rows_10_and_11_the_two_fields_of_a_value_must_agree(
    space: Namespace, stub: StubScaler, value: float, whole: int, taken: str
) -> None:
    stub.answers.value, stub.answers.whole = value, whole
    _deploy(space, stub)
    wait_for(
        lambda: metric_values(space, METRIC) == [taken],
        f"KEDA takes {value} beside {whole} for {taken}",
        last_seen=lambda: metric_values(space, METRIC),
    )


def test_row_20_an_error_of_is_active_discards_the_metric(
    space: Namespace, stub: StubScaler
) -> None:
    stub.answers.value = 3.0
    _deploy(space, stub)
    wait_for(lambda: metric_values(space, METRIC) == ["3"], "the metric is 3")
    stub.answers.active_error = BROKEN
    wait_for(lambda: metric_values(space, METRIC) == [], "the metric is discarded")
    stub.answers.active_error = None
    wait_for(lambda: metric_values(space, METRIC) == ["3"], "the metric is back")


def test_row_25_a_call_ends_at_its_deadline_and_moves_nothing(
    space: Namespace, stub: StubScaler
) -> None:
    _deploy(space, stub)
    wait_for(lambda: metric_values(space, METRIC) == ["1"], "the metric is 1")
    stub.answers.hang, stub.answers.hangs_only = threading.Event(), "GetMetrics"
    began = time.monotonic()
    assert metric_values(space, METRIC) == []
    assert DEADLINE_SECONDS - 0.5 < time.monotonic() - began < DEADLINE_SECONDS + 3.0
    stays(lambda: space.replicas(NAME) == 1, "nothing moves meanwhile", for_seconds=3)
    stub.answers.hang.set()
    stub.answers.hang = None
    wait_for(lambda: metric_values(space, METRIC) == ["1"], "the metric is back")


def test_row_38_a_stream_that_ends_in_error_is_opened_again_later_each_time(
    space: Namespace, stub: StubScaler
) -> None:
    stub.answers.stream_error = BROKEN
    _deploy(space, stub, kind="external-push")
    n_calls = 1 + len(BACKOFF_SECONDS)
    wait_for(
        lambda: len(stub.asked("StreamIsActive")) >= n_calls,
        "four attempts",
        within_seconds=60,
        last_seen=lambda: stub.asked("StreamIsActive"),
    )
    calls = [call.at_seconds for call in stub.asked("StreamIsActive")[:n_calls]]
    # A busy machine makes a pause longer, never shorter.
    for pause, least in zip((b - a for a, b in pairwise(calls)), BACKOFF_SECONDS, strict=True):
        assert pause > least - 0.2
    stub.answers.stream_error = None
    wait_for(lambda: stub.open_streams == 1, "the stream is open", within_seconds=60)
