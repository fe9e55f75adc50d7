"""From flags to a search."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from simulations.backtest.errors import BadInput
from simulations.backtest.units import quantiles, seconds
from simulations.trials.session import Advance, Flags, applied, forecaster_of, read
from simulations.trials.setup import NOTICE_SECONDS, Setup
from simulations.tuning.halving import Point
from simulations.tuning.search import Found, Goal, Search, Work, play
from simulations.tuning.space import Setting, Space

SHARES = (0.7, 0.85, 1.0, 1.15)  # of the threshold
MOST_FLOORS = 8


def run_search(inputs: tuple[str, ...], flags: Flags, advance: Advance) -> tuple[Found, Setup]:
    """Return what the search found. Raises `BadInput` or `BadWorkload`."""
    goal = _goal(flags)
    material, setup = read(inputs, flags)
    current = current_of(setup)
    space = space_of(flags, setup, current)
    with _backend(flags["backend"], flags["scheduler"], flags["jobs"]):
        jobs = None if flags["backend"] in {"dask", "ray"} else flags["jobs"]
        search = Search(
            material,
            setup,
            forecaster_of(flags),
            folder=flags["cache"],
            apply=applied(flags["jobs"], "forecasts", advance),
            play_all=_players(jobs),
            advance=advance,
        )
        seeds = range(flags["seed"], flags["seed"] + flags["seeds"])
        settings = space.sample(flags["settings"], seed=flags["seed"])
        return search.find(settings, current, goal, seeds=seeds), setup


def _goal(flags: Flags) -> Goal:
    short = flags["shortage_limit"]
    if short is not None and flags["attainment"] is not None:
        raise BadInput("--shortage-limit: not allowed beside --attainment; give one of them")
    if short is not None:
        return Goal(limit=short, by_shortage=True)
    return Goal(limit=1.0 - (flags["attainment"] or 0.99), by_shortage=False)


def current_of(setup: Setup) -> Setting:
    """Return the setting that the flags and the manifest describe."""
    params, spec = setup.trigger.params, setup.spec.hpa()
    return Setting(
        threshold=params.threshold,
        warm_floor=params.warm_floor,
        quantile=params.quantile,
        lead_time_seconds=params.lead_time_seconds,
        up_window_seconds=spec.up_window_seconds,
        down_window_seconds=spec.down_window_seconds,
    )


def space_of(flags: Flags, setup: Setup, current: Setting) -> Space:
    """Return the values to search: those of the flags, or usual ones around the current setting."""
    most = setup.trigger.params.max_replicas
    floors = sorted({*range(min(most, MOST_FLOORS) + 1), current.warm_floor})
    usual_leads = {current.lead_time_seconds, float(round(setup.start_seconds + NOTICE_SECONDS))}
    values: dict[str, tuple[float, ...]] = {
        "threshold": _numbers(flags, "thresholds") or tuple(current.threshold * s for s in SHARES),
        "warm_floor": _numbers(flags, "warm_floors") or tuple(floors),
        "quantile": (
            (0.8, 0.9, 0.95)
            if flags["quantiles"] is None
            else quantiles("--quantiles", flags["quantiles"])
        ),
        "lead_time_seconds": _times(flags, "lead_times") or tuple(sorted(usual_leads)),
        "up_window_seconds": _times(flags, "up_windows") or (current.up_window_seconds,),
        "down_window_seconds": _times(flags, "down_windows") or (60.0, 300.0, 600.0),
    }
    for floor in values["warm_floor"]:
        if floor != round(floor) or not 0 <= floor <= most:
            raise BadInput(
                f'--warm-floors: "{floor:g}" is not allowed; allowed are whole numbers from 0 to '
                f"{most}, maxReplicas"
            )
    return Space(values=values)


def _numbers(flags: Flags, name: str) -> tuple[float, ...] | None:
    if flags[name] is None:
        return None
    flag, found = f"--{name.replace('_', '-')}", []
    for part in flags[name].split(","):
        try:
            value = float(part)
        except ValueError:
            value = float("nan")
        if not 0 <= value < float("inf") or (name == "thresholds" and value == 0):
            raise BadInput(f'{flag}: "{part}" is not allowed; allowed are numbers, as in 1,2,4')
        found.append(value)
    return tuple(sorted(set(found)))


def _times(flags: Flags, name: str) -> tuple[float, ...] | None:
    if flags[name] is None:
        return None
    flag = f"--{name.replace('_', '-')}"
    parts = (part.strip() for part in flags[name].split(","))
    return tuple(sorted({0.0 if part == "0" else seconds(flag, part) for part in parts}))


def _players(jobs: int | None) -> Callable[[Sequence[Work]], Iterator[Point]]:
    def play_all(works: Sequence[Work]) -> Iterator[Point]:
        from joblib import Parallel, delayed  # noqa: PLC0415 - of an extra, and slow to import

        calls = (delayed(play)(work) for work in works)
        yield from Parallel(n_jobs=jobs)(calls)

    return play_all


def _backend(name: str, scheduler: str | None, jobs: int) -> AbstractContextManager[Any]:
    """Return joblib's setting for a backend; dask and ray are asked of their own packages."""
    from joblib import parallel_config  # noqa: PLC0415 - of an extra, and slow to import

    if name == "dask":
        from distributed import Client  # noqa: PLC0415 - of the user's cluster

        Client(scheduler)  # joblib takes the client that was made last
    elif name == "ray":
        import ray  # noqa: PLC0415 - of the user's cluster
        from ray.util.joblib import register_ray  # noqa: PLC0415

        ray.init(address=scheduler)
        register_ray()
    config: AbstractContextManager[Any] = parallel_config(name, n_jobs=jobs)
    return config
