"""The command `prewarm`: finds its sub-commands by entry point and loads only the one asked for."""

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "prewarm.commands"

# The list of commands is shown without importing any of them: some take seconds to import.
SUMMARIES = {
    "serve": "Answer KEDA: the gRPC external scaler.",
    "check": "Validate ScaledObject manifests and show the decision they lead to.",
    "explain": "Say what a running scaler answers for a ScaledObject, and why.",
    "backtest": "Would prediction pay? Ask the past: forecasts against what came.",
    "forecast": "Draw history and forecast: how high demand will be at most.",
    "demo": "Watch the whole path at work on generated data, in under a minute.",
    "weights": "Look into safetensors weights, measure how fast they load, make digests.",
    "version": "Print the versions of Prewarm and of what it rests on.",
}


class EntryPointGroup(click.Group):
    """Sub-commands are entry points, so that an extension is one more installed package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all that are installed."""
        del ctx
        return sorted(entry_points(group=GROUP).names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; a missing extra is named instead of shown as a traceback."""
        del ctx
        found = entry_points(group=GROUP, name=cmd_name)
        return _loaded(next(iter(found))) if found else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for; for an unknown one name the nearest that there is."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:  # click knows only commands that are loaded: none
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            message = f"No such command {args[0]!r}. Did you mean {near[0]!r}?"
            raise click.UsageError(message, ctx) from exc

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from `SUMMARIES`, importing only commands that are not ours."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in SUMMARIES:
            return SUMMARIES[name]
        command = self.get_command(ctx, name)
        return command.get_short_help_str(60) if command is not None else ""


def _loaded(entry_point: EntryPoint) -> click.Command:
    try:
        command = entry_point.load()
    except ModuleNotFoundError as exc:
        extras = entry_point.extras or ["simulations"]
        raise click.ClickException(
            f"`prewarm {entry_point.name}` needs the module {exc.name!r}, which is not installed. "
            f"Next step: pip install 'keda-prewarm[{','.join(extras)}]'"
        ) from exc
    if not isinstance(command, click.Command):
        raise click.ClickException(f"entry point {entry_point.name!r} of {GROUP} is no command")
    return command


@click.group(
    cls=EntryPointGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="keda-prewarm", message="prewarm %(version)s")
def main() -> None:
    """Prewarm: replicas of LLM deployments are ready before the demand is.

    A KEDA external scaler. It forecasts the peak of the next minutes from the history in
    Prometheus and asks for the replicas a cold start ahead.

    \b
    New here?         prewarm demo
    Have a manifest?  prewarm check scaledobject.yaml
    In the cluster?   prewarm serve --help
    Why so many?      prewarm explain NAMESPACE/NAME
    """


if __name__ == "__main__":
    main()
