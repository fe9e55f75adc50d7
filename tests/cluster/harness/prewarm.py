"""The real scaler as a process of its own, as a user starts it."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .fetching import fetch
from .ports import free_ports, is_listening
from .processes import Program, Programs, wait_until_up

TICK_SECONDS = 1.0


class Prewarm:
    """`prewarm serve` on loopback; its ports stay the same over a restart."""

    def __init__(
        self,
        run: Programs,
        prometheus_address: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        flags: Sequence[str | Path] = (),
        tick_seconds: float = TICK_SECONDS,
        kubeconfig: Path | None = None,
        name: str = "prewarm",
    ) -> None:
        self._run = run
        self._prometheus_address = prometheus_address
        self._flags = list(flags)
        if kubeconfig is not None:  # else it has no access to the cluster
            self._flags += ["--cluster=required", f"--kubeconfig={kubeconfig}"]
        self._name = name
        self.tick_seconds = tick_seconds
        grpc_port, http_port = free_ports(2)
        self.port = port or grpc_port
        self.host = host
        self._http_address = f"127.0.0.1:{http_port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.program.is_running:
            self.kill()

    @property
    def address(self) -> str:
        """The gRPC address, as `scalerAddress` wants it."""
        return f"localhost:{self.port}" if self.host == "127.0.0.1" else f"{self.host}:{self.port}"

    @property
    def metrics_address(self) -> str:
        """The address of its own metrics."""
        return f"http://{self._http_address}/metrics"

    def start(self) -> Program:
        """Start it and wait until it says that it is ready."""
        self.program = self._run.start(
            self._name,
            [
                sys.executable, "-m", "scaler", "serve",
                f"--grpc-address={self.host}:{self.port}",
                f"--http-address={self._http_address}",
                f"--prometheus-address={self._prometheus_address}",
                f"--tick-seconds={self.tick_seconds}",
                *self._flags,
            ],
        )  # fmt: skip
        wait_until_up(self.program, self._is_ready)
        return self.program

    def kill(self) -> None:
        """End it without warning."""
        self._run.stop(self.program)

    def terminate(self) -> int:
        """End it as Kubernetes does, by SIGTERM, and return its exit status."""
        return self._run.stop(self.program, by=signal.SIGTERM, within_seconds=20)

    def freeze(self) -> None:
        """Let it stop in the middle of whatever it does; connections stay open."""
        self.program.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.program.send(signal.SIGCONT)

    def metrics(self) -> dict[str, float]:
        """Its own metrics, by name with labels, as they stand on the page."""
        lines = fetch(self.metrics_address).splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def calls(self, method: str) -> float:
        """How many calls of one RPC it has answered, well or badly."""
        prefix = 'prewarm_rpc_total{code="'
        return sum(
            value
            for name, value in self.metrics().items()
            if name.startswith(prefix) and f'method="{method}"' in name
        )

    def streams(self, method: str) -> float:
        """How many streams of one RPC are open."""
        return self.metrics().get(f'prewarm_rpc_streams{{method="{method}"}}', 0.0)

    def _is_ready(self) -> bool:
        try:
            fetch(f"http://{self._http_address}/readyz")
        except OSError:
            return False
        return is_listening(self.port, self.host)
