"""The command `prewarm scan`: flags, and what is written where."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from scaler.commands import experts_option, source_options

UNUSABLE = 2


@click.command()
@click.argument("manifests", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Read a cluster.")
@click.option("--kube-context", metavar="NAME", help="The kubeconfig's context.")
@click.option(
    "--namespace",
    multiple=True,
    metavar="NAME",
    help="Read this namespace of the cluster; repeatable. It takes the right to list "
    "scaledobjects and horizontalpodautoscalers, and nothing is written.",
)
@click.option(
    "--external-query",
    multiple=True,
    metavar="METRIC=PROMQL",
    help="The query behind an HPA's external metric; repeatable. Without it, it is guessed as "
    "sum(METRIC{namespace=...}).",
)
@click.option(
    "--days", default="28d", show_default=True, metavar="TIME", help="How much history to read."
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Most queries at a time.",
)
@click.option(
    "--spacing-seconds",
    type=click.FloatRange(0, 60),
    default=0.5,
    show_default=True,
    help="Between the starts of two queries, at least.",
)
@click.option(
    "--cold-start",
    default="cold",
    show_default=True,
    metavar="TIME",
    help="Of a pod: warm, cold, new-node, or median and 95th percentile as in 120s,180s.",
)
@click.option(
    "--model",
    default="a100-80gb",
    show_default=True,
    metavar="NAME",
    help="What a replica is: a placeholder, or a file of prewarm calibrate.",
)
@click.option("--gpus-per-replica", type=click.IntRange(1), default=1, show_default=True)
@click.option("--gpu-price", type=click.FloatRange(0), help="Of a GPU and hour, to show money.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report as one HTML file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON instead.")
@source_options
@experts_option
def scan(manifests: tuple[Path, ...], **flags: Any) -> None:
    """Rank all autoscalers of a platform by what prediction would do for them.

    Reads ScaledObjects with prometheus triggers and HPAs on external metrics, from MANIFESTS
    (files and folders) or from a cluster; fetches the history of each query from Prometheus;
    backtests the forecast, and simulates the fleet as it is scaled today and with Prewarm. What
    can't be read is named, and the rest goes on.

    \b
    Try:
      prewarm scan manifests/ --prometheus-address http://127.0.0.1:9090
      prewarm scan --kubeconfig ~/.kube/config --namespace llm --namespace chat \\
        --prometheus-address http://127.0.0.1:9090 --gpu-price 2.5 --report scan.html

    \b
    Exit status: 0 done, 2 a flag can't be used, or nothing could be scanned.
    """
    from simulations.backtest.errors import BadInput
    from simulations.backtest.session import check_file
    from simulations.scan.session import run_scan

    try:
        if flags["report"] is not None:
            check_file("--report", flags["report"], (".html", ".htm"))
        with _progress() as advance:
            done = run_scan(manifests, flags, advance)
        _write(done, flags)
    except (BadInput, OSError) as exc:
        _stop(str(exc))
    except ModuleNotFoundError as exc:
        _stop(f"this needs {exc.name}: pip install 'keda-prewarm[simulations]'")
    if not done.findings:
        sys.exit(UNUSABLE)


def _write(done: Any, flags: dict[str, Any]) -> None:
    from rich.console import Console

    from simulations.scan.page import write_page
    from simulations.scan.text import PLAIN_WIDTH, write

    if flags["as_json"]:
        click.echo(json.dumps(done.as_json(), indent=1))
    else:
        console = Console(highlight=False, markup=False, emoji=False)
        if not console.is_terminal:
            console.width = PLAIN_WIDTH
        write(done.findings, done.left, console)
    if flags["report"] is not None:
        write_page(done.findings, done.left, flags["report"])
        click.echo(f"Report: {flags['report']}", err=flags["as_json"])


def _stop(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(UNUSABLE)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback that moves a bar on a terminal, and says nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done, total=of)

        yield advance
