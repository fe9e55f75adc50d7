"""A fleet as simple as can be: ready a lead time after it was asked for, gone once let go.

Theory of operation. An answer is in force from its tick until the next one. The HPA scales up to it
at once and down only to the largest answer that was in force within the last
`STABILIZATION_SECONDS`. So the number of pods at a moment is the maximum of the answer in force and
of those that ended less than so long ago. A pod answers requests a lead time after it was asked
for, and is paid for from asking. The ones that would be ready last go first, as a ReplicaSet
removes pods that are not ready before those that are.

The lead time holds KEDA's poll, the HPA's sync and its ramp; its tolerance and drains are left out.
Time is continuous here: what a fleet was at a moment doesn't depend on when it was looked at.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from scaler.ledger.account import Account

# The HPA's default for scaleDown.stabilizationWindowSeconds.
STABILIZATION_SECONDS = 300.0

Timed: TypeAlias = tuple[tuple[float, int], ...]  # (Unix seconds, replicas), oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """The replicas of one policy. `held` are past answers: when each one ended, and its count.

    `held` falls from entry to entry and lies above `asked`; only its first entry counts now.
    """

    asked: int
    ready: int
    starting: Timed = ()  # when they will be ready
    held: Timed = ()

    @property
    def wanted(self) -> int:
        """How many pods there are, ready or starting: what is paid for."""
        return self.ready + sum(replicas for _, replicas in self.starting)

    def asked_for(self, replicas: int, *, at: float, lead_time_seconds: float) -> "Pods":
        """Return the fleet with a new answer in force from `at` on."""
        if replicas == self.asked:
            return self
        ended = (*self.held, (at, self.asked)) if self.asked > replicas else self.held
        held = _falling(ended, above=replicas)
        missing = max(replicas, held[0][1] if held else 0) - self.wanted
        starting = self.starting
        if missing > 0:
            starting = tuple(sorted((*starting, (at + lead_time_seconds, missing))))
        return replace(self, asked=replicas, held=held, starting=starting)

    def next_change(self) -> float:
        """Return when the fleet changes by itself, infinity when it doesn't."""
        ready_at = self.starting[0][0] if self.starting else float("inf")
        let_go_at = self.held[0][0] + STABILIZATION_SECONDS if self.held else float("inf")
        return min(ready_at, let_go_at)

    def as_of(self, at: float) -> "Pods":
        """Return the fleet at `at`: what started by then is ready, what was let go is gone."""
        if self.next_change() > at:
            return self
        became = sum(replicas for ready_at, replicas in self.starting if ready_at <= at)
        starting = tuple(entry for entry in self.starting if entry[0] > at)
        held = tuple(entry for entry in self.held if entry[0] + STABILIZATION_SECONDS > at)
        pods = Pods(asked=self.asked, ready=self.ready + became, starting=starting, held=held)
        return _without(pods, pods.wanted - max(self.asked, held[0][1] if held else 0))

    def shifted(self, seconds: float) -> "Pods":
        """Return the fleet with all its times moved: durations stay when a clock is set anew."""
        return replace(
            self,
            starting=tuple((at + seconds, replicas) for at, replicas in self.starting),
            held=tuple((at + seconds, replicas) for at, replicas in self.held),
        )


def spend(
    pods: Pods, *, from_at: float, to_at: float, demand: float, threshold: float
) -> tuple[Pods, Account]:
    """Return the fleet at `to_at`, and what `demand` met and cost on the way there."""
    shortage = short_seconds = replica_seconds = 0.0
    at = from_at
    pods = pods.as_of(at)
    while at < to_at:
        until = min(pods.next_change(), to_at)
        seconds = until - at
        missing = demand - pods.ready * threshold
        if missing > 0:
            shortage += missing * seconds
            short_seconds += seconds
        replica_seconds += pods.wanted * seconds
        at, pods = until, pods.as_of(until)
    account = Account(
        shortage_demand_seconds=shortage,
        short_seconds=short_seconds,
        replica_seconds=replica_seconds,
    )
    return pods, account


def _falling(answers: Timed, *, above: int) -> Timed:
    """Return the answers that no later one outdoes: the running maximum needs no others."""
    kept: list[tuple[float, int]] = []
    highest = above
    for ended_at, replicas in reversed(answers):
        if replicas > highest:
            kept.append((ended_at, replicas))
            highest = replicas
    return tuple(reversed(kept))


def _without(pods: Pods, excess: int) -> Pods:
    """Return the fleet with `excess` pods less, those that would be ready last first."""
    kept: list[tuple[float, int]] = []
    for ready_at, replicas in reversed(pods.starting):
        gone = min(excess, replicas)
        excess -= gone
        if replicas > gone:
            kept.append((ready_at, replicas - gone))
    return replace(pods, ready=pods.ready - excess, starting=tuple(reversed(kept)))
