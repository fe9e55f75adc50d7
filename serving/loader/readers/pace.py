"""What all readers of one load share: the way to stop, the clock, the cap on bandwidth, counts."""

import threading
import time
from dataclasses import dataclass, field

from serving.loader.errors import StorageFailed


class Stopped(StorageFailed):
    """The load was ended while this read was under way."""


@dataclass(slots=True)
class Pace:
    """Shared by the readers of a load, from all their threads.

    `allowed` spreads the bytes of all threads over time: each reserves its own moment.
    """

    bandwidth_bytes_per_second: float | None = None
    deadline_seconds: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    retries: int = 0
    began_at: float = field(default_factory=time.monotonic)
    _free_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_left(self) -> float | None:
        """Return what is left until the deadline, at least 0; None without one."""
        if self.deadline_seconds is None:
            return None
        return max(0.0, self.began_at + self.deadline_seconds - time.monotonic())

    def require_going_on(self, label: str) -> None:
        """Raise Stopped when the load was ended, StorageFailed past its deadline."""
        if self.stop.is_set():
            raise Stopped(f"{label}: the load was ended")
        if self.seconds_left() == 0.0:
            raise StorageFailed(
                f"{label}: not loaded within {self.deadline_seconds} s. Next step: raise "
                "deadline_seconds, or see with `prewarm weights bench` how fast it can be read"
            )

    def wait(self, seconds: float, label: str) -> None:
        """Sleep, unless the load ends or its deadline comes before."""
        left = self.seconds_left()
        self.stop.wait(seconds if left is None else min(seconds, left))
        self.require_going_on(label)

    def allowed(self, n_bytes: int, label: str) -> None:
        """Wait until `n_bytes` more may have been read."""
        self.require_going_on(label)
        if self.bandwidth_bytes_per_second is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + n_bytes / self.bandwidth_bytes_per_second
            pause = self._free_at - now
        if pause > 0:
            self.wait(pause, label)

    def count_retry(self) -> None:
        """Remember that a range had to be asked for again."""
        with self._lock:
            self.retries += 1
