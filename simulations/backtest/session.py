"""From flags to results, and the files that were asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaler.adapters.system_clock import SystemClock
from scaler.sources import BadFlag, SourceFlags, parse_time
from simulations.backtest.asking import Bounds
from simulations.backtest.case import USUAL_QUANTILE
from simulations.backtest.companions import leading_of
from simulations.backtest.errors import BadInput
from simulations.backtest.forecasts_file import check_path, write_forecasts
from simulations.backtest.inputs import Reading, read_inputs
from simulations.backtest.methods import OURS, chosen, every_method
from simulations.backtest.outlook import MEDIAN, USUAL_HORIZONS_SECONDS, Outlook, look_ahead
from simulations.backtest.result import Result
from simulations.backtest.run import (
    USUAL_HORIZON_SECONDS,
    Wanted,
    backtest_all,
    case_of,
    terms_of,
)
from simulations.backtest.units import check_units, quantiles, seconds, several_seconds

DAY_SECONDS = 86_400.0
NONE = "none"
Flags = Mapping[str, Any]
Advance = Callable[[str, int, int], None]
"""Told of what, how many pieces are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """What a run of the command found."""

    results: tuple[Result, ...]
    bounds: Bounds

    def write_files(self, flags: Flags) -> Iterator[str]:
        """Write what was asked for, and yield a line about each file."""
        if flags["forecasts"] is not None:
            cases = [result.scored.case for result in self.results]
            n_rows = write_forecasts(flags["forecasts"], cases, self.bounds)
            yield f"Forecasts: {flags['forecasts']}, {n_rows} rows"
        if flags["plot"] is not None:
            from simulations.backtest.figures import save_plot  # noqa: PLC0415 - of an extra

            save_plot(self.results[0], flags["plot"])
            yield f"Picture: {flags['plot']}"
        if flags["report"] is not None:
            from simulations.backtest.page import write_page  # noqa: PLC0415 - of an extra

            write_page(self.results, flags["report"])
            yield f"Report: {flags['report']}"


def check_outputs(flags: Flags) -> None:
    """Raise `BadInput` for files that could not be written, before the work."""
    for flag, suffixes in (("plot", (".png",)), ("report", (".html", ".htm"))):
        path = flags.get(flag)
        if path is not None:
            check_file(f"--{flag}", path, suffixes)
            import matplotlib  # noqa: F401, ICN001, PLC0415 - missing? say so now
    if flags.get("forecasts") is not None:
        check_path("--forecasts", flags["forecasts"])


def check_file(flag: str, path: Path, suffixes: Sequence[str]) -> None:
    """Raise `BadInput` for a name with another suffix or in no folder."""
    if path.suffix.lower() not in suffixes:
        raise BadInput(
            f'{flag}: "{path}" is not allowed; allowed is a name that ends in {suffixes[0]}'
        )
    if not path.absolute().parent.is_dir():
        raise BadInput(f'{flag}: "{path.parent}" is no folder; make it first')


def run_backtest(inputs: Sequence[str], flags: Flags, advance: Advance) -> Session:
    """Return what the flags ask for. Raises `BadInput`."""
    now = SystemClock().now()
    wanted = _wanted(flags, now)
    methods = chosen("--methods", flags["methods"], experts=flags["experts"])
    given = read_inputs(inputs, _reading(flags), now=now)
    if flags["plot"] is not None and len(given) > 1:
        raise BadInput(f"--plot: shows one series, and {len(given)} were given; use --report")
    for each in given:
        check_units("--horizons", flags["horizons"], each.series.step_seconds)
    cases = [case_of(each, wanted) for each in given]
    results, bounds = backtest_all(cases, methods, wanted, n_jobs=_jobs(flags), advance=advance)
    return Session(results=results, bounds=bounds)


