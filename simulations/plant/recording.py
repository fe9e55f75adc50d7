"""What both engines write down: a row a tick, and what became of each request."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.arrays import FloatVector
from simulations.ports import Outcome


class Row(NamedTuple):
    """A fleet at one tick. Pod seconds are those since the start."""

    at: float
    demand: float
    wanted: int
    ready: int
    starting: int
    waiting: float
    busy: float
    idle: float
    booting: float


def row_of(seen: list[float], *, at: float, demand: float, wanted: int) -> Row:
    """Return the row of a tick from what a kernel's `seen` holds."""
    _running, waiting, _use, ready, starting, busy, idle, booting = seen
    return Row(
        at=at,
        demand=demand,
        wanted=wanted,
        ready=int(ready),
        starting=int(starting),
        waiting=waiting,
        busy=busy,
        idle=idle,
        booting=booting,
    )


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
    is_lost: np.ndarray[tuple[int], np.dtype[np.bool_]]  # (n,)

    def __len__(self) -> int:
        return int(self.arrivals.size)


def outcome_of(rows: list[Row], *, end: Row, carried: float, gpus: int) -> Outcome:
    """Return the ticks' rows as arrays, the last one followed until `end`, the present moment.

    `carried` is the demand that one replica carries, `gpus` how many it has.
    """
    if not rows:
        raise ValueError("no tick was recorded: scale the plant once a tick, and then ask")
    if len(rows) > 1 and end.at <= rows[-1].at:
        rows = rows[:-1]  # a tick that nothing has come after yet
    columns = [np.array(column, dtype=np.float64) for column in zip(*(*rows, end), strict=True)]
    at, demand, wanted, ready, starting, waiting, busy, idle, _booting = columns
    # A row tells the demand before it; the pods of a tick carry what comes after it.
    after = demand[1:]
    return Outcome(
        tick_seconds=float(np.median(np.diff(at))),
        demand=after,
        wanted=wanted[:-1].astype(np.int64),
        ready=ready[:-1].astype(np.int64),
        starting=starting[:-1].astype(np.int64),
        waiting=waiting[:-1],
        shortage=np.maximum(after - ready[:-1] * carried, 0.0),
        busy_seconds=end.busy * gpus,
        idle_seconds=end.idle * gpus,
        starting_seconds=end.booting * gpus,
        at=at[:-1],
        busy=np.diff(busy) * gpus,
        idle=np.diff(idle) * gpus,
    )
