"""The clairvoyant optimum, exact.

A fleet of `n[t]` ready replicas must cover `need[t]`. It costs `sum(n)`, and for each replica that
starts its cold start and a fee, and for each that stops its drain: all in replica-ticks.

Why levels: let level k be needed where `need >= k`. The cost of a fleet is the sum over its levels
of their ticks, starts and stops, so each level can be chosen alone. In a gap of `g` ticks a level
either stays (cost g) or stops and comes back (drain + cold start + fee): it stays when g is not
more. What is best for each level is nested, hence a fleet. Filling the gaps up to a length in all
levels at once is the grey closing of mathematical morphology, two sliding extrema.
"""

from dataclasses import dataclass
from math import floor

import numpy as np

from simulations.oracle.windows import Counts, gaps_filled, highest_ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a fleet costs beside its ready replicas, in ticks of one replica.

    `cold_start_ticks` are billed and carry nothing; so are `drain_ticks` after a stop.
    `initial_replicas` are warm when the trace begins. A cold start that would have begun before the
    trace is billed in full.
    """

    cold_start_ticks: int
    start_fee: float = 0.0
    drain_ticks: int = 0
    initial_replicas: int = 0

    def __post_init__(self) -> None:
        for name in ("cold_start_ticks", "start_fee", "drain_ticks", "initial_replicas"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)!r}")

    @property
    def of_start(self) -> float:
        """What one start costs."""
        return self.cold_start_ticks + self.start_fee

    @property
    def longest_kept_gap_ticks(self) -> int:
        """The longest gap through which a replica stays."""
        return floor(self.of_start + self.drain_ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cheapest fleet. `ready` carries demand; `wanted` is it with the starting ones."""

    ready: Counts
    wanted: Counts
    cost: float  # replica-ticks


def optimum(need: Counts, costs: Costs) -> Plan:
    """Return the cheapest plan whose ready replicas cover `need` at each tick."""
    # The initial replicas are a need just before the trace: they end a gap like any other.
    begun = np.concatenate(([costs.initial_replicas], need))
    ready = gaps_filled(begun, costs.longest_kept_gap_ticks)[1:]
    return Plan(
        ready=ready,
        wanted=highest_ahead(ready, costs.cold_start_ticks),
        cost=cost_of(ready, costs),
    )


def cost_of(ready: Counts, costs: Costs) -> float:
    """Return what a fleet of ready replicas costs, in replica-ticks: the oracle's own measure."""
    n_ticks = len(ready)
    change = np.diff(np.concatenate(([costs.initial_replicas], ready)))
    starts = int(change[change > 0].sum())
    left = np.minimum(
        costs.drain_ticks, n_ticks - np.arange(n_ticks)
    )  # the trace's end ends drains
    drained = int((left * np.where(change < 0, -change, 0)).sum())
    return float(ready.sum()) + costs.of_start * starts + drained


def regret(cost: float, best: float) -> float:
    """Return by which share a cost lies above the best; NaN where the best is nothing."""
    return (cost - best) / best if best > 0.0 else float("nan")
