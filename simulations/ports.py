"""The seams of the simulator: what a policy may see, what it answers, what a plant does.

The loop of a run, once a tick: the plant advances to the tick, the policy sees what a scrape would
have shown by then, its metrics go through KEDA's and the HPA's arithmetic, and the replicas that
come out are set in the plant. Times are seconds from the start of the trace, except where a name
ends in `_at`, which is Unix time. Nothing that a policy is given is later than its tick.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the metrics of a fleet show at one tick; rates are those of the last scrape window.

    `demand` is arrivals a second, NaN while nothing was ever scraped. `running` and `waiting` are
    requests over all replicas, `kv_cache_use` is the mean share over the ready ones (0..1).
    `wanted` is what the Deployment's `spec.replicas` says; `ready` + `starting` are billed.
    """

    at: float
    demand: float
    running: float
    waiting: float
    kv_cache_use: float
    wanted: int
    ready: int
    starting: int


class Metric(NamedTuple):
    """One external metric of type AverageValue, in thousandths as Kubernetes carries it."""

    usage_milli: int
    target_milli: int


class Policy(Protocol):
    """What stands behind a trigger. Deterministic; may keep state from tick to tick."""

    @property
    def name(self) -> str:
        """The word for it in tables, plots and files."""
        ...

    def metrics(self, seen: Observation) -> tuple[Metric, ...]:
        """Return a metric for each trigger, at least one. The HPA takes the largest proposal."""
        ...

    def is_active(self, seen: Observation) -> bool:
        """Whether KEDA may wake the target, or must leave it awake."""
        ...


@runtime_checkable
class DirectPolicy(Protocol):
    """A policy that sets replicas itself, past KEDA and the HPA: static fleets, KPA, the oracle."""

    @property
    def name(self) -> str:
        """The word for it in tables, plots and files."""
        ...

    def replicas(self, seen: Observation) -> int:
        """Return what `spec.replicas` is to be from `seen.at` on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a plant did over a run; one value a tick in each array, all of one length.

    `shortage` is demand that no ready replica carried, in the unit of demand. `busy_seconds`,
    `idle_seconds` and `starting_seconds` are GPU seconds and add up to what is billed. `at` is when
    a tick was, `demand` and `shortage` are of the time until the next one, and `busy` and `idle`
    are GPU seconds of that time.
    """

    tick_seconds: float
    demand: NDArray[np.float64]
    wanted: NDArray[np.int64]
    ready: NDArray[np.int64]
    starting: NDArray[np.int64]
    waiting: NDArray[np.float64]
    shortage: NDArray[np.float64]
    busy_seconds: float
    idle_seconds: float
    starting_seconds: float
    at: NDArray[np.float64]
    busy: NDArray[np.float64]
    idle: NDArray[np.float64]


class Plant(Protocol):
    """A fleet of replicas under a workload. Both engines are one."""

    def advance(self, until: float) -> None:
        """Serve what arrives before `until`."""
        ...

    def observe(self) -> Observation:
        """Return what a scrape shows at the present moment."""
        ...

    def scale(self, replicas: int) -> None:
        """Set `spec.replicas` at the present moment; pods start, or drain and end.

        To be called once a tick, changed or not: pods that found no room look for it again, and
        the tick's row of the outcome is written.
        """
        ...

    def outcome(self) -> Outcome:
        """Return the whole run so far."""
        ...
