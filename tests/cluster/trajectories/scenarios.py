"""Random HPAs and what their metrics say at each sync. The same seed gives the same.

Most random HPAs soon stand at a limit for good, and would prove nothing. So each is drawn again
until the emulation expects it to move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from simulations.autoscaling import (
    Behavior,
    Fleet,
    HpaSpec,
    HpaState,
    PolicyKind,
    Reading,
    ScalingPolicy,
    ScalingRules,
    Select,
    ValueMetric,
    scale_down,
    scale_up,
    sync,
)
from simulations.ports import Metric

# Windows and periods are odd, a sync comes each 2 s: no edge of a window falls on a sync.
WINDOWS = (0, 0, 3, 3, 5, 7, 13)
PERIODS = (1, 3, 5, 9, 15, 25)
PERCENTS = (10, 25, 50, 100, 150, 900)
TOLERANCES = (None, 0.0, 0.05, 0.3)
TARGETS_MILLI = (1_000, 700, 2_150, 12_500)
DOWNSCALE_SECONDS = 5.0
SYNC_SECONDS = 2.0
LEAST_CHANGES = 0.3  # of a scenario's syncs
MOST_DRAWS = 500
HIGHEST = 60  # replicas that a timeline asks for, limits or no limits

Timeline = tuple[tuple[Reading, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One HPA. `lags`: its target reports `status.replicas` one sync late.

    `ready` pods of a fixed number are Ready: a metric of type Value goes by them.
    """

    name: str
    spec: HpaSpec
    start: int
    timeline: Timeline  # for each sync a reading of each metric
    lags: bool = False
    ready: int = 0

    @property
    def is_by_value(self) -> bool:
        """Whether a metric is of type Value."""
        return any(isinstance(one, ValueMetric) for one in self.timeline[0])


def scenarios(n: int, *, n_syncs: int, seed: int) -> tuple[Scenario, ...]:
    """Return `n` scenarios: each kind of trouble is met by several of them."""
    seeds = np.random.SeedSequence(seed).spawn(n)
    return tuple(_lively(i, np.random.default_rng(s), n_syncs) for i, s in enumerate(seeds))


def expected(scenario: Scenario) -> list[int]:
    """Return the replicas after each sync as the emulation expects them."""
    state, counts = HpaState(), [scenario.start]
    for turn, readings in enumerate(scenario.timeline):
        existing = counts[-2 if scenario.lags and turn else -1]
        fleet = Fleet(counts[-1], existing, scenario.ready)
        at = SYNC_SECONDS * turn
        state, replicas = sync(state, scenario.spec, readings, at=at, fleet=fleet)
        counts.append(replicas)
    return counts[1:]


def n_changes(start: int, counts: Sequence[int]) -> int:
    """Return how often replicas change on the way from `start` through `counts`."""
    return sum(before != after for before, after in pairwise([start, *counts]))


def _lively(index: int, rng: np.random.Generator, n_syncs: int) -> Scenario:
    for _ in range(MOST_DRAWS):
        found = _scenario(index, rng, n_syncs)
        if n_changes(found.start, expected(found)) >= n_syncs * LEAST_CHANGES:
            return found
    raise ValueError(f"no scenario of kind {index} moves in {n_syncs} syncs")


