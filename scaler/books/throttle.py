"""Which notices reach people: a token bucket for each object and reason, and no text twice.

Time is an argument. The table is bounded: whoever has been quiet longest is forgotten first, which
can only let a notice through.
"""

from dataclasses import dataclass

from scaler.ports import Notice

BURST = 3  # notices of one reason about one object at once
REFILL_SECONDS = 600.0  # until one more may pass
SAME_AGAIN_SECONDS = 3_600.0  # until the same text may pass again; events live for an hour
MAX_BUCKETS = 10_000


@dataclass(slots=True)
class Bucket:
    """What one object and reason may still say."""

    tokens: float
    at: float
    last_message: str = ""
    last_at: float = float("-inf")


class Throttle:
    """Remembers what was said. `admits` is the only question."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    def admits(self, notice: Notice, *, at: float) -> bool:
        """Return whether the notice may pass at `at` (Unix seconds), and count it if so."""
        key = (notice.namespace, notice.name, notice.reason)
        bucket = self._buckets.pop(key, None) or Bucket(tokens=BURST, at=at)
        self._buckets[key] = bucket  # now the newest
        while len(self._buckets) > MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        passed = max(0.0, at - bucket.at)  # a clock set back refills nothing
        bucket.tokens = min(float(BURST), bucket.tokens + passed / REFILL_SECONDS)
        bucket.at = at
        is_repeat = (
            notice.message == bucket.last_message and 0 <= at - bucket.last_at < SAME_AGAIN_SECONDS
        )
        if is_repeat or bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        bucket.last_message, bucket.last_at = notice.message, at
        return True
