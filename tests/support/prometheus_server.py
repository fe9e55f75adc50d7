"""A real Prometheus for the tests, filled with a history, on loopback.

    with PrometheusServer(binaries, tmp_path, [Samples.gauge("demand", series)]) as server:
        server.address   # http://127.0.0.1:PORT
        server.kill()    # as the kernel would
        server.start()   # on the same port, with the same data

Tests that take the fixture `prometheus_binaries` run once for each version that is present: the
current one that `python -m parts prometheus promtool` builds, and the distribution's. Without any
they skip, and fail where PREWARM_REQUIRE_PARTS=1 says that everything must be there.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest

import parts
from forecasting.series import Series
from required import skip_or_fail

READY_SECONDS = 30
STOP_SECONDS = 5
COMMON_PATHS = ("/usr/local/bin", "/usr/bin")


@dataclass(frozen=True)
class PrometheusBinaries:
    """One version's two programs."""

    version: str
    prometheus: Path
    promtool: Path

    def __str__(self) -> str:
        return self.version


def installed() -> tuple[PrometheusBinaries, ...]:
    """Return the versions that are present, the newest kind first."""
    found = []
    try:
        built = parts.binary("prometheus"), parts.binary("promtool")
        version = parts.PROMETHEUS.version.removeprefix("v0.")  # Go's v0.316.0 is 3.16.0
        found.append(PrometheusBinaries(f"{version[0]}.{version[1:]}", *built))
    except parts.PartMissing:
        pass
    path = os.pathsep.join((os.environ.get("PATH", ""), *COMMON_PATHS))
    packaged = [shutil.which(name, path=path) for name in ("prometheus", "promtool")]
    if all(packaged):
        prometheus, promtool = (Path(name) for name in packaged if name)
        found.append(PrometheusBinaries(_version(prometheus), prometheus, promtool))
    return tuple({each.version: each for each in found}.values())


def binaries_or_skip(wanted: PrometheusBinaries | None) -> PrometheusBinaries:
    """Return `wanted`, or skip the test with what to do when there is none."""
    if wanted is None:
        skip_or_fail(
            "no Prometheus: run scripts/install-prometheus, or python -m parts prometheus promtool"
        )
    return wanted


def newest() -> PrometheusBinaries:
    """Return one version; skips the test when there is none."""
    return binaries_or_skip(next(iter(installed()), None))


@dataclass(frozen=True)
class Samples:
    """One series as Prometheus stores it. NaN values are left out: gaps stay gaps."""

    name: str
    kind: str
    times: np.ndarray
    values: np.ndarray
    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def gauge(cls, name: str, series: Series, **labels: str) -> Self:
        """A metric that goes up and down."""
        return cls(name, "gauge", series.times, series.values, labels)

    @classmethod
    def counter(cls, name: str, rates: Series, **labels: str) -> Self:
        """A counter whose `rate(name_total[step])` is `rates`; a gap in them counts nothing."""
        counts = np.cumsum(np.nan_to_num(rates.values) * rates.step_seconds)
        return cls(name, "counter", rates.times, counts, labels)

    def lines(self) -> Iterable[str]:
        """Return the samples in OpenMetrics' text form."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        metric = f"{self.name}_total" if self.kind == "counter" else self.name
        for at, value in zip(self.times.tolist(), self.values.tolist(), strict=True):
            if value == value:  # noqa: PLR0124 - not NaN
                yield f"{metric}{{{labels}}} {value!r} {at:.3f}"


def backfill(binaries: PrometheusBinaries, folder: Path, samples: Sequence[Samples]) -> None:
    """Write blocks of history into the data folder of a Prometheus that doesn't run."""
    text = folder.with_suffix(".om")
    with text.open("w") as file:
        for name in dict.fromkeys(each.name for each in samples):
            family = [each for each in samples if each.name == name]
            file.write(f"# TYPE {name} {family[0].kind}\n")
            file.writelines(f"{line}\n" for each in family for line in each.lines())
        file.write("# EOF\n")
    # One block for a month: without the (hidden) flag 336 of them, which takes minutes.
    command = ["tsdb", "create-blocks-from", "--max-block-duration=768h", "openmetrics"]
    subprocess.run(
        [binaries.promtool, *command, text, folder], check=True, capture_output=True, timeout=120
    )
    text.unlink()


class PrometheusServer:
    """One server process; start and stop it as the test's bad day demands."""

    def __init__(
        self,
        binaries: PrometheusBinaries,
        folder: Path,
        samples: Sequence[Samples] = (),
        *,
        scraped: Sequence[str] = (),  # HOST:PORT of each server that it reads, every second
    ) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._binaries = binaries
        self._data = folder / "data"
        self._log = folder / "prometheus.log"
        self._config = folder / "prometheus.yml"
        self._config.write_text(_configuration(scraped))
        self._data.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        if samples:
            backfill(binaries, self._data, samples)

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def start(self) -> None:
        """Start, and return once it answers queries."""
        command = [
            str(self._binaries.prometheus),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._data}",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Prometheus did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Let it end as Kubernetes would: asked first, killed when it doesn't."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)  # a paused process takes no other signal
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it without a word, as the kernel does for memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start again, with the same data on the same port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted, nothing is answered."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)  # it stops a moment later

    def resume(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> "subprocess.Popen[Any]":
        if self._process is None:
            raise RuntimeError("Prometheus does not run")
        return self._process

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/-/ready", timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _configuration(scraped: Sequence[str]) -> str:
    if not scraped:
        return "global: {scrape_interval: 15s}\n"
    job = f"{{job_name: prewarm, static_configs: [{{targets: [{', '.join(map(repr, scraped))}]}}]}}"
    return f"global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n"


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _version(prometheus: Path) -> str:
    told = subprocess.run([prometheus, "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"version (\d+\.\d+\.\d+)", told.stdout + told.stderr)
    return found.group(1) if found else "unknown"


@pytest.fixture(scope="module", params=installed() or (None,), ids=str)
def prometheus_binaries(request: pytest.FixtureRequest) -> PrometheusBinaries:
    """Each version in turn. Import it into the test module."""
    return binaries_or_skip(request.param)
