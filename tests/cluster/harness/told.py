"""What a told story is: everything that was seen, its figures, and both as one JSON document."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .contest import COLD_START, FLOOR, LEAD_TIME_SECONDS, MAXIMUM, PREWARM, REACTIVE, SIDES
from .lives import Crossing, Outcome, PodLife, outcome
from .play import Play

CURVE_STEP_SECONDS = 5


@dataclass(frozen=True)
class Seam:
    """How well past and present meet, at each whole minute as Prometheus gives them."""

    minutes_of_history: int
    minutes_played: int
    series: int  # the most that one time had; two would be counted double
    greatest_error: float  # against the trace, in demand
    mean_error: float


@dataclass(frozen=True)
class Told:
    """A story from its first second to its last."""

    play: Play
    start_at: float
    end_at: float
    lives: Mapping[str, tuple[PodLife, ...]]  # by side
    forecasts: tuple[tuple[float, float], ...]  # time and bound, as the scaler exported them
    seam: Seam

    def outcome(self, side: str) -> Outcome:
        """How one side did."""
        return outcome(self.lives[side], self.play, start_at=self.start_at, end_at=self.end_at)

    @property
    def shortage_ratio(self) -> float:
        """Prewarm's shortage as a part of the reactive one; inf where that was not short."""
        reactive = self.outcome(REACTIVE).shortage_demand_seconds
        return self.outcome(PREWARM).shortage_demand_seconds / reactive if reactive else math.inf

    def ready(self, side: str, at: float) -> int:
        """Ready replicas of one side."""
        return sum(life.is_ready(at) for life in self.lives[side])

    def document(self, machine: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
        """All figures, ready for JSON. Times are times of day in the trace."""
        play = self.play
        needed = [play.needed_at(self.start_at + n) for n in range(self.seconds)]
        return {
            "machine": dict(machine),
            "versions": dict(versions),
            "demand": {
                "trace": play.name,
                "source": play.source,
                "history_days": round(len(play.series) * play.series.step_seconds / 86400, 2),
                "query": "sum(demand)",
                "threshold": play.threshold,
                "at_start": round(play.demand_at(self.start_at), 1),
                "at_end": round(play.demand_at(self.end_at), 1),
            },
            "settings": {
                "hpa_sync_seconds": 15,
                "image_pull_seconds": COLD_START.image_pull_seconds,
                "load_seconds": COLD_START.load_seconds,
                "leadTimeSeconds": LEAD_TIME_SECONDS,
                "minReplicaCount": FLOOR,
                "warmFloor": FLOOR,
                "maxReplicaCount": MAXIMUM,
            },
            "window": {
                "from": play.clock(self.start_at),
                "to": play.clock(self.end_at),
                "seconds": self.seconds,
                "replica_seconds_needed": sum(needed),
            },
            "sides": {side: self._side(side) for side in SIDES},
            "shortage_ratio": round(self.shortage_ratio, 4),
            "seam": vars(self.seam),
            "curves": self._curves(),
        }

    @property
    def seconds(self) -> int:
        """The length of the window."""
        return round(self.end_at - self.start_at)

    def _side(self, side: str) -> dict[str, Any]:
        found = self.outcome(side)
        return {
            "shortage_demand_seconds": round(found.shortage_demand_seconds, 1),
            "short_seconds": found.short_seconds,
            "replica_seconds": found.replica_seconds,
            "ready_replica_seconds": found.ready_replica_seconds,
            "lowest_ready": found.lowest_ready,
            "crossings": [self._crossing(one) for one in found.crossings],
        }

    def _crossing(self, one: Crossing) -> dict[str, Any]:
        is_reached = one.ready_at < math.inf
        return {
            "replicas": one.replicas,
            "needed_at": self.play.clock(one.needed_at),
            "ready_at": self.play.clock(one.ready_at) if is_reached else None,
            "late_seconds": round(one.late_seconds) if is_reached else None,
        }

    def _curves(self) -> dict[str, list[float]]:
        times = [self.start_at + n for n in range(0, self.seconds, CURVE_STEP_SECONDS)]
        return {
            "step_seconds": [CURVE_STEP_SECONDS],
            "demand": [round(self.play.demand_at(at), 1) for at in times],
            "needed": [self.play.needed_at(at) for at in times],
            **{f"{side}_ready": [self.ready(side, at) for at in times] for side in SIDES},
        }
