"""The same sync for the simulator, which makes millions: the state changes in place.

Proposals are kept in a deque that is monotone, so that the highest (or lowest) of a window is its
first. Everything that a quiet sync doesn't need is the plain form's own code. It answers what
`hpa.sync` answers, which the tests hold it to.
"""

from collections import deque
from collections.abc import Sequence
from math import ceil

from simulations.autoscaling.hpa import guarded, limited, remembered
from simulations.autoscaling.limits import NONE_YET
from simulations.autoscaling.proposals import MAX_INT32, Fleet, Reading, desired
from simulations.autoscaling.spec import HpaSpec
from simulations.autoscaling.stabilization import between
from simulations.ports import Metric


class Hpa:
    """One HPA over its life. Syncs come in the order of time."""

    __slots__ = (
        "_down_seconds",
        "_has_behavior",
        "_high",
        "_is_asleep",
        "_is_new",
        "_least",
        "_low",
        "_most",
        "_past",
        "_up_seconds",
        "spec",
    )

    def __init__(self, spec: HpaSpec) -> None:
        self.spec = spec
        self._has_behavior = spec.behavior is not None
        self._up_seconds = spec.up_window_seconds
        self._down_seconds = spec.down_window_seconds
        self._least = 1.0 - spec.down_tolerance
        self._most = 1.0 + spec.up_tolerance
        self._high: deque[tuple[float, int]] = deque()
        self._low: deque[tuple[float, int]] = deque()
        self._past = NONE_YET
        self._is_asleep = False
        self._is_new = True

    def sync(self, at: float, fleet: Fleet, readings: Sequence[Reading]) -> int:
        """Return the `spec.replicas` that the HPA leaves behind at `at`."""
        wanted = fleet.wanted
        spec = self.spec
        if self._is_new:
            self._is_new = False
            self._note(at, wanted)
        if not 0 < wanted <= spec.max_replicas or wanted < spec.min_replicas:
            outside = guarded(wanted, spec, is_asleep=self._is_asleep)
            if outside is not None:
                return self._rescaled(wanted, outside, at)
        asked = self._asked(fleet, readings)
        if asked is None:
            return wanted
        self._note(at, asked)
        replicas = self._high[0][1]
        if self._has_behavior:
            low = self._low[0][1] if self._up_seconds > 0.0 else asked
            replicas = between(wanted, low=low, high=replicas)
        if replicas == wanted and wanted > 0:
            return wanted
        return self._rescaled(wanted, limited(wanted, replicas, spec, self._past, at=at), at)

    def _asked(self, fleet: Fleet, readings: Sequence[Reading]) -> int | None:
        """Return the largest proposal; one metric of type AverageValue is the common case."""
        if len(readings) != 1 or fleet.existing == 0:
            return desired(readings, fleet, self.spec)
        metric = readings[0]
        if not isinstance(metric, Metric):
            return desired(readings, fleet, self.spec)
        usage, target = float(metric[0]), float(metric[1])
        if self._least <= usage / (target * fleet.existing) <= self._most:
            return fleet.existing
        count = ceil(usage / target)
        return min(MAX_INT32, count)

    def _note(self, at: float, asked: int) -> None:
        """Keep a proposal, and drop what is too old or can never be first again."""
        high, since = self._high, at - self._down_seconds
        while high and high[-1][1] <= asked:
            high.pop()
        high.append((at, asked))
        while high[0][0] <= since and len(high) > 1:
            high.popleft()
        if self._up_seconds > 0.0 and self._has_behavior:
            low, since = self._low, at - self._up_seconds
            while low and low[-1][1] >= asked:
                low.pop()
            low.append((at, asked))
            while low[0][0] <= since and len(low) > 1:
                low.popleft()

    def _rescaled(self, wanted: int, replicas: int, at: float) -> int:
        if replicas != wanted:
            self._past = remembered(self._past, self.spec, wanted, replicas, at=at)
            self._is_asleep = replicas == 0
        return replicas