def run_forecast(inputs: Sequence[str], flags: Flags, advance: Advance) -> tuple[Outlook, ...]:
    """Return the outlook of each input. Raises `BadInput`."""
    now = SystemClock().now()
    wanted = _shared(flags)
    level = flags["quantile"]
    forecaster = every_method(flags["experts"])[OURS].forecaster
    if level is not None:
        quantiles("--quantile", str(level))
    horizons = _several("--horizons", flags["horizons"]) or USUAL_HORIZONS_SECONDS
    lead_time = _one("--lead-time", flags["lead_time"])
    given = read_inputs(inputs, _reading(flags), now=now)
    if flags["plot"] is not None and len(given) > 1:
        raise BadInput(f"--plot: shows one series, and {len(given)} were given; name one")
    for each in given:
        for name in ("horizons", "lead_time"):
            check_units(f"--{name.replace('_', '-')}", flags[name], each.series.step_seconds)
    outlooks = []
    for done, each in enumerate(given, start=1):
        params = None if each.trigger is None else each.trigger.params
        lead = USUAL_HORIZON_SECONDS if params is None else params.lead_time_seconds
        usual = USUAL_QUANTILE if params is None else params.quantile
        outlooks.append(
            look_ahead(
                each,
                terms_of(each.trigger, wanted),
                forecaster=forecaster,
                horizons_seconds=horizons,
                quantiles=(MEDIAN,),
                lead_time_seconds=lead_time or lead,
                quantile=level or usual,
                is_window=lead_time is not None or params is None,
                apply=_applied(_jobs(flags)),
            )
        )
        advance("forecasts", done, len(given))
    return tuple(outlooks)


def _applied(n_jobs: int) -> Callable[..., Any]:
    """Return `map`, or its twin that works in several processes."""
    if n_jobs == 1:
        return map

    def apply(function: Callable[[Any], Any], questions: Sequence[Any]) -> Any:
        from joblib import Parallel, delayed  # noqa: PLC0415 - of an extra, and slow to import

        return Parallel(n_jobs=n_jobs)(delayed(function)(each) for each in questions)

    return apply


def _reading(flags: Flags) -> Reading:
    days = _one("--days", flags["days"])
    return Reading(
        source=SourceFlags.of(flags),
        query=flags["query"],
        column=flags["column"],
        time_column=flags["time_column"],
        step_seconds=_one("--step", flags["step"]),
        days=None if days is None else days / DAY_SECONDS,
        timezone=flags["timezone"],
        is_bridged=flags["gaps"] == "interpolate",
        leading=leading_of("--leading", flags["leading"]),
    )


def _shared(flags: Flags) -> Wanted:
    threshold = flags["threshold"]
    if threshold is not None and not 0 < threshold < float("inf"):
        raise BadInput(
            f'--threshold: "{threshold:g}" is not allowed; allowed is a number > 0: the demand '
            "that one replica carries"
        )
    floor, most = flags["warm_floor"], flags["max_replicas"]
    if floor is not None and most is not None and floor > most:
        raise BadInput(f"--warm-floor: {floor} is above --max-replicas ({most}); give one up to it")
    return Wanted(
        threshold=threshold,
        warm_floor=floor,
        max_replicas=most,
        is_bridged=flags["gaps"] == "interpolate",
    )


def _wanted(flags: Flags, now: float) -> Wanted:
    shared = _shared(flags)
    scored = _one("--score-days", flags["score_days"])
    if scored is not None and flags["begin"] is not None:
        raise BadInput("--score-days: not allowed beside --begin; give one of them")
    short = flags["short_histories"]
    lengths = () if short == NONE else several_seconds("--short-histories", short)
    begin_at, end_at = _moment("--begin", flags["begin"], now), _moment("--end", flags["end"], now)
    if begin_at is not None and end_at is not None and begin_at > end_at:
        raise BadInput(f'--end: "{flags["end"]}" is before --begin ({flags["begin"]})')
    return Wanted(
        horizons_seconds=_several("--horizons", flags["horizons"]),
        quantiles=(
            None if flags["quantiles"] is None else quantiles("--quantiles", flags["quantiles"])
        ),
        every_seconds=seconds("--every", flags["every"]),
        begin_at=begin_at,
        end_at=end_at,
        scored_days=None if scored is None else scored / DAY_SECONDS,
        threshold=shared.threshold,
        warm_floor=shared.warm_floor,
        max_replicas=shared.max_replicas,
        start_seconds=_one("--start-up", flags["start_up"]),
        is_bridged=shared.is_bridged,
        short_histories_days=tuple(length / DAY_SECONDS for length in lengths),
        price=flags["shortage_price"],
    )


def _one(flag: str, text: str | None) -> float | None:
    return None if text is None else seconds(flag, text)


def _several(flag: str, text: str | None) -> tuple[float, ...] | None:
    return None if text is None else several_seconds(flag, text)


def _moment(flag: str, text: str | None, now: float) -> float | None:
    try:
        return None if text is None else parse_time(flag, text, now)
    except BadFlag as exc:
        raise BadInput(str(exc)) from exc


def _jobs(flags: Flags) -> int:
    jobs: int = flags["jobs"]
    if jobs == 0:
        raise BadInput("--jobs: 0 is not allowed; allowed is a number of processes, or -1 for all")
    return jobs
