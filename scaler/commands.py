"""The scaler's own commands. Flags first, the environment where a flag is not given."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def option(flag: str, **settings: Any) -> Callable[[Function], Function]:
    """Return a click option whose fall-back is PREWARM_<FLAG> in the environment."""
    settings.setdefault("envvar", "PREWARM_" + flag.removeprefix("--").replace("-", "_").upper())
    settings.setdefault("show_default", settings.get("default") is not None)
    return click.option(flag, show_envvar=True, **settings)


SOURCE_OPTIONS = (
    option(
        "--source",
        type=click.Choice(["prometheus", "file"]),
        default="prometheus",
        help="Where demand is read.",
    ),
    option(
        "--prometheus-address",
        metavar="URL",
        help="The Prometheus of triggers that name no serverAddress.",
    ),
    option(
        "--allow-address",
        multiple=True,
        metavar="URL",
        help="An address that a trigger may name as serverAddress: exact, or with * as the left "
        "end of the host, e.g. http://*.monitoring.svc:9090. Repeatable; separated by spaces in "
        "the environment. All others are refused.",
    ),
    option(
        "--prometheus-config",
        type=click.Path(dir_okay=False),
        help="YAML file with credentials and TLS files for each Prometheus address.",
    ),
    option(
        "--file",
        type=click.Path(dir_okay=False),
        help="With --source file: CSV or Parquet; a trigger's query names the column.",
    ),
    option(
        "--file-ends-at",
        metavar="TIME",
        help="Shift the file so that its last sample lies there: an ISO time, or now.",
    ),
    option(
        "--file-zone",
        default="UTC",
        metavar="ZONE",
        help="The time zone of times in the file that name none, such as Europe/Berlin.",
    ),
)


experts_option = option(
    "--experts",
    metavar="NAMES",
    help="The experts that make the forecast, with commas between them: default, installed (those "
    "of other distributions), or names such as boosted; default,installed without it.",
)


def source_options(command: Function) -> Function:
    """Add the options that say where demand is read."""
    for add in reversed(SOURCE_OPTIONS):
        command = add(command)
    return command


@click.command()
@option(
    "--grpc-address",
    default="127.0.0.1:6000",
    metavar="HOST:PORT",
    help="Where KEDA calls. In a cluster: 0.0.0.0:6000 or [::]:6000.",
)
@option(
    "--http-address",
    default="127.0.0.1:6080",
    metavar="HOST:PORT",
    help="/metrics, /healthz and /readyz, and the status page unless --page-address moves it.",
)
@option(
    "--page-address",
    metavar="HOST:PORT|off",
    help="Serve the status page and its JSON here instead of on the HTTP address; off: nowhere.",
)
@option(
    "--page-host",
    multiple=True,
    metavar="NAME",
    help="A name that browsers may call the page by, such as an Ingress' host. Numbers, localhost, "
    "single labels, *.svc and *.local need none. Repeatable; separated by spaces in the "
    "environment; * permits all.",
)
@source_options
@option("--tls-certificate-file", help="PEM certificate chain of the gRPC port; turns on TLS.")
@option("--tls-key-file", help="PEM key of the certificate.")
@option(
    "--client-ca-file",
    help="PEM bundle that client certificates must come from; turns on mutual TLS.",
)
@option(
    "--cluster",
    type=click.Choice(["auto", "off", "required"]),
    default="auto",
    help="Whether to read pods and ScaledObjects, which leadTimeSeconds: auto measures lead times "
    "from. auto: in a pod, by its service account, or by --kubeconfig; required: end with an error "
    "without access. docs/cluster-access.md has the rights.",
)
@option(
    "--kubeconfig",
    type=click.Path(dir_okay=False),
    help="Reach the cluster by this file instead of a service account.",
)
@option(
    "--kube-context", metavar="NAME", help="The kubeconfig's context; its current one unless given."
)
@option(
    "--lead-time-quantile",
    type=click.FloatRange(0.5, 0.99),
    default=0.9,
    help="With leadTimeSeconds: auto: the share of pods that are ready in time.",
)
@option(
    "--hpa-sync-seconds",
    type=click.FloatRange(1, 300),
    default=15.0,
    help="How often the HPA looks (the controller manager's own flag), part of a lead time.",
)
@option(
    "--tick-seconds",
    type=click.FloatRange(1, 300),
    default=15.0,
    help="How often each target is decided anew; the HPA asks every 15 s.",
)
@option("--max-targets", type=click.IntRange(1), default=2000, help="Room in the table of targets.")
@option(
    "--max-targets-per-namespace",
    type=click.IntRange(1),
    default=500,
    help="Share of one namespace, so that none crowds out the others.",
)
@option(
    "--forget-after-seconds",
    type=click.FloatRange(60),
    default=3600.0,
    help="A target that nobody asks about for so long is dropped.",
)
@option(
    "--fit-processes",
    type=click.IntRange(0, 64),
    default=1,
    help="Processes that fit forecasts, beside the one that is asked for them; about a second of "
    "work per target and refit. 0: fit and forecast in threads of the server, which saves 200 MB "
    "and makes the slowest calls slower.",
)
@option(
    "--state-directory",
    type=click.Path(file_okay=False),
    help="A folder that holds ledgers, verdicts, last decisions and more, and is this scaler's "
    "alone. Without it all that ends with the process.",
)
@experts_option
@click.option(
    "--kubernetes-events/--no-kubernetes-events",
    envvar="PREWARM_KUBERNETES_EVENTS",
    show_envvar=True,
    default=False,
    show_default=True,
    help="Tell notable changes as Kubernetes Events on the ScaledObjects.",
)
@option(
    "--grace-seconds",
    type=click.FloatRange(0, 600),
    default=5.0,
    help="Time for calls under way at the end.",
)
@option(
    "--replay-from",
    metavar="TIME",
    help="Pretend that it is this ISO time: replays recorded history through the real scaler.",
)
@option(
    "--replay-speed",
    type=click.FloatRange(0.01, 10_000),
    default=1.0,
    help="With --replay-from: how much faster than real time.",
)
@option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="Least severe line that is written.",
)
@option("--log-format", type=click.Choice(["text", "json"]), default="text", help="To stderr.")
def serve(**flags: Any) -> None:
    """Answer KEDA: the gRPC external scaler.

    Point a ScaledObject's trigger at it:

    \b
      triggers:
      - type: external
        metadata:
          scalerAddress: prewarm.keda.svc:6000
          query: sum(rate(vllm:request_success_total[2m]))
          threshold: "10"        # demand that one replica carries
          warmFloor: "1"
          maxReplicas: "20"
          leadTimeSeconds: "240" # from one more replica wanted until it answers

    \b
    Try it without a cluster:
      prewarm serve --source file --file history.csv --file-ends-at now
      grpcurl -plaintext 127.0.0.1:6000 list
    """
    from scaler.adapters.prometheus_settings import BadConfiguration
    from scaler.errors import BadExperts, NoCluster
    from scaler.serve import run_server
    from scaler.server import ServerError
    from scaler.sources import BadFlag

    try:
        run_server(flags)
    except (BadConfiguration, BadExperts, BadFlag, NoCluster, ServerError) as exc:
        raise click.ClickException(str(exc)) from exc


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--query/--no-query",
    default=False,
    help="Also read each trigger's history and show the decision that it leads to.",
)
@source_options
@click.option("--at", metavar="TIME", help="With --query: decide as of this ISO time, not now.")
@experts_option
@click.option(
    "--strict", is_flag=True, help="Exit with status 1 on warnings too, not only on errors."
)
@click.option(
    "--all-external",
    is_flag=True,
    help="Take every external trigger for one of Prewarm's, whatever its keys.",
)
@click.option("--notes/--no-notes", default=True, help="Show notes beside warnings and errors.")
@click.option(
    "--plot-hours",
    type=click.FloatRange(0.5, 168),
    default=6.0,
    show_default=True,
    help="With --query: how much of the past the plot shows.",
)
@click.pass_context
def check(context: click.Context, /, files: tuple[str, ...], **flags: Any) -> None:
    """Validate ScaledObject manifests and show the decision they lead to.

    FILE is YAML with one or more documents; - reads standard input. Each bad key is one line, with
    the nearest known key; what would spoil a prediction is a warning with the YAML to paste.

    \b
      prewarm check scaledobject.yaml
      kubectl get scaledobjects -A -o yaml | prewarm check -
      prewarm check scaledobject.yaml --query --prometheus-address http://127.0.0.1:9090

    Exit status: 0 fine, 1 errors found (with --strict also warnings), 2 nothing could be checked.
    """
    from scaler.adapters.system_clock import SystemClock
    from scaler.check import run_check
    from scaler.sources import BadFlag, SourceFlags, parse_time

    try:
        at = None if flags["at"] is None else parse_time("--at", flags["at"], SystemClock().now())
    except BadFlag as exc:
        raise click.UsageError(str(exc)) from exc
    status = run_check(
        files,
        source_flags=SourceFlags.of(flags) if flags["query"] else None,
        at=at,
        is_strict=flags["strict"],
        takes_all_external=flags["all_external"],
        shows_notes=flags["notes"],
        plot_hours=flags["plot_hours"],
        experts=flags["experts"],
    )
    context.exit(status)


@click.command()
@click.argument("target", required=False, metavar="[NAMESPACE/NAME]")
@option(
    "--address",
    default="http://127.0.0.1:6080",
    metavar="URL",
    help="The HTTP address of a running scaler, or that of its page.",
)
@click.option(
    "--plot-hours",
    type=click.FloatRange(0.5, 24),
    default=6.0,
    show_default=True,
    help="How much of the past the plot shows.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what the JSON API says.")
def explain(target: str | None, address: str, plot_hours: float, *, as_json: bool) -> None:
    """Say what a running scaler answers for a ScaledObject, and why.

    Prints the decision's rules in words, the demand of the last hours with the forecast, the lead
    time, and how old all of it is. Without a name: all targets, what needs attention first.

    \b
      kubectl -n keda port-forward service/prewarm 6080 &
      prewarm explain llm/llama-8b
      prewarm explain llm/llama-8b --json | jq '.triggers[0].summary.replicas'
    """
    from scaler.explain import CannotExplain, run_explain

    try:
        run_explain(target, address=address, hours=plot_hours, as_json=as_json)
    except CannotExplain as exc:
        raise click.ClickException(str(exc)) from exc


@click.command()
def version() -> None:
    """Print the versions of Prewarm and of what it rests on."""
    from importlib.metadata import version as version_of

    click.echo(f"prewarm {version_of('keda-prewarm')}")
    for name in ("grpcio", "statsmodels", "numpy", "prometheus-api-client", "kubernetes"):
        click.echo(f"{name} {version_of(name)}")
    click.echo(f"python {sys.version.split()[0]}")
