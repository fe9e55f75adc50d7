"""What happened, as flat immutable rows: one for each HPA sync."""

from dataclasses import dataclass

from scaler.types import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way of scaling at one moment."""

    answered: int  # what the scaler told KEDA
    wanted: int  # what the HPA made of it: pods ready or starting
    ready: int  # pods that answer requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One HPA sync, of the same demand scaled in both ways. NaN = not known (yet)."""

    at: float  # Unix seconds
    demand: float
    forecast: float  # upper bound for the peak of the lead time ahead
    method: str  # of the forecast, empty without one
    prewarm: Side
    reactive: Side
    steps: tuple[Step, ...]  # of Prewarm's decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What both sides are held to."""

    threshold: float  # demand that one replica carries
    warm_floor: int
    max_replicas: int
    lead_time_seconds: float
    start_at: float
    end_at: float
    spike_at: float  # when the spike is due
