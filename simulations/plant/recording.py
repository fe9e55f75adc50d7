"""What both engines write down: a row a tick, and what became of each request."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forecasting.arrays import BoolVector, FloatVector
from simulations.ports import Outcome
from simulations.workload.requests import Requests

Row: TypeAlias = tuple[float, int, list[float]]
"""A time, the replicas wanted from then on, and what the kernel showed (`engine.SEEN`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """What became of requests, in the order of arrival; from averages in the fluid engine.

    A row stands for `weights` requests (1 of the event engine). NaN: it never came that far.
    `time_to_first` holds the wait; `inter_token` is NaN for an answer of one token.
    """

    arrivals: FloatVector  # (n,), seconds from the start
    weights: FloatVector  # (n,)
    waits: FloatVector  # (n,), seconds until its prefill began
    time_to_first: FloatVector  # (n,), seconds
    inter_token: FloatVector  # (n,), seconds
    ends: FloatVector  # (n,), seconds from the start
    is_lost: BoolVector  # (n,)

    def __len__(self) -> int:
        return int(self.arrivals.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticks:
    """Rows as columns; the last one is the present moment."""

    at: FloatVector  # (n + 1,)
    wanted: FloatVector  # (n + 1,)
    seen: FloatVector  # (n + 1, SEEN)

    @classmethod
    def of(cls, rows: list[Row]) -> "Ticks":
        """Return the rows that time came after; of several at one moment the last one."""
        if len(rows) < 2:  # noqa: PLR2004 - a tick and the present
            raise ValueError("no tick was recorded: scale the plant once a tick, and then ask")
        at = np.array([row[0] for row in rows])
        kept = np.append(np.diff(at) > 0, True)
        if kept.sum() < 2:  # noqa: PLR2004
            raise ValueError("no time has come after the first tick: advance the plant")
        return cls(
            at=at[kept],
            wanted=np.array([row[1] for row in rows], dtype=np.float64)[kept],
            seen=np.array([row[2] for row in rows])[kept],
        )


def outcome_of(ticks: Ticks, requests: Requests, *, carried: float, gpus: int) -> Outcome:
    """Return what happened; `carried` is the demand of one replica, `gpus` are those it has."""
    seconds = np.diff(ticks.at)
    arrived = np.diff(np.searchsorted(requests.arrivals, ticks.at))
    unknown = requests.is_unknown(ticks.at[:-1], ticks.at[1:])
    demand = np.where(unknown, np.nan, arrived / seconds)
    waiting, ready, starting = (ticks.seen[:-1, column] for column in (1, 3, 4))
    busy, idle, booting = (ticks.seen[:, column] * gpus for column in (6, 7, 8))
    return Outcome(
        tick_seconds=float(np.median(seconds)),
        at=ticks.at[:-1],
        demand=demand,
        wanted=ticks.wanted[:-1].astype(np.int64),
        ready=ready.astype(np.int64),
        starting=starting.astype(np.int64),
        waiting=waiting,
        shortage=np.maximum(demand - ready * carried, 0.0),
        busy_seconds=float(busy[-1]),
        idle_seconds=float(idle[-1]),
        starting_seconds=float(booting[-1]),
        busy=np.diff(busy),
        idle=np.diff(idle),
    )
