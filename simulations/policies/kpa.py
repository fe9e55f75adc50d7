"""Knative's pod autoscaler: requests in flight, averaged over a stable and a panic window.

From `pkg/autoscaler/scaling/autoscaler.go`. It goes by the stable window until the panic window
asks for `panic_threshold` times the ready pods; then it only goes up, by the larger of the two,
until the threshold has not been crossed for a stable window.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

from simulations.ports import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class KpaSpec:
    """Knative's settings with its defaults; `target` is requests in flight on one replica.

    Users give a `containerConcurrency` of which the target is 70 %.
    """

    target: float
    stable_window_seconds: float = 60.0
    panic_window_seconds: float = 6.0
    panic_threshold: float = 2.0
    max_scale_up_rate: float = 1_000.0
    max_scale_down_rate: float = 2.0
    scale_down_delay_seconds: float = 0.0
    min_replicas: int = 1
    max_replicas: int = 100

    def __post_init__(self) -> None:
        for key in ("target", "stable_window_seconds", "panic_window_seconds", "panic_threshold"):
            if not getattr(self, key) > 0.0:
                raise ValueError(f"{key} must be > 0, got {getattr(self, key)!r}")
        for key in ("max_scale_up_rate", "max_scale_down_rate"):
            if not getattr(self, key) > 1.0:
                raise ValueError(f"{key} must be > 1, got {getattr(self, key)!r}")
        if not 0 <= self.min_replicas <= self.max_replicas:
            raise ValueError(
                "min_replicas must be in [0, max_replicas], "
                f"got {self.min_replicas!r} and {self.max_replicas!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class KpaState:
    """Since when it panics (None: it does not), and the most pods of this panic."""

    panicked_at: float | None = None
    most: int = 0


def begun(at: float, ready: int) -> KpaState:
    """Return the state of a new autoscaler: with several pods it panics, to keep them at first."""
    return KpaState(panicked_at=at if ready > 1 else None, most=ready)


def decided(
    state: KpaState, spec: KpaSpec, *, at: float, ready: int, stable: float, panic: float
) -> tuple[KpaState, int]:
    """Return what to remember, and the replicas before delay and bounds.

    `stable` and `panic` are the means of requests in flight over the two windows.
    """
    pods = max(1, ready)
    by_panic = ceil(panic / spec.target)
    state = _panicked(state, spec, at=at, is_over=by_panic / pods >= spec.panic_threshold)
    replicas = _within_rates(ceil(stable / spec.target), pods, spec)
    if state.panicked_at is None:
        return state, replicas
    most = max(state.most, replicas, _within_rates(by_panic, pods, spec))
    return KpaState(panicked_at=state.panicked_at, most=most), most


def _panicked(state: KpaState, spec: KpaSpec, *, at: float, is_over: bool) -> KpaState:
    if is_over:
        return KpaState(panicked_at=at, most=state.most)
    if state.panicked_at is not None and state.panicked_at + spec.stable_window_seconds < at:
        return KpaState()
    return state


def _within_rates(count: int, pods: int, spec: KpaSpec) -> int:
    low, high = floor(pods / spec.max_scale_down_rate), ceil(spec.max_scale_up_rate * pods)
    return min(max(count, low), high)


class Kpa:
    """The autoscaler of one revision. It sets replicas itself, at each tick that it is asked.

    Knative ticks every 2 s. Asked less often, its panic window holds the newest sample alone.
    """

    def __init__(self, name: str, spec: KpaSpec) -> None:
        self.name = name
        self._spec = spec
        self._state: KpaState | None = None
        self._seen: deque[tuple[float, float]] = deque()
        self._wanted: deque[tuple[float, int]] = deque()

    def replicas(self, seen: Observation) -> int:
        """Return the replicas for what was in flight in the windows that end now."""
        spec = self._spec
        self._seen.append((seen.at, seen.running + seen.waiting))
        longest = max(spec.stable_window_seconds, spec.panic_window_seconds)
        while self._seen[0][0] <= seen.at - longest:
            self._seen.popleft()
        self._state, replicas = decided(
            self._state or begun(seen.at, seen.ready),
            spec,
            at=seen.at,
            ready=seen.ready,
            stable=_mean(n for _, n in self._seen),
            panic=_mean(n for at, n in self._seen if at > seen.at - spec.panic_window_seconds),
        )
        replicas = self._delayed(seen.at, replicas)
        return min(max(replicas, spec.min_replicas), spec.max_replicas)

    def _delayed(self, at: float, replicas: int) -> int:
        """Return the most that was wanted within the scale-down delay."""
        delay = self._spec.scale_down_delay_seconds
        if delay <= 0.0:
            return replicas
        self._wanted.append((at, replicas))
        while self._wanted[0][0] <= at - delay:
            self._wanted.popleft()
        return max(count for _, count in self._wanted)


def _mean(values: Iterable[float]) -> float:
    found = tuple(values)
    return sum(found) / len(found)
