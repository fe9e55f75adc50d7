"""The status page in a real browser: no complaint, no request elsewhere, harmless, usable by key.

PREWARM_PICTURES=FOLDER keeps the screenshots, to be looked at.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from boards import LEDGER, NOON, add, fleet, lead_time, live, new_board, page_of
from browser import PHONE, WIDE, chromium, opened
from scaler.adapters.memory import ManualClock
from scaler.http import HttpServer
from scaler.page.extras import Extras

pytestmark = pytest.mark.browser
SCRIPT = "<script>document.title='taken'</script>"
QUOTES = "\"'><img src=x onerror=document.title='taken'>"
PATHS = ("", "targets/llm/chat", "targets/llm/broken", "targets/no/one")
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"

# Contrast of all text with what lies behind it, as WCAG 2.2 counts it (1.4.3: 4.5 at least).
CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const color = rgb(getComputedStyle(e).backgroundColor); if (color[3] === 255) return color; }
    return [255, 255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const ink = e instanceof SVGElement ? style.fill : style.color;
    const [one, other] = [light(rgb(ink)), light(behind(e))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) found.push([e.tagName, e.className.baseVal ?? e.className, ratio.toFixed(2)]);
  }
  return found;
}"""


def day() -> list[float]:
    """A day of demand with a spike an hour before its end."""
    minutes = np.arange(1_440)
    level = 20 + 8 * np.sin(minutes / 1_440 * 2 * np.pi)
    return list(level + 35 * ((minutes > 1_380) & (minutes < 1_420)))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    board, clock = new_board(), ManualClock(NOON)
    live(
        add(board, clock, query='sum(rate(x{a="<b>"}[2m]))', timezone="Europe/Berlin"),
        clock,
        day(),
        fleet=fleet(),
        lead_time=lead_time(),
    )
    live(add(board, clock, name=SCRIPT, namespace=QUOTES, query=QUOTES), clock, [10.0])
    add(board, clock, name="broken", threshold=SCRIPT)
    starts = tuple(float(each) for each in np.random.default_rng(1).gamma(20.0, 9.0, 60))
    extras = Extras(ledger=LEDGER, cold_starts_seconds=starts)
    server = HttpServer(
        "--page-address", "127.0.0.1:0", page_of(board, clock, get_extras=lambda _: extras)
    )
    server.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.stop()


def picture_path(path: str, size: tuple[int, int], scheme: str) -> Path | None:
    folder = os.environ.get("PREWARM_PICTURES")
    name = path.replace("/", "-") or "list"
    return Path(folder) / f"{name}-{size[0]}-{scheme}.png" if folder else None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_every_page_fits_is_readable_and_complains_of_nothing(
    address: str, size: tuple[int, int], scheme: str
) -> None:
    async with chromium() as browser:
        for path in PATHS:
            async with opened(browser, address + path, size=size, scheme=scheme) as (page, seen):
                wanted = ["404"] if path == "targets/no/one" else []
                assert all("404" in each for each in seen.complaints), seen.complaints
                assert bool(seen.complaints) == bool(wanted)
                assert all(each.startswith((address, "data:")) for each in seen.requests)
                scroll_width, width = await page.evaluate(WIDTHS)
                assert scroll_width <= width, path
                assert await page.evaluate(CONTRASTS) == [], path
                await page.screenshot(path=picture_path(path, size, scheme), full_page=True)


async def test_names_and_queries_that_are_markup_do_nothing(address: str) -> None:
    async with chromium() as browser, opened(browser, address) as (page, seen):
        await page.get_by_role("link", name=SCRIPT).click()
        await page.wait_for_load_state("networkidle")
        assert await page.locator("h1").inner_text() == f"{QUOTES}/{SCRIPT}"
        assert await page.title() == f"{QUOTES}/{SCRIPT} · Prewarm"
        assert await page.locator("img, body script").count() == 0
        assert seen.complaints == []


async def test_times_are_in_the_readers_own_zone(address: str) -> None:
    async with (
        chromium() as browser,
        opened(browser, address + "targets/llm/chat", zone="Asia/Tokyo") as (page, _),
    ):
        assert "times in Asia/Tokyo" in await page.locator("footer").inner_text()
        assert "21:00:00" in await page.locator("footer").inner_text()


async def test_without_script_all_is_there_in_the_triggers_zone(address: str) -> None:
    async with (
        chromium() as browser,
        opened(browser, address + "targets/llm/chat", has_script=False) as (page, _),
    ):
        assert "times in Europe/Berlin" in await page.locator("footer").inner_text()
        assert await page.locator("svg:visible").count() == 3
        await page.goto(f"{address}?search=chat")
        assert await page.locator("tbody tr").count() == 1


async def test_charts_are_read_out_by_pointer_and_by_key(address: str) -> None:
    async with (
        chromium() as browser,
        opened(browser, address + "targets/llm/chat") as (page, _),
    ):
        chart, said = page.locator("svg:visible").first, page.locator(".readout")
        box = await chart.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 50)
        by_pointer = await said.inner_text()
        assert "demand " in by_pointer
        assert "asked for " in by_pointer
        await page.locator("figure.charts").focus()
        await page.keyboard.press("ArrowLeft")
        assert await said.inner_text() != by_pointer


async def test_the_search_answers_as_one_types_and_keeps_the_focus(address: str) -> None:
    async with chromium() as browser, opened(browser, address) as (page, seen):
        assert await page.locator("tbody tr").count() == 3
        await page.locator("#search").focus()
        await page.keyboard.type("broken")
        await page.locator("tbody tr").nth(1).wait_for(state="detached")
        assert await page.locator("tbody tr").count() == 1
        assert await page.locator("#search").input_value() == "broken"
        assert await page.evaluate("document.activeElement.id") == "search"
        assert "search=broken" in page.url
        assert seen.complaints == []


async def test_all_can_be_reached_by_key(address: str) -> None:
    async with chromium() as browser, opened(browser, address) as (page, _):
        reached = []
        for _ in range(16):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.innerText"))
        assert reached[0] == "Skip to content"
        assert {"Prewarm", "Target", "State", "llm/chat"} <= set(reached)


async def test_a_scaler_that_went_away_is_said_and_what_was_shown_stays(address: str) -> None:
    async with (
        chromium() as browser,
        opened(browser, address + "targets/llm/chat") as (page, _),
    ):
        await page.context.set_offline(True)
        await page.evaluate("renew()")
        assert "can't be reached" in await page.locator("#refresh").inner_text()
        assert await page.locator("h1").inner_text() == "llm/chat"


async def test_on_a_phone_the_rules_that_moved_nothing_are_folded(address: str) -> None:
    url = address + "targets/llm/chat"
    async with chromium() as browser:
        async with opened(browser, url, size=PHONE) as (page, _):
            still, fold = page.locator(".steps .unmoved"), page.locator("details.on-narrow")
            assert await still.count() > 0
            assert await still.first.is_visible() is False
            assert await page.locator(".steps .moved").first.is_visible()
            assert await fold.locator("li").count() == await still.count()
            assert await fold.locator("li").first.is_visible() is False
            await fold.locator("summary").click()
            assert await fold.locator("li").first.is_visible()
        async with opened(browser, url, size=WIDE) as (page, _):
            assert await page.locator(".steps .unmoved").first.is_visible()
            assert await page.locator("details.on-narrow").is_visible() is False
