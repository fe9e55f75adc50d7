"""Reads demand from Prometheus, or from what speaks its API (Thanos, Mimir, VictoriaMetrics).

prometheus-api-client builds the requests. It sends one for a range, whatever its length, formats
times as whole seconds, answers only `data.result` and waits without bounds; so chunks, exact times
and the rest of the answer are ours, and what it leaves open is closed around it: the session bounds
time and size and follows no redirect, connections go only where they may, the lane keeps a server
that hangs to itself, and metadata reaches neither credentials nor addresses that the operator
didn't permit. Nothing that is secret leaves here in an error.
"""

import functools
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from forecasting.series import Series
from scaler.adapters.prometheus_answer import (
    Points,
    failure_of_status,
    instant_of,
    points_of,
    samples_read,
    several_series,
)
from scaler.adapters.prometheus_connection import Exchange
from scaler.adapters.prometheus_endpoint import Endpoint
from scaler.adapters.prometheus_endpoints import Endpoints
from scaler.adapters.prometheus_lane import Turn
from scaler.adapters.prometheus_session import PARSING
from scaler.adapters.prometheus_settings import PrometheusSettings
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

OnRejected: TypeAlias = Callable[[DemandQuery, str, int], None]  # reason, samples
OnExpensive: TypeAlias = Callable[[DemandQuery, float, float], None]  # seconds, samples or NaN

MAX_POINTS = 10_080  # 7 days of minutes; Prometheus refuses a range of more than 11,000
TOO_MANY_SAMPLES = "too many samples"  # Prometheus' words for query.max-samples
NO_RETRIES = Retry(total=0)  # the session retries, within the deadline


def _ignore(*_: object) -> None:
    pass


class PrometheusSource:
    """A HistorySource. Used from one event loop; requests run in threads.

    `on_rejected(query, reason, count)` tells of samples that are no demand (`negative`,
    `not-finite`) and were read as not observed. `on_expensive(query, seconds, samples)` tells of a
    query that costs the server more than it should, also when that made it fail; samples are NaN
    where the server doesn't count them. Both are called in the event loop.
    """

    def __init__(
        self,
        settings: PrometheusSettings,
        *,
        on_rejected: OnRejected = _ignore,
        on_expensive: OnExpensive = _ignore,
    ) -> None:
        self._settings = settings
        self._on_rejected = on_rejected
        self._on_expensive = on_expensive
        self._endpoints = Endpoints(settings)

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        """Return the grid points in [start_at, end_at], in as many requests as that takes."""
        endpoint = self._endpoints.endpoint_of(query)
        parts: list[Points] = []
        async with endpoint.lane.turn(query.owner) as turn:
            for first_at, n_points in chunks(start_at, end_at, query.step_seconds):
                job = functools.partial(
                    _ask_range, endpoint, query, start_at=first_at, n_points=n_points
                )
                parts.append(await self._ask(turn, endpoint, query, job))
        labels = list(dict.fromkeys(part.labels for part in parts if part.labels is not None))
        if len(labels) > 1:  # one at a time, but not the same one all the time
            raise several_series(labels[:2])
        values = np.concatenate([part.values for part in parts])
        return Series(start_at=start_at, step_seconds=query.step_seconds, values=values)

    async def read_instant(self, query: DemandQuery, *, at: float) -> float:
        """Return demand at `at`; NaN when the server answered that it has none."""
        endpoint = self._endpoints.endpoint_of(query)
        async with endpoint.lane.turn(query.owner) as turn:
            job = functools.partial(_ask_instant, endpoint, query, at=at)
            points = await self._ask(turn, endpoint, query, job)
        return float(points.values[0])

    async def close(self) -> None:
        """End requests under way, and release connections and threads."""
        self._endpoints.close()

    async def _ask(
        self,
        turn: Turn,
        endpoint: Endpoint,
        query: DemandQuery,
        job: Callable[[Exchange], Points],
    ) -> Points:
        exchange = endpoint.exchange()
        began_at = time.monotonic()
        try:
            points = await turn.run(functools.partial(job, exchange), exchange)
        except HistoryUnavailable as failure:
            if exchange.answer is not None and (
                failure.reason == "timeout" or TOO_MANY_SAMPLES in str(failure)
            ):
                self._on_expensive(query, time.monotonic() - began_at, math.nan)
            raise
        self._note_cost(query, time.monotonic() - began_at, exchange)
        for reason, count in points.rejected.items():
            self._on_rejected(query, reason, count)
        return points

    def _note_cost(self, query: DemandQuery, seconds: float, exchange: Exchange) -> None:
        samples = samples_read(exchange.answer.envelope())
        is_slow = seconds > self._settings.expensive_seconds
        if is_slow or samples > self._settings.expensive_samples:
            self._on_expensive(query, seconds, samples)


