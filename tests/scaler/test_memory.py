import asyncio
import math
import threading

import numpy as np
import pytest

from forecasting.series import Series
from scaler.adapters.memory import ManualClock, MemoryHistorySource
from scaler.errors import HistoryUnavailable
from scaler.ports import DemandQuery

QUERY = DemandQuery(query="demand", step_seconds=60)
SERIES = Series(start_at=600, step_seconds=60, values=np.array([1.0, math.nan, 3.0]))


async def test_holds_a_value_until_the_next_grid_point() -> None:
    source = MemoryHistorySource({"demand": SERIES})
    assert await source.read_instant(QUERY, at=659) == 1
    assert math.isnan(await source.read_instant(QUERY, at=660))
    assert math.isnan(await source.read_instant(QUERY, at=780))


async def test_fails_as_told_and_records_every_request() -> None:
    source = MemoryHistorySource({"demand": SERIES})
    source.fail_next("timeout", None)
    with pytest.raises(HistoryUnavailable) as caught:
        await source.read_instant(QUERY, at=600)
    assert caught.value.reason == "timeout"
    assert await source.read_instant(QUERY, at=600) == 1
    source.fail("refused")
    for _ in range(2):
        with pytest.raises(HistoryUnavailable, match="connection refused"):
            await source.read_range(QUERY, start_at=600, end_at=720)
    source.recover()
    assert len(await source.read_range(QUERY, start_at=600, end_at=720)) == 3
    assert [read.kind for read in source.reads] == ["instant", "instant", *["range"] * 3]


async def test_hangs_until_it_recovers() -> None:
    source = MemoryHistorySource({"demand": SERIES})
    source.hang()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await source.read_instant(QUERY, at=600)
    waiting = asyncio.ensure_future(source.read_instant(QUERY, at=600))
    await asyncio.sleep(0)
    source.recover()
    assert await waiting == 1


async def test_a_sleeper_wakes_when_its_moment_has_come_and_not_before() -> None:
    clock = ManualClock(start_at=100)
    sleeper = asyncio.ensure_future(clock.sleep_until(160))
    await clock.wait_for_sleepers()
    clock.advance(59)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(1)
    await sleeper
    assert (clock.now(), clock.monotonic()) == (160, 60)


async def test_a_moment_that_has_passed_does_not_sleep() -> None:
    await ManualClock(start_at=100).sleep_until(100)


async def test_a_step_moves_the_wall_clock_and_leaves_ages_alone() -> None:
    clock = ManualClock(start_at=100)
    clock.step(-50)
    assert (clock.now(), clock.monotonic()) == (50, 0)
    sleeper = asyncio.ensure_future(clock.sleep_until(100))
    await clock.wait_for_sleepers()
    clock.step(50)
    await sleeper


async def test_another_thread_may_advance_the_clock() -> None:
    clock = ManualClock()
    sleeper = asyncio.ensure_future(clock.sleep_until(10))
    await clock.wait_for_sleepers()
    threading.Thread(target=clock.advance, args=(10,)).start()
    async with asyncio.timeout(5):
        await sleeper


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    sleeper = asyncio.ensure_future(clock.sleep_until(10))
    await clock.wait_for_sleepers()
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    assert clock.sleepers == 0


def test_time_does_not_pass_backwards() -> None:
    with pytest.raises(ValueError, match="time passes forwards"):
        ManualClock().advance(-1)
