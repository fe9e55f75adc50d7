"""A Prometheus that knows a play's past and scrapes its present."""

import http.server
import json
import threading
import time
import urllib.parse
from types import TracebackType
from typing import Self

import parts
import prometheus_server

from .fetching import fetch
from .play import Play
from .ports import free_ports
from .processes import Programs, wait_until_up

METRIC = "demand"
# `sum` is what docs/trigger.md advises; it would show it if past and present were two series.
QUERY = f"sum({METRIC})"
SCRAPE_SECONDS = 5
# History and scrapes carry the same labels. Were they two series, a query would count both for the
# five minutes over which Prometheus looks back.
LABELS = {"job": "gateway", "instance": "gateway"}
CONFIGURATION = """\
global: {{scrape_interval: {seconds}s, scrape_timeout: {seconds}s}}
scrape_configs:
- job_name: {job}
  static_configs:
  - targets: ['127.0.0.1:{port}']
    labels: {{instance: {instance}}}
"""


class Gateway:
    """An exporter of the demand now, and a Prometheus with the blocks of what was before."""

    def __init__(self, run: Programs, play: Play, name: str = "prometheus-with-history") -> None:
        self._run = run
        self._play = play
        self._name = name

    def __enter__(self) -> Self:
        self._exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _exporter(self._play))
        threading.Thread(target=self._exporter.serve_forever, daemon=True).start()
        try:
            self._start()
        except BaseException:
            self._close_exporter()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run.stop(self._program)
        self._close_exporter()

    @property
    def address(self) -> str:
        """The address of the Prometheus, as `serverAddress` wants it."""
        return f"http://127.0.0.1:{self._port}"

    def values(self, query: str, *, start_at: float, end_at: float) -> dict[float, list[float]]:
        """What a range query gives for each whole minute: one value for each series."""
        asked = {"query": query, "start": start_at, "end": end_at, "step": 60}
        page = fetch(f"{self.address}/api/v1/query_range?{urllib.parse.urlencode(asked)}")
        found: dict[float, list[float]] = {}
        for series in json.loads(page)["data"]["result"]:
            for at, value in series["values"]:
                found.setdefault(float(at), []).append(float(value))
        return found

    def is_scraping(self) -> bool:
        """Whether the present has reached Prometheus."""
        page = fetch(f"{self.address}/api/v1/query?query=up")
        return any(one["value"][1] == "1" for one in json.loads(page)["data"]["result"])

    def _start(self) -> None:
        folder = self._run.folder / self._name
        folder.mkdir()
        binaries = prometheus_server.PrometheusBinaries(
            parts.PROMETHEUS.version, parts.binary("prometheus"), parts.binary("promtool")
        )
        self.history = self._play.history(time.time())
        samples = prometheus_server.Samples.gauge(METRIC, self.history, **LABELS)
        prometheus_server.backfill(binaries, folder / "data", [samples])
        configuration = folder / "prometheus.yml"
        configuration.write_text(
            CONFIGURATION.format(
                seconds=SCRAPE_SECONDS, port=self._exporter.server_address[1], **LABELS
            )
        )
        (self._port,) = free_ports(1)
        self._program = self._run.start(
            self._name,
            [
                binaries.prometheus,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=60d",  # the default of 15 days would cut history
                f"--web.listen-address=127.0.0.1:{self._port}",
                "--log.level=warn",
            ],
        )
        wait_until_up(self._program, self._is_up)

    def _is_up(self) -> bool:
        try:
            return self.is_scraping()
        except OSError:
            return False

    def _close_exporter(self) -> None:
        self._exporter.shutdown()
        self._exporter.server_close()


def _exporter(play: Play) -> type[http.server.BaseHTTPRequestHandler]:
    class Exporter(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"# TYPE {METRIC} gauge\n{METRIC} {play.demand_at(time.time())!r}\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing: a scrape is no news."""

    return Exporter
