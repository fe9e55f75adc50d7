"""Demand that a test sets: an exporter in this process, scraped by a real Prometheus."""

import http.server
import json
import math
import threading
import time
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Self

import parts

from .fetching import fetch
from .ports import free_ports
from .processes import Program, Programs, wait_until_up
from .waiting import wait_for

SCRAPE_SECONDS = 1
CONFIGURATION = """\
global: {{scrape_interval: {scrape_seconds}s, scrape_timeout: {scrape_seconds}s}}
scrape_configs:
- job_name: demand
  honor_labels: true
  static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]
"""


class Demand:
    """One gauge per key, as Prometheus sees it: `demand{key="..."}`."""

    def __init__(self, run: Programs, name: str = "prometheus") -> None:
        self._name = name
        self._run = run
        self._values: dict[str, float] = {}
        self._folder = run.folder / name

    def __enter__(self) -> Self:
        self._exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._exporter.serve_forever, daemon=True).start()
        (self._port,) = free_ports(1)
        self._folder.mkdir(exist_ok=True)
        self.configuration = self._write_configuration()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._program.is_running:
            self.stop()
        self._exporter.shutdown()
        self._exporter.server_close()

    @property
    def address(self) -> str:
        """The address of the Prometheus, as `serverAddress` wants it."""
        return f"http://127.0.0.1:{self._port}"

    @staticmethod
    def query(key: str) -> str:
        """The PromQL that reads the demand of `key`."""
        return f'demand{{key="{key}"}}'

    def set(self, key: str, value: float) -> None:
        """Set the demand, and return once Prometheus has scraped it."""
        self._values[key] = value
        wait_for(
            lambda: same(self.seen(key), value),
            f"Prometheus has scraped demand {value} of {key}",
            within_seconds=15,
            last_seen=lambda: self.seen(key),
        )

    def remove(self, key: str) -> None:
        """Let the demand of `key` be unknown: its series ends."""
        del self._values[key]
        wait_for(lambda: self.seen(key) is None, f"Prometheus has no demand of {key}")

    def age(self, key: str, seconds: float = 12.0) -> None:
        """Wait until the demand of `key` was known `seconds` ago: a step of the scaler's grid.

        A younger series has no point on the grid yet. It is unknown then, and unknown is not zero.
        """
        wait_for(
            lambda: self.seen(key, ago_seconds=seconds) is not None,
            f"Prometheus knew the demand of {key} {seconds:g} s ago",
        )

    def seen(self, key: str, *, ago_seconds: float = 0.0) -> float | None:
        """The demand that a query gave then, now by default; None without a series."""
        asked = {"query": self.query(key), "time": f"{time.time() - ago_seconds:.3f}"}
        found = self._ask(f"/api/v1/query?{urllib.parse.urlencode(asked)}")
        results = found["data"]["result"]
        return float(results[0]["value"][1]) if results else None

    def queries_answered(self) -> int:
        """How many instant and range queries Prometheus has answered since it started."""
        lines = fetch(f"{self.address}/metrics").splitlines()
        return sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in lines
            if line.startswith("prometheus_http_requests_total{") and "/api/v1/query" in line
        )

    def start(self) -> Program:
        """Start Prometheus, again with what it knew where it ran before."""
        self._program = self._run.start(
            self._name,
            [
                parts.binary("prometheus"),
                f"--config.file={self.configuration}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                "--log.level=warn",
            ],
        )
        wait_until_up(self._program, self._is_ready)
        return self._program

    def stop(self) -> None:
        """Kill Prometheus; connections to it are refused from now on."""
        self._run.stop(self._program)

    def _is_ready(self) -> bool:
        try:
            fetch(f"{self.address}/-/ready")
        except OSError:
            return False
        return True

    def _ask(self, path: str) -> dict[str, dict[str, list[dict[str, list[str]]]]]:
        found: dict[str, dict[str, list[dict[str, list[str]]]]] = json.loads(
            fetch(f"{self.address}{path}")
        )
        return found

    def _write_configuration(self) -> Path:
        path = self._folder / "prometheus.yml"
        exporter_port = self._exporter.server_address[1]
        path.write_text(
            CONFIGURATION.format(exporter_port=exporter_port, scrape_seconds=SCRAPE_SECONDS)
        )
        return path

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        values = self._values

        class Exporter(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                lines = [f'demand{{key="{key}"}} {value}' for key, value in values.copy().items()]
                body = "\n".join([*lines, ""]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing: a scrape a second is no news."""

        return Exporter


def same(seen: float | None, wanted: float) -> bool:
    """Whether two values are the same, NaN included."""
    if seen is None:
        return False
    return seen == wanted or (math.isnan(seen) and math.isnan(wanted))
