"""Every expression of the dashboard, asked of a real Prometheus that scraped a real scaler."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from forecasting.series import Series
from prometheus_server import PrometheusBinaries, PrometheusServer, prometheus_binaries
from rig import MONDAY_AT, Rig, StartRig, steady
from scaler.adapters.memory import MemoryHistorySource
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

__all__ = ["prometheus_binaries"]
DASHBOARD = Path(__file__).parent.parent.parent / "charts/dashboards/prewarm.json"
VARIABLES = {
    "$__rate_interval": "8s",
    "$__range": "60s",
    "$namespace": ".*",
    "$name": ".*",
}
N_SCRAPES = 6
SCRAPE_SECONDS = 60.0


class HalfDown(MemoryHistorySource):
    """A source that refuses one query."""

    async def read_range(self, query: DemandQuery, *, start_at: float, end_at: float) -> Series:
        if query.query == "down":
            raise HistoryUnavailable("refused", "told to refuse")
        return await super().read_range(query, start_at=start_at, end_at=end_at)


def expressions() -> list[tuple[str, str]]:
    """Return what each panel and each variable asks, with the variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [
        (f"{panel['title']} {target['refId']}", filled(target["expr"]))
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert selector is not None
            found.append((variable["name"], filled(f"count by ({selector[2]}) ({selector[1]})")))
    return found


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def ask(server: PrometheusServer, expression: str) -> list[Any]:
    response = requests.get(
        f"{server.address}/api/v1/query", params={"query": expression}, timeout=10
    )
    body = response.json()
    assert body["status"] == "success", (expression, body)
    return list(body["data"]["result"])


async def busy(rig: Rig, server: PrometheusServer) -> None:
    """Let targets of each kind be asked about until all has been scraped a few times."""
    well = rig.ref(maxReplicas="3")  # too few, so that a shortfall is told
    bad, down = rig.ref(name="bad", threshold="x"), rig.ref(name="d", query="down")
    counted = "count_over_time(prewarm_rpc_total{method='IsActive'}[1h]) > 0"
    async with asyncio.timeout(SCRAPE_SECONDS):
        n_scrapes = 0
        while n_scrapes < N_SCRAPES:
            for ref in (well, down):
                await rig.value(ref)
                await rig.active(ref)
            with pytest.raises(Exception, match="INVALID_ARGUMENT"):
                await rig.value(bad)
            await rig.tick()
            await asyncio.sleep(0.5)  # for the next scrape, which only Prometheus knows of
            answer = await asyncio.to_thread(ask, server, counted)
            n_scrapes = max((int(row["value"][1]) for row in answer), default=0)


@pytest.fixture
def dashboard() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return whole


@pytest.mark.prometheus
async def test_every_expression_gives_series_on_a_scaler_at_work(
    start_rig: StartRig, prometheus_binaries: PrometheusBinaries, tmp_path: Path
) -> None:
    source = HalfDown({"demand": steady(42.0, end_at=MONDAY_AT + 90_000.0)})
    async with start_rig(source=source) as rig:
        scraped = f"127.0.0.1:{rig.service.http_port}"
        server = PrometheusServer(prometheus_binaries, tmp_path, scraped=[scraped])
        await asyncio.to_thread(server.start)
        try:
            await busy(rig, server)
            for title, expression in expressions():
                answer = await asyncio.to_thread(ask, server, expression)
                assert answer, f"{title}: {expression}"
        finally:
            await asyncio.to_thread(server.stop)


def test_panels_have_names_descriptions_and_places_of_their_own(dashboard: dict[str, Any]) -> None:
    panels = [each for each in dashboard["panels"] if each["type"] != "row"]
    assert len({each["id"] for each in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_no_address_and_no_data_source_of_ours_is_written_down(dashboard: dict[str, Any]) -> None:
    text = DASHBOARD.read_text()
    assert "://" not in text
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"prewarm", "${datasource}"}
    assert dashboard["timezone"] == "browser"
