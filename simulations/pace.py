"""How a replay's time passes: so much faster than real time, or step by step without waiting."""

from typing import Protocol

from scaler.adapters.memory import ManualClock
from scaler.adapters.system_clock import ReplayClock
from scaler.controller import Controller
from scaler.ports import Clock


class Pace(Protocol):
    """The clock that the scaler runs on, and a way to wait for a moment of it."""

    @property
    def clock(self) -> Clock:
        """The clock to hand to the scaler."""
        ...

    async def reach(self, at: float, controller: Controller) -> None:
        """Return once it is `at` (Unix seconds)."""
        ...


class Replay:
    """Time that runs `speed` times faster than real time, whatever the scaler does meanwhile."""

    def __init__(self, start_at: float, speed: float) -> None:
        self.clock = ReplayClock(start_at, speed)

    async def reach(self, at: float, controller: Controller) -> None:
        """Sleep until it is `at`."""
        del controller
        await self.clock.sleep_until(at)


class Lockstep:
    """Time that waits for the scaler: as fast as the machine can, and the same on any machine."""

    def __init__(self, start_at: float) -> None:
        self.clock = ManualClock(start_at)

    async def reach(self, at: float, controller: Controller) -> None:
        """Advance to `at` and return when all that this set off has ended."""
        self.clock.advance(max(0.0, at - self.clock.now()))
        await self.clock.wait_for_sleepers()  # the round was started and waits for its next
        await controller.idle()
