"""How long pods take to start: lognormal phases, drawn beforehand for each pod by its number.

Drawn by number and not by the moment, so that two settings that start as many pods give them the
same luck, and a difference between the two is a difference of the settings.
"""

from dataclasses import dataclass, field
from math import log

import numpy as np

from forecasting.arrays import FloatVector
from simulations.plant.errors import BadPlant
from simulations.workload.streams import stream

Z95 = 1.6448536269514722
MOST_ATTEMPTS = 20  # a pod that fails more often would fail for ever, and the run with it
BLOCK = 1_024  # pods whose starts are drawn at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A lognormal time. `p95_seconds` equal to the median: always the same."""

    median_seconds: float
    p95_seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.median_seconds < float("inf"):
            raise BadPlant("median_seconds", self.median_seconds, "a number >= 0")
        if not self.median_seconds <= self.p95_seconds < float("inf"):
            raise BadPlant("p95_seconds", self.p95_seconds, "the median or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatVector:
        """Return n times in seconds, (n,)."""
        luck = rng.standard_normal(n)
        if self.median_seconds == 0:
            return np.zeros(n)
        sigma = log(self.p95_seconds / self.median_seconds) / Z95
        return np.asarray(self.median_seconds * np.exp(sigma * luck))


def constant(seconds: float) -> Phase:
    """Return a phase without chance."""
    return Phase(median_seconds=seconds, p95_seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """From a pod's place on a node until it serves; on a node that must come first, that too.

    `warm` is for a node that has had the image and the weights, `cold` for one that has not.
    A start fails with `failure_ratio`; it fails at its end, and begins anew. `k` starts at a time
    each take k to the power of `bandwidth_exponent` as long: 0, the registry and the store have
    bandwidth for all; 1, they share one link.
    """

    warm: Phase = field(default_factory=lambda: Phase(median_seconds=90.0, p95_seconds=150.0))
    cold: Phase = field(default_factory=lambda: Phase(median_seconds=300.0, p95_seconds=420.0))
    new_node: Phase = field(default_factory=lambda: Phase(median_seconds=180.0, p95_seconds=360.0))
    failure_ratio: float = 0.0
    bandwidth_exponent: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.failure_ratio < 1:
            raise BadPlant("failure_ratio", self.failure_ratio, "0 or more, below 1")
        if not 0 <= self.bandwidth_exponent <= 1:
            raise BadPlant("bandwidth_exponent", self.bandwidth_exponent, "0 to 1")


def always(seconds: float) -> ColdStart:
    """Return a cold start that takes the same time wherever a pod goes."""
    return ColdStart(warm=constant(seconds), cold=constant(seconds), new_node=constant(0.0))


class Draws:
    """Start times of pods by number. Grows by whole blocks, each from a stream of its own."""

    def __init__(self, cold_start: ColdStart, seed: int) -> None:
        self._cold_start = cold_start
        self._seed = seed
        self.warm = self.cold = self.node = np.empty(0)

    def reach(self, n_pods: int) -> None:
        """Have the times of so many pods."""
        while self.warm.size < n_pods:
            block = self.warm.size // BLOCK
            self.warm = np.append(self.warm, self._start("warm", self._cold_start.warm, block))
            self.cold = np.append(self.cold, self._start("cold", self._cold_start.cold, block))
            nodes = stream(self._seed, f"new nodes {block}")
            self.node = np.append(self.node, self._cold_start.new_node.draw(nodes, BLOCK))

    def _start(self, name: str, phase: Phase, block: int) -> FloatVector:
        """Return the sums of all attempts of each pod of a block, the failed ones included."""
        chance = stream(self._seed, f"failed starts {block}")
        failure = self._cold_start.failure_ratio
        fails = chance.random((MOST_ATTEMPTS - 1, BLOCK)) < failure
        n_attempts = 1 + np.cumprod(fails, axis=0).sum(axis=0)
        rng = stream(self._seed, f"{name} starts {block}")
        times = phase.draw(rng, BLOCK)
        for attempt in range(2, int(n_attempts.max()) + 1):
            times = times + np.where(n_attempts >= attempt, phase.draw(rng, BLOCK), 0.0)
        return times
