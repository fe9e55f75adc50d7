"""From flags to a contest, and the files that were asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from forecasting.forecaster import Forecaster
from scaler.adapters.system_clock import SystemClock
from scaler.errors import BadExperts
from scaler.service import loaded_forecaster
from simulations.backtest.errors import BadInput
from simulations.backtest.forecasts_file import check_path
from simulations.backtest.session import check_file
from simulations.trials.contest import USUAL, Contest, hold
from simulations.trials.material import Material, read_material
from simulations.trials.setup import Setup, setup_of

Flags = Mapping[str, Any]
Advance = Callable[[str, int, int], None]


def check_outputs(flags: Flags) -> None:
    """Raise `BadInput` for files that could not be written, before the work."""
    if flags.get("report") is not None:
        check_file("--report", flags["report"], (".html", ".htm", ".png"))
        import matplotlib  # noqa: F401, ICN001, PLC0415 - missing? say so now
    if flags.get("timeline") is not None:
        check_path("--timeline", flags["timeline"])


def read(inputs: tuple[str, ...], flags: Flags) -> tuple[Material, Setup]:
    """Return the workload and what it is tried on. Raises `BadInput` or `BadWorkload`."""
    material = read_material(inputs, flags, now=SystemClock().now())
    return material, setup_of(inputs, flags, material.requests)


def forecaster_of(flags: Flags) -> Forecaster:
    """Return the scaler's forecaster, of the experts that are asked for."""
    try:
        return loaded_forecaster(flags["experts"])
    except BadExperts as exc:
        raise BadInput(str(exc)) from exc


def applied(jobs: int, what: str, advance: Advance) -> Callable[..., Any]:
    """Return a `map` that shows how far it is, in so many processes."""
    if jobs == 0:
        raise BadInput("--jobs: 0 is not allowed; allowed is a number of processes, or -1 for all")

    def apply(function: Callable[[Any], Any], pieces: Any) -> Iterator[Any]:
        from joblib import Parallel, delayed  # noqa: PLC0415 - of an extra, and slow to import

        whole = list(pieces)
        advance(what, 0, len(whole))
        calls = (delayed(function)(each) for each in whole)
        for done, answer in enumerate(Parallel(n_jobs=jobs, return_as="generator")(calls), 1):
            advance(what, done, len(whole))
            yield answer

    return apply


def run_contest(inputs: tuple[str, ...], flags: Flags, advance: Advance) -> Contest:
    """Return the contest that the flags ask for. Raises `BadInput` or `BadWorkload`."""
    material, setup = read(inputs, flags)
    given = flags["policies"]
    names = USUAL if given is None else tuple(name.strip() for name in given.split(","))
    return hold(
        material,
        setup,
        forecaster_of(flags),
        names=names,
        engine=flags["engine"],
        seeds=range(flags["seed"], flags["seed"] + flags["seeds"]),
        folder=flags["cache"],
        apply=applied(flags["jobs"], "forecasts", advance),
        advance=advance,
    )


def write_files(contest: Contest, flags: Flags) -> Iterator[str]:
    """Write what was asked for, and yield a line about each file."""
    if flags["timeline"] is not None:
        from simulations.trials.timelines import write_timelines  # noqa: PLC0415 - slow

        n_rows = write_timelines(contest, flags["timeline"])
        yield f"Timeline: {flags['timeline']}, {n_rows} rows"
    if flags["report"] is not None:
        if flags["report"].suffix.lower() == ".png":
            from simulations.trials.pictures import save_picture  # noqa: PLC0415 - of an extra

            save_picture(contest, flags["report"])
        else:
            from simulations.trials.page import write_page  # noqa: PLC0415 - of an extra

            write_page(contest, flags["report"])
        yield f"Report: {flags['report']}"
