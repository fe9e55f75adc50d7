"""The command `prewarm simulate`, and the options that it shares with `prewarm tune`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from scaler.commands import experts_option, source_options

MISSING_EXTRA = "this needs {module}: pip install 'keda-prewarm[simulations]'"
UNUSABLE = 2
Function = TypeVar("Function", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)
SHAPES = ("diurnal", "weekly", "bursts", "launch", "growth", "outage")

TRIAL_OPTIONS = (
    click.option("--query", metavar="PROMQL", help="Without TRACE: requests a second, asked of "
                 "--prometheus-address."),
    click.option("--generate", type=click.Choice(SHAPES), help="Without TRACE: made-up weeks."),
    click.option("--days", metavar="TIME", help="How long the run is, such as 2d: the trace's end. "
                 "Without it 30 %, at most 7d; what lies before is history."),
    click.option("--history", metavar="TIME", help="History to learn from, such as 14d; else all."),
    click.option("--mean-rate", type=click.FloatRange(0, min_open=True), help="Scale a trace of "
                 "counts to so many requests a second on the mean of the run."),
    click.option("--column", help="Column of counts; else requests, count, value."),
    click.option("--time-column", metavar="NAME", help="Column of times; else timestamp and such."),
    click.option("--prompt-column", metavar="NAME", help="Column of prompt tokens."),
    click.option("--completion-column", metavar="NAME", help="Column of completion tokens."),
    click.option("--prompt-tokens", type=float, help="Mean prompt where the trace has none; 1155."),
    click.option("--completion-tokens", type=float, help="Mean answer where it has none; 211."),
    click.option("--manifest", type=FILE, metavar="FILE", help="A ScaledObject: its trigger, "
                 "limits and HPA behavior. The options below take precedence."),
    click.option("--threshold", help="Demand that one replica carries; half of the model's most."),
    click.option("--warm-floor", type=click.IntRange(0), help="Fewest replicas.  [usual: 1]"),
    click.option("--max-replicas", type=click.IntRange(1), help="Most replicas.  [usual: 100]"),
    click.option("--quantile", help="How sure the forecast is.  [usual: 0.95]"),
    click.option("--lead-time", metavar="TIME", help="leadTimeSeconds; else the start that 95 % of "
                 "the pods are done with, and 30 s."),
    click.option("--up-window", metavar="TIME", help="The HPA's stabilisation window upwards."),
    click.option("--down-window", metavar="TIME", help="The same downwards; Kubernetes has 300s."),
    click.option("--timezone", metavar="ZONE", help="Meaning of time of day; else the trigger's."),
    click.option("--model", default="a100-80gb", show_default=True, metavar="NAME|FILE",
                 help="h100-80gb, a100-80gb, l40s-48gb or l4-24gb (placeholders for 8B), or "
                 "a calibration (.json)."),
    click.option("--capacity", type=click.FloatRange(0, min_open=True), help="Requests a second "
                 "that a replica really carries, for shortage and the oracle; else the threshold."),
    click.option("--cold-start", default="cold", show_default=True, metavar="CLASS|TIMES",
                 help="warm (90s,150s), cold (300s,420s), new-node (480s,700s), or a median and a "
                 "95th percentile as in 120s,180s."),
    click.option("--nodes", type=click.IntRange(1), help="GPU nodes; else enough for all."),
    click.option("--gpus-per-node", type=click.IntRange(1), default=1, show_default=True),
    click.option("--gpus-per-replica", type=click.IntRange(1), default=1, show_default=True),
    click.option("--gpu-price", type=click.FloatRange(0, min_open=True), metavar="MONEY",
                 help="Of a GPU and hour, in any currency."),
    click.option("--ttft", default="2s", show_default=True, metavar="TIME",
                 help="Limit of the time to the first token."),
    click.option("--inter-token", default="0.1s", show_default=True, metavar="TIME",
                 help="Limit of the mean time between tokens."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
                 help="The first seed; it draws the traffic too."),
    click.option("--jobs", type=int, default=-1, show_default=True,
                 help="Processes to compute in; -1: one for each core."),
    click.option("--cache", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
                 help="Keep forecasts there, and read them again."),
    click.option("--report", type=FILE, help="Write the report: one .html file, or a .png."),
    click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON instead."),
)  # fmt: skip


def trial_options(command: Function) -> Function:
    """Add the options that say what is simulated, and on what."""
    for add in reversed(TRIAL_OPTIONS):
        command = add(command)
    return source_options(experts_option(command))


@click.command()
@click.argument("inputs", nargs=-1, metavar="[TRACE]")
@click.option("--policies", metavar="LIST", help="Those of the policies below; else the usual six.")
@click.option(
    "--engine",
    type=click.Choice(["events", "fluid"]),
    default="events",
    show_default=True,
    help="Each request by itself, or averages: faster, without tails.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Runs of each policy: they differ in starts of pods and phases of timers.",
)
@click.option("--timeline", type=FILE, help="Write all ticks: .csv, .csv.gz or .parquet.")
@trial_options
def simulate(inputs: tuple[str, ...], **flags: Any) -> None:
    """Show what it would cost and who would wait: one workload, several ways to scale it.

    TRACE is a CSV or Parquet file with a row for each request or each bin of time, a saved range
    query (.json), or a ScaledObject manifest (.yaml), whose query is asked of --prometheus-address.
    Its last days are the run, those before are what forecasts learn from.

    Each policy drives a cluster model through KEDA's and the HPA's arithmetic: pods start slowly
    and are billed from then on, replicas batch requests, queues build up. `prewarm` is the scaler's
    own decision on the forecasts that it would have had at the time.

    \b
    Try:
      prewarm simulate --generate weekly --days 2d
      prewarm simulate trace.csv --mean-rate 5 --cold-start 120s --gpu-price 2.5 --report run.html
      prewarm simulate trace.csv --manifest scaledobject.yaml --timeline ticks.csv
      prewarm simulate scaledobject.yaml --prometheus-address http://127.0.0.1:9090

    \b
    Policies: prewarm, keda-reactive, keda-reactive-floor, cron-24x7, static-peak, clairvoyant (the
    usual), prewarm-perfect, static-p99, static-mean, static-peak-hindsight, keda-reactive-0.8,
    keda-reactive-0.6, keda-in-flight, kpa, kpa-aibrix-like, mimir-like, kedastral-like,
    holt-winters, phpa-like, crane-like, prophet-like.

    \b
    Exit status: 0 done, 2 a flag or an input can't be used, or a file can't be written.
    """
    from simulations.progress import progress
    from simulations.trials.session import check_outputs, run_contest, write_files
    from simulations.trials.text import console_of, write

    def work() -> None:
        check_outputs(flags)
        with progress() as advance:
            contest = run_contest(inputs, flags, advance)
        if flags["as_json"]:
            plain = [each.as_plain() for standing in contest.standings for each in standing.figures]
            click.echo(json.dumps(plain, indent=1))
        else:
            write(contest, console_of())
        for line in write_files(contest, flags):
            click.echo(line, err=flags["as_json"])

    guarded(work)


def guarded(work: Callable[[], None]) -> None:
    """Do the work; what the user can mend ends in one line and exit status 2."""
    from simulations.backtest.errors import BadInput
    from simulations.plant.errors import BadPlant
    from simulations.workload.errors import BadWorkload

    try:
        work()
    except (BadInput, BadWorkload, BadPlant, OSError) as exc:
        _stop(str(exc))
    except ModuleNotFoundError as exc:
        _stop(MISSING_EXTRA.format(module=exc.name))


def _stop(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(UNUSABLE)
