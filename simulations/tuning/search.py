"""The search: forecasts, a fluid screen, then rounds of events with twice the seeds each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.forecaster import Forecaster
from simulations.policies.prewarm import Prewarm
from simulations.policies.rolled import Apply, Rolled, roll
from simulations.results.figures import figures_of
from simulations.run import EngineName, simulate
from simulations.trials.contest import terms_of
from simulations.trials.material import Material
from simulations.trials.scaled_object import with_windows
from simulations.trials.setup import Setup
from simulations.tuning.halving import Point, ranked, undominated
from simulations.tuning.space import Setting
from simulations.tuning.store import Ground, Store
from simulations.workload.requests import Requests

BATCH = 16  # runs between two writes: what an interruption can lose
FINALISTS = 3
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The limit: a ratio of requests beyond the SLO, or of demand that is short."""

    limit: float
    by_shortage: bool

    def ratio(self, point: Point) -> float:
        """Return what is held against the limit."""
        return point.short if self.by_shortage else point.missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A setting, and what each seed came to."""

    setting: Setting
    points: tuple[Point, ...]

    @property
    def mean(self) -> Point:
        """The mean over the seeds."""
        return Point(
            hours=float(np.mean([each.hours for each in self.points])),
            missed=float(np.mean([each.missed for each in self.points])),
            short=float(np.mean([each.short for each in self.points])),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The finalists, the best first; all that events were run on; the current setting."""

    finalists: tuple[Tried, ...]
    tried: tuple[Tried, ...]
    current: Tried
    goal: Goal
    n_screened: int
    n_runs: int  # made now, and not read from the store

    @property
    def is_met(self) -> bool:
        """Whether the winner keeps the limit."""
        return self.goal.ratio(self.finalists[0].mean) <= self.goal.limit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """One run, to be made in any process."""

    requests: Requests
    setup: Setup
    rolled: Rolled
    engine: EngineName
    seed: int


def play(work: Work) -> Point:
    """Return what a run comes to."""
    policy = Prewarm(work.setup.trigger, work.rolled, start_at=work.requests.start_at)
    run = simulate(
        work.requests,
        work.setup.cluster,
        policy,
        seed=work.seed,
        spec=work.setup.spec,
        engine=work.engine,
    )
    figures = figures_of(run, terms_of(work.setup))
    return Point(
        hours=figures.gpu_hours.total,
        missed=1.0 - figures.attainment.both,
        short=figures.shortage / max(len(work.requests), 1),
    )


class Search:
    """Runs settings, each once: what the store knows is not run again."""

    def __init__(
        self,
        material: Material,
        setup: Setup,
        forecaster: Forecaster,
        *,
        folder: Path | None,
        apply: Apply,
        play_all: Callable[[Sequence[Work]], Iterator[Point]],
        advance: Advance,
    ) -> None:
        self._material, self._setup, self._forecaster = material, setup, forecaster
        self._folder, self._apply, self._play_all = folder, apply, play_all
        self._advance = advance
        self._ground = Ground.of(material, setup, forecaster)
        self._store = Store(folder)
        self._rolled: dict[tuple[float, float], Rolled] = {}
        self.n_runs = 0

    def find(
        self, settings: Sequence[Setting], current: Setting, goal: Goal, *, seeds: Sequence[int]
    ) -> Found:
        """Return the best of the settings, the current one among them."""
        left = list(dict.fromkeys([current, *settings]))
        screened = self._tries(left, "fluid", seeds[:1], "screen")
        left = [left[place] for place in undominated([each.mean for each in screened])]
        tried: dict[Setting, Tried] = {}
        n = 1
        while True:
            n = min(n, len(seeds))
            what = f"events, {n} seed{'s' if n > 1 else ''}"
            found = self._tries(left, "events", seeds[:n], what)
            tried |= {each.setting: each for each in found}
            order = self._order(found, goal)
            if n == len(seeds):
                break
            left = [found[place].setting for place in order[: max(FINALISTS, -(-len(left) // 2))]]
            n *= 2
        (now,) = self._tries([current], "events", seeds, "current setting")
        tried[current] = now
        final = tuple(found[place] for place in order)
        if now not in final:
            both = [*final, now]
            final = tuple(both[place] for place in self._order(both, goal))
        return Found(
            finalists=final,
            tried=tuple(tried.values()),
            current=now,
            goal=goal,
            n_screened=len(screened),
            n_runs=self.n_runs,
        )

    @staticmethod
    def _order(found: Sequence[Tried], goal: Goal) -> tuple[int, ...]:
        points = [each.mean for each in found]
        return ranked(points, limit=goal.limit, by_shortage=goal.by_shortage)

    def _tries(
        self, settings: Sequence[Setting], engine: EngineName, seeds: Sequence[int], what: str
    ) -> list[Tried]:
        runs = [(setting, seed) for setting in settings for seed in seeds]
        keys = {run: self._ground.key(run[0], engine, run[1]) for run in runs}
        missing = [run for run in runs if self._store.get(keys[run]) is None]
        done = len(runs) - len(missing)
        for first in range(0, len(missing), BATCH):
            batch = missing[first : first + BATCH]
            works = [self._work(setting, engine, seed) for setting, seed in batch]
            rows: list[dict[str, Any]] = []
            for (setting, seed), point in zip(batch, self._play_all(works), strict=True):
                about = asdict(setting) | {"engine": engine, "seed": seed} | asdict(point)
                rows.append({"key": keys[setting, seed], **about})
                done += 1
                self._advance(what, done, len(runs))
            self._store.put(rows)
            self.n_runs += len(rows)
        return [
            Tried(
                setting=setting,
                points=tuple(self._point(keys[setting, seed]) for seed in seeds),
            )
            for setting in settings
        ]

    def _point(self, key: str) -> Point:
        row = self._store.get(key) or {}
        return Point(
            hours=float(row["hours"]), missed=float(row["missed"]), short=float(row["short"])
        )

    def _work(self, setting: Setting, engine: EngineName, seed: int) -> Work:
        spec = self._setup.spec
        is_usual = (setting.up_window_seconds, setting.down_window_seconds) == (0.0, 300.0)
        if spec.behavior is not None or not is_usual:
            spec = with_windows(
                spec,
                up_seconds=setting.up_window_seconds,
                down_seconds=setting.down_window_seconds,
            )
        setup = self._setup.changed(setting.metadata, spec)
        return Work(
            requests=self._material.requests,
            setup=setup,
            rolled=self._forecast(setting, setup),
            engine=engine,
            seed=seed,
        )

    def _forecast(self, setting: Setting, setup: Setup) -> Rolled:
        key = (setting.quantile, setting.lead_time_seconds)
        if key not in self._rolled:
            self._rolled[key] = roll(
                self._material.demand(setup.trigger.params.step_seconds),
                setup.trigger,
                self._forecaster,
                begin_at=self._material.requests.start_at,
                folder=self._folder,
                apply=self._apply,
            )
        return self._rolled[key]
