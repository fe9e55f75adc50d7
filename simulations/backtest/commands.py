"""The commands `prewarm backtest` and `prewarm forecast`: flags, and what is written where."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from scaler.commands import experts_option, source_options

MISSING_EXTRA = "{what} needs {module}: pip install 'keda-prewarm[simulations]'"
UNUSABLE, NO_GAIN = 2, 1
Function = TypeVar("Function", bound=Callable[..., Any])

INPUT_OPTIONS = (
    click.option("--query", metavar="PROMQL", help="Without INPUT: what to ask the Prometheus."),
    click.option("--column", help="Of a data file: the column of demand; the first without it."),
    click.option(
        "--leading",
        multiple=True,
        metavar="[NAME:] QUERY",
        help="What may rise before demand does: a query, or a column of the file. Up to three "
        "times. A manifest has its leadingQueries.",
    ),
    click.option(
        "--time-column",
        metavar="NAME",
        help="Of a data file: the column of times; without it `timestamp` or else the first. "
        "`none`: there is no such column, rows are --step apart from a Monday on.",
    ),
    click.option(
        "--step", metavar="TIME", help="Distance of two points; a file's own, a query's 1m."
    ),
    click.option(
        "--days",
        metavar="TIME",
        help="How much history to read, such as 31d; of a file all, of Prometheus 33d.",
    ),
    click.option(
        "--gaps",
        type=click.Choice(["unknown", "interpolate"]),
        default="unknown",
        show_default=True,
        help="What a missing observation is: unknown, or on a line between its neighbours. Before "
        "a gap has ended, forecasts go by the last observation.",
    ),
    click.option(
        "--timezone",
        metavar="ZONE",
        help="Gives time of day and weekday their meaning; the trigger's, else UTC.",
    ),
    click.option("--threshold", type=float, help="Demand that one replica carries."),
    click.option("--warm-floor", type=click.IntRange(0), help="Fewest replicas."),
    click.option("--max-replicas", type=click.IntRange(1), help="Most replicas."),
    click.option(
        "--jobs",
        type=int,
        default=-1,
        show_default=True,
        help="Processes to compute in; -1: one for each core.",
    ),
)


def input_options(command: Function) -> Function:
    """Add the options that say what is read and what a replica carries."""
    for add in reversed(INPUT_OPTIONS):
        command = add(command)
    return source_options(experts_option(command))


@click.command()
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option(
    "--horizons",
    metavar="TIMES",
    help="Windows ahead, such as 5m,15m,30m; the trigger's leadTimeSeconds, else 5m.",
)
@click.option(
    "--quantiles",
    metavar="LIST",
    help="How sure the bounds are, such as 0.9,0.95; else 0.5,0.8,0.9,0.95 and the trigger's.",
)
@click.option(
    "--every", default="5m", show_default=True, metavar="TIME", help="From origin to origin."
)
@click.option("--begin", metavar="TIME", help="First origin, an ISO time.")
@click.option("--end", metavar="TIME", help="Last origin, an ISO time.")
@click.option(
    "--score-days",
    metavar="TIME",
    help="Score the last so many days, such as 5d; 30 % of the history without it, 2 to 5 days.",
)
@click.option("--methods", metavar="LIST", help="Those of the methods above to compare; else all.")
@click.option(
    "--start-up",
    metavar="TIME",
    help="From one more replica wanted until it answers; leadTimeSeconds, else the window ahead.",
)
@click.option(
    "--shortage-price",
    type=click.FloatRange(0, min_open=True),
    default=19.0,
    show_default=True,
    help="What a missing replica costs in idle ones; 19 makes 0.95 the usual quantile.",
)
@click.option(
    "--short-histories",
    default="1d,2d,4d,7d",
    show_default=True,
    metavar="TIMES",
    help="Histories to try, to say from when on to enable it; `none` saves their time.",
)
@click.option(
    "--forecasts",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every forecast with its outcome: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report as one HTML file.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the pictures as PNG."
)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON instead.")
@click.option(
    "--require-gain", is_flag=True, help="Exit with 1 unless prediction pays for every series."
)
@input_options
@click.pass_context
def backtest(context: click.Context, /, inputs: tuple[str, ...], **flags: Any) -> None:
    """Would prediction pay? Ask the past: forecasts at rolling origins against what came.

    INPUT is a data file (CSV or Parquet, .gz too: times, then demand) or a ScaledObject manifest
    (.yaml), whose triggers give query, threshold, quantile, leadTimeSeconds, timezone, warmFloor
    and maxReplicas. Without one, --query is asked of --prometheus-address. A forecast at an
    origin knows nothing that came after it.

    \b
    Try:
      prewarm backtest history.csv --threshold 10
      prewarm backtest scaledobject.yaml --prometheus-address http://127.0.0.1:9090
      prewarm backtest --query 'sum(rate(requests_total[1m]))' --days 28d \\
        --prometheus-address http://127.0.0.1:9090 --report report.html
      prewarm backtest *.csv.gz --horizons 5m,15m,30m --quantiles 0.9,0.95 --every 10m \\
        --gaps interpolate --forecasts forecasts.parquet --short-histories none

    \b
    Methods: prewarm, last-value-calibrated, seasonal-naive-day, seasonal-naive-week, last-value,
    reactive-1.25, day-profile, mimir-like, kedastral-like, holt-winters, phpa-like, crane-like.

    \b
    Exit status:
      0  done, whatever the verdict
      1  --require-gain: prediction does not pay, or that is unknown
      2  a flag or an input can't be used, or a file can't be written
    """
    from simulations.backtest.errors import BadInput
    from simulations.backtest.session import check_outputs, run_backtest
    from simulations.progress import progress

    try:
        check_outputs(flags)
        with progress() as advance:
            results = run_backtest(inputs, flags, advance)
        _write_backtest(results, flags)
    except (BadInput, OSError) as exc:
        _stop(str(exc))
    except ModuleNotFoundError as exc:
        _stop(MISSING_EXTRA.format(what="this", module=exc.name))
    gained = all(str(result.verdict.outcome) == "pays" for result in results.results)
    context.exit(NO_GAIN if flags["require_gain"] and not gained else 0)


def _write_backtest(session: Any, flags: dict[str, Any]) -> None:
    from rich.console import Console

    from simulations.backtest.text import PLAIN_WIDTH, write

    if flags["as_json"]:
        click.echo(json.dumps([result.as_json() for result in session.results], indent=1))
    else:
        console = Console(highlight=False, markup=False, emoji=False)
        if not console.is_terminal:
            console.width = PLAIN_WIDTH
        for result in session.results:
            write(result, console)
    for line in session.write_files(flags):
        click.echo(line, err=flags["as_json"])


@click.command()
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option(
    "--horizons",
    metavar="TIMES",
    help="Windows ahead, such as 5m,1h; without it 5 minutes to 2 hours, and the lead time.",
)
@click.option("--lead-time", metavar="TIME", help="The window that counts; leadTimeSeconds, or 5m.")
@click.option("--quantile", type=float, help="How sure the bound is; the trigger's, else 0.95.")
@click.option(
    "--plot-hours",
    type=click.FloatRange(0.5, 168),
    default=6.0,
    show_default=True,
    help="How much of the past is drawn.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture as PNG."
)
@click.option("--json", "as_json", is_flag=True, help="Print the bounds as JSON instead.")
@input_options
def forecast(inputs: tuple[str, ...], **flags: Any) -> None:
    """Draw history and forecast: how high demand will be at most, and how sure that is.

    INPUT as in `prewarm backtest`: a data file or a ScaledObject manifest; without one, --query is
    asked of --prometheus-address. The forecast starts at the end of the data. Each bound is for
    the highest demand from now until then, beside the median of it. --plot and --json also show
    the next two days, ten minutes by ten minutes: there each bound is of its own ten minutes.

    \b
    Try:
      prewarm forecast history.csv --plot forecast.png
      prewarm forecast scaledobject.yaml --prometheus-address http://127.0.0.1:9090
      prewarm forecast history.csv --horizons 5m,1h --quantile 0.9 --json

    \b
    Exit status: 0 done, 2 a flag or an input can't be used, or a file can't be written.
    """
    from simulations.backtest.errors import BadInput
    from simulations.backtest.session import check_outputs, run_forecast
    from simulations.progress import progress

    try:
        check_outputs(flags)
        with progress() as advance:
            outlooks = run_forecast(inputs, flags, advance)
        _write_forecast(outlooks, flags)
    except (BadInput, OSError) as exc:
        _stop(str(exc))
    except ModuleNotFoundError as exc:
        _stop(MISSING_EXTRA.format(what="this", module=exc.name))


def _write_forecast(outlooks: Any, flags: dict[str, Any]) -> None:
    from rich.console import Console

    from simulations.backtest.outlook_view import save_picture, write

    if flags["as_json"]:
        click.echo(json.dumps([outlook.as_json() for outlook in outlooks], indent=1))
    else:
        console = Console(highlight=False, markup=False, emoji=False)
        for outlook in outlooks:
            write(outlook, console, plot_hours=flags["plot_hours"])
    if flags["plot"] is not None:
        save_picture(outlooks[0], flags["plot"], plot_hours=flags["plot_hours"])
        click.echo(f"Picture: {flags['plot']}", err=flags["as_json"])


def _stop(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(UNUSABLE)
