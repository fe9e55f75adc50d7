"""A board filled by hand, a decision a minute, without a server or a controller."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from forecasting.forecast import Forecast
from forecasting.series import Series
from scaler.adapters.memory import ManualClock
from scaler.board import Board, Snapshot, Target
from scaler.fleet import Fleet, LeadTime, StartClass
from scaler.metadata import Trigger
from scaler.page.app import StatusPage
from scaler.page.view import LedgerSide, LedgerView
from scaler.policy import decide
from scaler.types import Evidence, PolicyState, Seen

NOON = 1_773_230_400.0  # Wednesday 2026-03-11 12:00 UTC
METADATA = {"query": "demand", "threshold": "10", "warmFloor": "1", "maxReplicas": "8"}
HORIZON_SECONDS = 300.0
LEDGER = LedgerView(
    since_at=NOON - 86_400.0,
    until_at=NOON,
    known_seconds=86_400.0,
    unknown_seconds=0.0,
    prewarm=LedgerSide(short_seconds=30.0, shortage_demand_seconds=400.0, replica_hours=110.0),
    reactive=LedgerSide(short_seconds=320.0, shortage_demand_seconds=1_000.0, replica_hours=100.0),
    actual=None,
    actual_seconds=0.0,
    saved_ratio=0.6,
    extra_ratio=0.1,
    mode_in_force="predict",
)


def new_board() -> Board:
    return Board(max_targets=2_000, max_targets_per_namespace=2_000)


def add(
    board: Board, clock: ManualClock, *, name: str = "chat", namespace: str = "llm", **keys: str
) -> Target:
    """Let KEDA ask about a target."""
    metadata = {**METADATA, **{key: value for key, value in keys.items() if value}}
    return board.find(namespace, name, metadata, clock.monotonic())


def seen(
    at: float,
    demand: float = nan,
    bound: float | None = None,
    *,
    evidence: Evidence = Evidence.FRESH,
    fleet: Fleet | None = None,
    lead_time: LeadTime | None = None,
) -> Seen:
    forecast = None
    if bound is not None:
        forecast = Forecast(
            issued_at=at,
            horizon_seconds=HORIZON_SECONDS,
            level=0.95,
            value=bound,
            method="last-value",
        )
    return Seen(
        as_of=at,
        evidence=evidence,
        observed_demand=demand,
        observed_at=at if demand == demand else nan,  # noqa: PLR0124 - not NaN
        forecast=forecast,
        fleet=fleet,
        lead_time=lead_time,
        lead_seconds=None if lead_time is None else lead_time.seconds,
    )


def publish(target: Target, what: Seen, clock: ManualClock, state: PolicyState) -> PolicyState:
    """Decide and put the decision in force, as a tick does."""
    assert isinstance(target.trigger, Trigger)
    params = target.trigger.params
    state, decision = decide(state, what, params)
    stale = what if what.evidence is Evidence.UNKNOWN else replace(what, evidence=Evidence.STALE)
    at = clock.monotonic()
    target.publish(
        Snapshot(
            decision=decision,
            decision_when_stale=decide(state, stale, params)[1],
            published_at=at,
            fresh_until=at + 300.0,
        )
    )
    return state


def live(target: Target, clock: ManualClock, demand: Sequence[float], **more: Any) -> PolicyState:
    """Let a decision a minute pass, the last of them now; the bound is a fifth above demand."""
    state = PolicyState()
    start_at = clock.now() - 60.0 * (len(demand) - 1)
    for nth, value in enumerate(demand):
        state = publish(
            target, seen(start_at + 60.0 * nth, value, value * 1.2, **more), clock, state
        )
    target.demand = Series(start_at=start_at, step_seconds=60.0, values=np.array(demand))
    return state


def page_of(board: Board, clock: ManualClock, **more: Any) -> StatusPage:
    return StatusPage(board=board, clock=clock, is_ready=lambda: True, **more)


def fleet(at: float = NOON, *, wanted: int = 5, ready: int = 3, **more: int) -> Fleet:
    return Fleet(at=at, wanted=wanted, ready=ready, **more)


def lead_time(seconds: float = 240.0) -> LeadTime:
    return LeadTime(
        seconds=seconds,
        start_seconds=seconds - 45.0,
        scaling_seconds=45.0,
        quantile=0.9,
        n_starts=40,
        n_censored=2,
        is_measured=True,
        start_class=StartClass.WARM_NODE,
    )


def ask(
    page: StatusPage, path: str, *, query: str = "", method: str = "GET", host: str = "127.0.0.1"
) -> tuple[str, dict[str, str], str]:
    """Return status, headers and text of one request."""
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "HTTP_HOST": host,
    }
    body = b"".join(page(environ, lambda status, headers: told.extend((status, dict(headers)))))
    return told[0], told[1], body.decode()
