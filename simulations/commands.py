"""The command `prewarm demo`."""

import os
import sys
from pathlib import Path

import click

MISSING_EXTRA = "plots need matplotlib: pip install 'keda-prewarm[simulations]'"


@click.command()
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("demo.png"),
    show_default=True,
    help="Where the picture of the hour goes.",
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 400),
    default=100.0,
    show_default=True,
    help="How much faster than real time the hour passes; 100 takes 36 s.",
)
@click.option("--fast", is_flag=True, help="Don't wait at all: the hour takes some seconds.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Another seed, another four weeks: same shape, other noise.",
)
@click.option(
    "--lead-time-seconds",
    type=click.FloatRange(60, 900),
    default=300.0,
    show_default=True,
    help="From one more replica wanted until it answers: the trigger's leadTimeSeconds, and what "
    "the pretended pods take.",
)
@click.option(
    "--mode",
    type=click.Choice(["predict", "observe"]),
    default="predict",
    show_default=True,
    help="The trigger's mode. With observe the forecast is not used, and the demo fails.",
)
@click.option("--no-live", is_flag=True, help="Print lines instead of the live view.")
def demo(
    plot: Path,
    speed: float,
    seed: int,
    lead_time_seconds: float,
    mode: str,
    *,
    fast: bool,
    no_live: bool,
) -> None:
    """Watch replicas become ready before a spike, in under a minute.

    Four weeks of demand are made up, with a spike every working day at 09:00, and replayed from
    08:30 on. The real scaler forecasts and decides on loopback; a client makes KEDA's calls and
    does the HPA's arithmetic. Beside it the same is scaled reactively, on observed demand alone.

    Exits with 1 when the target did not rise ahead of the spike by at least the lead time, or
    fell under the warm floor.

    \b
    Try:
      prewarm demo --lead-time-seconds 600     # slower pods: it has to look further ahead
      prewarm demo --mode observe              # without the forecast: see it fail
    """
    from rich.console import Console

    from scaler.server import ServerError
    from simulations.demo import Settings, run
    from simulations.keda_client import ScalerCallFailed
    from simulations.report import complaints, sentences

    try:
        from simulations.plot import save_plot
    except ModuleNotFoundError as exc:
        raise click.ClickException(MISSING_EXTRA) from exc

    if plot.suffix.lower() != ".png":
        message = f'"{plot}" is not allowed; allowed is a name that ends in .png'
        raise click.BadParameter(message, param_hint="--plot")
    if not plot.absolute().parent.is_dir():
        raise click.BadParameter(f"{plot.parent} is no folder", param_hint="--plot")
    console = Console()
    settings = Settings(
        speed=None if fast else speed,
        seed=seed,
        lead_time_seconds=lead_time_seconds,
        mode=mode,
        is_live=not no_live and is_live_wanted(is_terminal=console.is_terminal),
    )
    try:
        moments, verdict = run(settings, console)
        save_plot(moments, verdict, plot)
    except (ScalerCallFailed, ServerError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo()
    for sentence in sentences(verdict):  # wrapped at words in a terminal, whole in a file
        console.print(sentence, markup=False, highlight=False, soft_wrap=not console.is_terminal)
    click.echo(f"Picture: {plot}")
    for complaint in complaints(verdict):
        click.echo(f"Failed: {complaint}", err=True)
    sys.exit(0 if verdict.is_good else 1)


def is_live_wanted(*, is_terminal: bool) -> bool:
    """Return whether a live view suits: a terminal, and nobody who asked for plain text."""
    if os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal
