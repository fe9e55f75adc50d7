"""Draw docs/img/status-page.png: a real scaler on the demo's data, seen in headless Chromium.

    scripts/install-chromium && python benchmarks/page_picture.py

The scaler runs through the morning of the demo's spike as fast as the machine can.
"""

import asyncio
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support")]

from browser import chromium, opened  # noqa: E402
from forecasting.default import default_forecaster  # noqa: E402
from rig import started_rig  # noqa: E402
from scaler.adapters.memory import MemoryHistorySource  # noqa: E402
from scaler.settings import ControllerSettings  # noqa: E402
from simulations.demand import Shape, generate  # noqa: E402
from simulations.demo import DAY_AT, DAY_SECONDS, HISTORY_DAYS, HOUR_SECONDS  # noqa: E402

PICTURE = ROOT / "docs/img/status-page.png"
QUERY = 'sum(rate(nginx_ingress_controller_requests{service="llama-8b"}[2m]))'
SIZE = (1280, 1_060)


async def main() -> None:
    """Play two hours, and take a picture of what the page shows at their end."""
    start_at, end_at = DAY_AT + 7.3 * HOUR_SECONDS, DAY_AT + 9.35 * HOUR_SECONDS
    demand = generate(
        np.random.default_rng(7),
        Shape(),
        start_at=DAY_AT - HISTORY_DAYS * DAY_SECONDS,
        end_at=end_at + HOUR_SECONDS,
    )
    async with started_rig(
        source=MemoryHistorySource({QUERY: demand}),
        start_at=start_at,
        forecaster=default_forecaster(),
        controller_settings=ControllerSettings(tick_seconds=60.0),
    ) as rig:
        ref = rig.ref(
            "llama-8b",
            "llm",
            query=QUERY,
            warmFloor="2",
            maxReplicas="20",
            leadTimeSeconds="240",
            timezone="Europe/Berlin",
        )
        await rig.observe(ref)
        while rig.clock.now() < end_at:
            await rig.tick()
            await rig.value(ref)
        url = f"http://127.0.0.1:{rig.service.page_port}/targets/llm/llama-8b?hours=1"
        async with chromium() as browser, opened(browser, url, size=SIZE) as (page, _):
            await page.screenshot(path=PICTURE)
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
