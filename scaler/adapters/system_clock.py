"""The only place that reads a clock: the machine's own, and one that replays another time."""

import asyncio
import time
from collections.abc import Callable

# How long a stepping wall clock may go unnoticed.
LONGEST_NAP_SECONDS = 0.5

# NTP slews smaller differences; a step back by more is an operator's, or a virtual machine's.
STEP_BACK_SECONDS = 1.0


class SystemClock:
    """The machine's clock. The wall clock may step; every sleeper notices within a second.

    `wall` is a parameter for tests that step it.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall

    def now(self) -> float:
        """Return Unix seconds."""
        return self._wall()

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        return time.monotonic()

    async def sleep_until(self, at: float) -> None:
        """Return once `now()` has reached `at`, or at once when it has stepped back meanwhile."""
        await asyncio.sleep(0)  # a caller that is late must not starve the loop
        before = self.now()
        while (now := self.now()) < at and now > before - STEP_BACK_SECONDS:
            before = now
            await asyncio.sleep(min(at - now, LONGEST_NAP_SECONDS))


class ReplayClock:
    """Time that starts at `start_at` when it is made and runs `speed` times faster.

    `monotonic` runs at the same speed, so that ages and staleness replay with the rest. Don't use
    it for the deadline of a real request.
    """

    def __init__(self, start_at: float, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be > 0, got {speed!r}")
        self._start_at = start_at
        self._speed = speed
        self._started = time.monotonic()

    def now(self) -> float:
        """Return Unix seconds of the time that is replayed."""
        return self._start_at + self.monotonic()

    def monotonic(self) -> float:
        """Return replayed seconds since this clock was made."""
        return (time.monotonic() - self._started) * self._speed

    async def sleep_until(self, at: float) -> None:
        """Return once `now()` has reached `at`."""
        await asyncio.sleep(0)
        while (remaining := at - self.now()) > 0:  # noqa: ASYNC110 - time is the event
            await asyncio.sleep(remaining / self._speed)
