"""Headless Chromium for tests of the status page: the machine's own, driven by Playwright.

Nothing is downloaded by a test; `scripts/install-chromium` sees to the program. Without it tests
skip, and fail where PREWARM_REQUIRE_PARTS says that everything must be there.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from required import skip_or_fail

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")
WIDE, PHONE = (1280, 900), (390, 844)


@dataclass
class Seen:
    """What a page complained about, and where it went for more."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser for the length of the block."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        skip_or_fail("no chromium: run scripts/install-chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser,
    url: str,
    *,
    size: tuple[int, int] = WIDE,
    scheme: str = "light",
    zone: str = "Europe/Berlin",
    has_script: bool = True,
) -> AsyncIterator[tuple[Page, Seen]]:
    """Open a page, as a reader in `zone` sees it once it has come to rest."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id=zone,
        locale="en-GB",
        java_script_enabled=has_script,
    )
    try:
        page = await context.new_page()
        seen = Seen()

        def note_console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                seen.complaints.append(message.text)

        def note_request(request: Request) -> None:
            seen.requests.append(request.url)

        page.on("console", note_console)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("request", note_request)
        await page.goto(url, wait_until="networkidle")
        yield page, seen
    finally:
        await context.close()
