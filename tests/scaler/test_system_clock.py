import asyncio
import time

import pytest

from scaler.adapters.system_clock import ReplayClock, SystemClock


class Wall:
    """A wall clock that tests step."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def test_the_system_clock_tells_unix_time() -> None:
    assert abs(SystemClock().now() - time.time()) < 1


async def test_sleeps_until_the_moment_and_not_shorter() -> None:
    clock = SystemClock()
    at = clock.now() + 0.05
    await clock.sleep_until(at)
    assert clock.now() >= at


async def test_a_moment_that_has_passed_lets_others_run_first() -> None:
    clock = SystemClock()
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "ran")
    await clock.sleep_until(clock.now() - 10)
    assert others == ["ran"]


async def test_a_wall_clock_that_steps_forward_wakes_within_a_second() -> None:
    wall = Wall()
    clock = SystemClock(wall)
    sleeper = asyncio.ensure_future(clock.sleep_until(clock.now() + 3600))
    await asyncio.sleep(0)
    wall.ahead += 3600
    async with asyncio.timeout(1):
        await sleeper


async def test_a_wall_clock_that_steps_back_wakes_the_sleeper_to_look_again() -> None:
    wall = Wall()
    clock = SystemClock(wall)
    sleeper = asyncio.ensure_future(clock.sleep_until(clock.now() + 3600))
    await asyncio.sleep(0.01)
    wall.ahead -= 7200
    async with asyncio.timeout(1):
        await sleeper


async def test_a_small_correction_back_only_makes_the_sleep_longer() -> None:
    wall = Wall()
    clock = SystemClock(wall)
    at = clock.now() + 0.2
    sleeper = asyncio.ensure_future(clock.sleep_until(at))
    await asyncio.sleep(0.01)
    wall.ahead -= 0.3
    await sleeper
    assert clock.now() >= at


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock = SystemClock()
    start = clock.now()
    woken: list[int] = []

    async def sleep(order: int) -> None:
        await clock.sleep_until(start + 0.02 * order)
        woken.append(order)

    await asyncio.gather(*(sleep(order) for order in (3, 1, 2, 1)))
    assert woken == [1, 1, 2, 3]


async def test_a_replay_starts_at_its_moment_and_runs_faster() -> None:
    clock = ReplayClock(start_at=1000.0, speed=10_000)
    assert 1000 <= clock.now() < 100_000
    started = time.monotonic()
    await clock.sleep_until(clock.now() + 500)
    assert clock.now() >= 1500
    assert time.monotonic() - started < 5


async def test_ages_replay_at_the_same_speed_as_time() -> None:
    clock = ReplayClock(start_at=1000.0, speed=1000)
    before = clock.monotonic()
    await clock.sleep_until(clock.now() + 20)
    assert clock.monotonic() - before >= 20
    assert clock.now() - 1000 == pytest.approx(clock.monotonic(), abs=1000)


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_replay_that_stands_still_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be > 0"):
        ReplayClock(start_at=0, speed=speed)
