"""`python -m harness`: the control plane for a person, until Ctrl-C."""

import argparse
import signal
import sys
import threading

import parts

from . import FAST, REAL, ControlPlane, GpuNode


def main() -> int:
    """Start everything, say how to use it, wait for a signal, and leave nothing behind."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    parser.add_argument("--nodes", type=int, default=3, help="fake nodes with 8 GPUs each")
    parser.add_argument(
        "--real-periods", action="store_true", help="HPA sync 15 s and so on, as a cluster has"
    )
    options = parser.parse_args()
    asked = threading.Event()
    for expected in (signal.SIGINT, signal.SIGTERM):
        signal.signal(expected, lambda *_: asked.set())
    try:
        parts.build(*parts.CLUSTER_PARTS, say=lambda line: print(line, file=sys.stderr))
    except (parts.GoMissing, parts.BuildFailed) as error:
        print(error, file=sys.stderr)
        return 1
    with ControlPlane(REAL if options.real_periods else FAST) as cluster:
        for number in range(options.nodes):
            cluster.add_node(GpuNode(name=f"gpu-{number + 1}"))
        kubectl = parts.binary("kubectl")
        print(f"up: {kubectl} --kubeconfig={cluster.kubeconfig} get nodes", flush=True)
        print("Ctrl-C stops it", flush=True)
        asked.wait()
        print("stopping", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
