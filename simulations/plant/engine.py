"""What both engines share: pods that are scaled, what a scrape shows, and the rows of the ticks."""

import numpy as np
from numpy.typing import NDArray

from simulations.plant.cluster import Cluster
from simulations.plant.pods import Arrange, Pods
from simulations.plant.recording import Row, Ticks, outcome_of
from simulations.plant.share import carried_of
from simulations.ports import Observation, Outcome
from simulations.workload.requests import Requests

# What a kernel writes for Python to read: running, waiting, kv cache use, pods ready, starting, and
# those that are to be arranged anew; busy, idle and starting pod seconds; arrivals of the window.
SEEN = 10


class Engine:
    """A Plant but for the serving itself. Equal for equal arguments and calls."""

    def __init__(
        self, requests: Requests, cluster: Cluster, *, seed: int, arranged: Arrange
    ) -> None:
        self.requests, self.cluster = requests, cluster
        self.pods = Pods(cluster, seed, arranged=arranged)
        self.carried = carried_of(cluster, requests)
        self._seen: NDArray[np.float64] = np.zeros(SEEN)
        self._looked: list[float] = self._seen.tolist()
        self._unknown = requests.unknown
        self._window_seconds = cluster.scrape_window_seconds
        self._now = 0.0
        self._rows: list[Row] = []

    def _serve(self, until: float) -> None:
        """Serve from the present moment on, and write to `_seen` what there is then."""
        raise NotImplementedError

    def advance(self, until: float) -> None:
        """Serve what arrives before `until`. Raises ValueError when that lies in the past."""
        if until < self._now:
            raise ValueError(f"until: {until!r} is before the present moment, {self._now!r}")
        self._serve(until)
        self._now = until
        self._looked = self._seen.tolist()

    def observe(self) -> Observation:
        """Return what a scrape shows at the present moment."""
        looked = self._looked
        return Observation(
            at=self._now,
            demand=self._demand(looked[9]),
            running=looked[0],
            waiting=looked[1],
            kv_cache_use=looked[2],
            wanted=self.pods.wanted,
            ready=int(looked[3]),
            starting=int(looked[4]),
        )

    def _demand(self, n_arrived: float) -> float:
        """Return arrivals a second over the window; shorter at first, NaN where any is unknown."""
        begin = max(0.0, self._now - self._window_seconds)
        if begin == self._now:
            return float("nan")
        for since, until in self._unknown:
            if begin < until and self._now > since:
                return float("nan")
        return n_arrived / (self._now - begin)

    def scale(self, replicas: int) -> None:
        """Set `spec.replicas`, place what waits for room, and write the tick's row."""
        if replicas != self.pods.wanted or self._looked[5] > 0:
            self.pods.scale(replicas, self._now)
            self.advance(self._now)  # what is there after it
        self._rows.append((self._now, replicas, self._looked))

    def outcome(self) -> Outcome:
        """Return the run so far, up to the present moment."""
        ticks = Ticks.of([*self._rows, (self._now, self.pods.wanted, self._looked)])
        return outcome_of(
            ticks, self.requests, carried=self.carried, gpus=self.cluster.gpus_per_replica
        )