def _scenario(index: int, rng: np.random.Generator, n_syncs: int) -> Scenario:
    minimum = int(rng.choice([1, 1, 2, 5])) if index % 7 else 0
    maximum = int(rng.choice([12, 30, 60, 100]))
    behavior = None if index % 3 == 0 else _unlike(rng) if index % 6 == 4 else _behavior(rng)
    spec = HpaSpec(
        min_replicas=minimum,
        max_replicas=maximum,
        behavior=behavior,
        downscale_seconds=DOWNSCALE_SECONDS,
    )
    is_outside = index % 10 == 9
    start = maximum + 7 if is_outside else int(rng.integers(max(1, minimum), maximum + 1))
    is_by_value = index % 9 == 4
    return Scenario(
        name=f"hpa-{index:02d}",
        spec=spec,
        start=start,
        timeline=_timeline(rng, n_syncs, n_metrics=1 + index % 3 // 2, is_by_value=is_by_value),
        lags=index % 4 == 1,
        ready=2 if is_by_value else 0,
    )


def _behavior(rng: np.random.Generator) -> Behavior:
    if rng.random() < 0.2:  # one direction alone: the other gets the defaults
        return Behavior(up=scale_up(tolerance=0.0))
    if rng.random() < 0.2:
        return Behavior(down=scale_down(stabilization_seconds=float(rng.choice(WINDOWS))))
    return Behavior(up=_rules(rng), down=_rules(rng))


def _unlike(rng: np.random.Generator) -> Behavior:
    """Return rules whose periods differ between the directions, and limits that leave fractions."""
    up, down = (5.0, 25.0) if rng.random() < 0.7 else (15.0, 1.0)
    value = int(rng.integers(4, 12))
    return Behavior(
        up=scale_up(policies=(ScalingPolicy(PolicyKind.PODS, value, up),), tolerance=0.0),
        down=scale_down(
            policies=(ScalingPolicy(PolicyKind.PERCENT, int(rng.choice([15, 35, 65])), down),),
            stabilization_seconds=0.0,
        ),
    )


def _rules(rng: np.random.Generator) -> ScalingRules:
    return ScalingRules(
        policies=tuple(_policy(rng) for _ in range(int(rng.integers(1, 4)))),
        select=Select(str(rng.choice(["Max"] * 5 + ["Min"] * 4 + ["Disabled"]))),
        stabilization_seconds=float(rng.choice(WINDOWS)),
        tolerance=TOLERANCES[int(rng.integers(len(TOLERANCES)))],
    )


def _policy(rng: np.random.Generator) -> ScalingPolicy:
    period = float(rng.choice(PERIODS))
    if rng.random() < 0.5:
        return ScalingPolicy(PolicyKind.PODS, int(rng.integers(1, 9)), period)
    return ScalingPolicy(PolicyKind.PERCENT, int(rng.choice(PERCENTS)), period)


def _timeline(
    rng: np.random.Generator, n_syncs: int, *, n_metrics: int, is_by_value: bool
) -> Timeline:
    targets = [int(rng.choice(TARGETS_MILLI)) for _ in range(n_metrics)]
    kind: Any = ValueMetric if is_by_value else Metric
    levels = [_levels(rng, n_syncs) / (HIGHEST / 6 if is_by_value else 1) for _ in targets]
    fails = rng.random((n_syncs, n_metrics)) < (0.15 if n_metrics > 1 else 0.05)
    return tuple(
        tuple(
            None if fails[turn, i] else kind(round(float(levels[i][turn]) * target), target)
            for i, target in enumerate(targets)
        )
        for turn in range(n_syncs)
    )


def _levels(rng: np.random.Generator, n_syncs: int) -> Any:
    """Return what is asked for at each sync, in replicas: steps, a walk, spikes or a wave."""
    kind = rng.integers(4)
    if kind == 0:
        steps = rng.uniform(0.0, HIGHEST, n_syncs)
        return np.repeat(steps, rng.integers(2, 6))[:n_syncs]
    if kind == 1:
        return np.clip(20 + np.cumsum(rng.normal(0.0, 4.0, n_syncs)), 0.0, HIGHEST)
    if kind == 2:
        return np.where(rng.random(n_syncs) < 0.3, rng.uniform(10, HIGHEST, n_syncs), 3.0)
    wave = 20 * (1 - np.cos(np.arange(n_syncs) / rng.uniform(1.0, 3.0)))
    return np.where(wave < 2.0, 0.0, wave * rng.uniform(0.9, 1.1, n_syncs))
