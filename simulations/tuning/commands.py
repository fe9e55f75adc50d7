"""The command `prewarm tune`."""

import json
from dataclasses import asdict
from typing import Any

import click

from simulations.trials.commands import guarded, trial_options


@click.command()
@click.argument("inputs", nargs=-1, metavar="[TRACE]")
@click.option(
    "--attainment",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the requests that must be within --ttft and --inter-token.  [usual: 0.99]",
)
@click.option(
    "--shortage-limit",
    type=click.FloatRange(0, 1),
    metavar="RATIO",
    help="Instead: the most demand that no ready replica carries, as a ratio of all.",
)
@click.option(
    "--settings",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="How many settings to screen.",
)
@click.option("--thresholds", metavar="LIST", help="Without it 0.7 to 1.15 of the threshold.")
@click.option("--warm-floors", metavar="LIST", help="Without it 0 to 8.")
@click.option("--quantiles", metavar="LIST", help="Without it 0.8,0.9,0.95.")
@click.option("--lead-times", metavar="TIMES", help="Without it --lead-time alone.")
@click.option("--up-windows", metavar="TIMES", help="Without it the present one.")
@click.option("--down-windows", metavar="TIMES", help="Without it 60s,300s,600s.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Runs of each finalist; all settings have the same luck.",
)
@click.option(
    "--backend",
    type=click.Choice(["loky", "threading", "dask", "ray"]),
    default="loky",
    show_default=True,
    help="Where to compute, through joblib. dask and ray need their packages; a search on them was "
    "not tried yet.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of the dask or ray cluster.")
@trial_options
def tune(inputs: tuple[str, ...], **flags: Any) -> None:
    """Search the cheapest setting that keeps your limits, and print it ready to paste.

    TRACE and all that describes the cluster as in `prewarm simulate`. Settings are spread over the
    whole space, screened by averages, which drops only what another one beats by more than the
    screen can err, and then simulated request by request: half of them go on to twice the seeds,
    until few are left. With --cache FOLDER nothing is computed twice: an interrupted search, or one
    with more settings, goes on where it was.

    \b
    Try:
      prewarm tune --generate weekly --days 1d --history 7d --settings 32 --cache tuning
      prewarm tune trace.csv --mean-rate 5 --ttft 2s --attainment 0.995 --report tuning.html
      prewarm tune trace.csv --manifest scaledobject.yaml --shortage-limit 0.001

    \b
    Exit status: 0 done, 1 no setting keeps the limit, 2 a flag or an input can't be used.
    """
    from simulations.progress import progress
    from simulations.trials.session import check_outputs
    from simulations.tuning.session import run_search

    is_met = True

    def work() -> None:
        nonlocal is_met
        check_outputs(flags)
        with progress() as advance:
            found, setup = run_search(inputs, flags, advance)
        is_met = found.is_met
        _show(found, setup, flags)

    guarded(work)
    click.get_current_context().exit(0 if is_met else 1)


def _show(found: Any, setup: Any, flags: dict[str, Any]) -> None:
    from simulations.tuning.text import write

    if flags["as_json"]:
        plain = {"is_met": found.is_met, "finalists": [asdict(each) for each in found.finalists]}
        click.echo(json.dumps(plain, indent=1))
    else:
        write(found, setup)
    if flags["report"] is not None:
        from simulations.tuning.page import write_report

        write_report(found, setup, flags["report"])
        click.echo(f"Report: {flags['report']}", err=flags["as_json"])
