"""`python -m harness`: the control plane for a person, until Ctrl-C."""

import argparse
import shlex
import signal
import sys
import threading
import time

import parts

from . import FAST, REAL, ControlPlane, contest
from .play import LEAD_IN_POINTS, Play, generated, next_minute, real_trace
from .stage import Stage, staged

DESCRIPTION = """\
Start a real Kubernetes control plane with KEDA and fake GPU nodes on loopback, and on it one
model twice: `prewarm`, scaled by Prewarm, and `reactive`, scaled by KEDA's own prometheus
trigger. Both see the same demand: a trace, of which the past lies in a real Prometheus and the
rest is played at its own speed. Two to three minutes after the start it rises steeply.
"""
EPILOG = """\
what to look at, with the lines that are printed once it is up:
  kubectl get hpa -w    prewarm's replicas rise before the demand, reactive's after it
  kubectl get pods -w   15 s ContainerCreating, 45 s Running 0/1 (weights), then 1/1
  kubectl describe scaledobject prewarm     the trigger, and KEDA's events
  curl .../metrics | grep forecast          what Prewarm expects; a page of Prometheus metrics
  the Prometheus address in a browser       the demand, as sum(demand) over the last day

try it:
  kubectl edit scaledobject prewarm         another threshold or leadTimeSeconds
  kubectl apply -f your-scaledobject.yaml   scalerAddress is printed too

Nothing is installed and no cluster of yours is touched: everything lies in one temporary folder,
which is removed on Ctrl-C. No containers run; pods are played by kwok.
"""
TELL_SECONDS = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Start everything, say how to use it, wait for a signal, and leave nothing behind."""
    options = _parser().parse_args(arguments)
    for expected in (signal.SIGINT, signal.SIGTERM):
        signal.signal(expected, _interrupt)
    wanted = (*parts.CLUSTER_PARTS, *(() if options.bare else ("prometheus", "promtool")))
    try:
        parts.build(*wanted, say=_say)
        _run(options)
    except (parts.GoMissing, parts.BuildFailed) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        pass
    _say("stopped; nothing is left behind")
    return 0


def _run(options: argparse.Namespace) -> None:
    """Run until a signal interrupts it."""
    started_at = time.time()
    play = None if options.bare else _play().beginning_at(next_minute(started_at))
    _say("starting etcd, kube-apiserver, controller-manager, scheduler, kwok and KEDA")
    with ControlPlane(REAL if options.real_periods else FAST) as cluster:
        try:
            _say(f"adding {options.nodes} nodes with 8 GPUs each")
            contest.add_nodes(cluster, options.nodes)
            if play is None:
                _tell_of_cluster(cluster, "default", started_at)
                threading.Event().wait()
            else:
                _perform(cluster, play, started_at)
        except KeyboardInterrupt:
            _say("stopping")


def _perform(cluster: ControlPlane, play: Play, started_at: float) -> None:
    """Set the stage and say how things stand, until a signal interrupts it."""
    _say(f"starting Prometheus with {play.name}, Prewarm, and the model twice")
    with staged(cluster, play, "llm") as stage:
        _tell_of_cluster(cluster, stage.space.name, started_at)
        _tell_of_stage(stage)
        while True:
            stage.register.look()
            _say(stage.line(time.time()))
            time.sleep(TELL_SECONDS)


def _play() -> Play:
    play = real_trace()
    if play is None:
        _say("the real trace is not there (PREWARM_TRACES names its folder): demand is made up")
        play = generated()
    return play


def _tell_of_cluster(cluster: ControlPlane, namespace: str, started_at: float) -> None:
    kubectl = shlex.quote(str(parts.binary("kubectl")))
    _say(f"up in {time.time() - started_at:.0f} s; Ctrl-C stops it. In another terminal:\n")
    _say(f"  export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    _say(f"  {kubectl} -n {namespace} get hpa -w\n")


def _tell_of_stage(stage: Stage) -> None:
    play = stage.play
    rise_at = play.begins_at + LEAD_IN_POINTS * play.series.step_seconds
    _say(f"  Prewarm for KEDA    {stage.scaler.address}   (scalerAddress)")
    _say(f"  Prewarm's metrics   {stage.scaler.metrics_address}")
    _say(f"  Prometheus          {stage.gateway.address}   (query: sum(demand))\n")
    _say(
        f"demand rises in {max(0.0, rise_at - time.time()):.0f} s, at {play.clock(rise_at)} of the "
        f"trace's day; one replica carries {play.threshold:g} of it, and a pod takes "
        f"{contest.COLD_START.image_pull_seconds + contest.COLD_START.load_seconds:g} s to be "
        "Ready\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--bare", action="store_true", help="only the control plane: no model, no trace, no Prewarm"
    )
    parser.add_argument(
        "--nodes", type=int, default=contest.NODES, help="fake nodes with 8 GPUs each (%(default)s)"
    )
    parser.add_argument(
        "--real-periods",
        action="store_true",
        help="HPA sync 15 s and so on, as a cluster has; without it the HPA looks each second",
    )
    return parser


def _interrupt(*_: object) -> None:
    """Stop, once: a second Ctrl-C would leave behind what the first one is about to end."""
    for expected in (signal.SIGINT, signal.SIGTERM):
        signal.signal(expected, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