def chunks(start_at: float, end_at: float, step_seconds: float) -> Iterator[tuple[float, int]]:
    """Return the first point and the number of points of each request; no point is in two."""
    n_points = round((end_at - start_at) / step_seconds) + 1
    for first in range(0, n_points, MAX_POINTS):
        yield start_at + first * step_seconds, min(MAX_POINTS, n_points - first)


def _ask_range(
    endpoint: Endpoint, query: DemandQuery, exchange: Exchange, *, start_at: float, n_points: int
) -> Points:
    """Return `n_points` points from `start_at` on. Raises HistoryUnavailable."""
    step = query.step_seconds
    end_at = start_at + (n_points - 1) * step
    times = {"start": _seconds(start_at), "end": _seconds(end_at), "step": _seconds(step)}

    def ask(client: PrometheusConnect, parameters: dict[str, str]) -> Points:
        start, end = (datetime.fromtimestamp(at, UTC) for at in (start_at, end_at))
        result = client.custom_query_range(
            query.query, start, end, times["step"], params=parameters
        )
        with PARSING:
            return points_of(result, start_at=start_at, step_seconds=step, n_points=n_points)

    return _answered(endpoint, query, exchange, times, ask)


def _ask_instant(
    endpoint: Endpoint, query: DemandQuery, exchange: Exchange, *, at: float
) -> Points:
    """Return one point, at `at`. Raises HistoryUnavailable."""

    def ask(client: PrometheusConnect, parameters: dict[str, str]) -> Points:
        result = client.custom_query(query.query, params=parameters)
        return instant_of(result, exchange.answer.json()["data"]["resultType"])

    return _answered(endpoint, query, exchange, {"time": _seconds(at)}, ask)


def _answered(
    endpoint: Endpoint,
    query: DemandQuery,
    exchange: Exchange,
    times: dict[str, str],
    ask: Callable[[PrometheusConnect, dict[str, str]], Points],
) -> Points:
    """Return the points, or raise a HistoryUnavailable that is fit to be shown."""
    client = PrometheusConnect(endpoint.address, session=endpoint.session, retry=NO_RETRIES)
    try:
        endpoint.prepare(exchange, query)
        return ask(client, _parameters(endpoint, query) | times)
    except HistoryUnavailable as error:
        failure = error
    except (PrometheusApiClientException, KeyError, TypeError, ValueError):
        # The client quotes the whole body, or fails on one that it doesn't expect.
        failure = _failure(exchange)
    # Not `from`: a cause keeps the words that `reported` takes out.
    raise endpoint.reported(failure, exchange, query)


def _parameters(endpoint: Endpoint, query: DemandQuery) -> dict[str, str]:
    """Return the query parameters but for the times; ours stand last."""
    namespace = {} if query.namespace is None else {"namespace": query.namespace}
    ours = {"timeout": _seconds(endpoint.server_deadline_seconds), "stats": "true"}
    return dict(query.parameters) | namespace | ours


def _failure(exchange: Exchange) -> HistoryUnavailable:
    answer = exchange.answer
    failure = None
    if answer is not None:  # an answer of 400 is false
        failure = failure_of_status(answer.status_code, answer.envelope())
    return failure or HistoryUnavailable("bad-answer", "something that isn't Prometheus answered")


def _seconds(seconds: float) -> str:
    """Return Unix seconds, or a length of time, as a query parameter: milliseconds count."""
    return f"{seconds:.3f}"
