"""A circuit breaker: a server that is down is asked by one, not by a thousand targets.

Closed, it lets everything through. A failure to connect opens it; so does a timeout, but only when
nobody got an answer since that request began: a query that is too expensive times out on a server
that answers all others, and one tenant's query must not cut off the rest. Open, everything fails
at once until the pause is over; then one probe goes through, and its outcome closes the breaker or
opens it again for twice as long.
"""

import math
import random
import threading
import time
from collections.abc import Callable

from scaler.errors import HistoryUnavailable

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0  # two ticks: how long a server that is back may go unnoticed
JITTER_RATIO = 0.25  # replicas that lost the server together don't come back together


class Breaker:
    """The state of one destination. May be used from any thread."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._monotonic = monotonic
        self._jitter = jitter
        self._lock = threading.Lock()
        self._cause: HistoryUnavailable | None = None  # set while open
        self._pause_seconds = 0.0
        self._opens_until = -math.inf
        self._probe_began_at: float | None = None
        self._answered_at = -math.inf

    def check(self) -> None:
        """Raise HistoryUnavailable while a request would fail at once."""
        with self._lock:
            self._refuse_while_open()

    def enter(self) -> float:
        """Return when the request begins: its name in `failed` and in `left`, which must follow.

        Raises HistoryUnavailable, with the reason of the failure that opened the breaker.
        """
        with self._lock:
            self._refuse_while_open()
            began_at = self._monotonic()
            if self._cause is not None:
                self._probe_began_at = began_at
            return began_at

    def answered(self) -> None:
        """Note that the server answered, whatever it said."""
        with self._lock:
            self._cause = None
            self._pause_seconds = 0.0
            self._answered_at = self._monotonic()

    def failed(self, began_at: float, failure: HistoryUnavailable) -> None:
        """Note that a request got no answer."""
        with self._lock:
            if failure.reason == "timeout" and self._answered_at >= began_at:
                return
            if self._cause is not None and began_at != self._probe_began_at:
                return  # it was under way when the breaker opened
            self._probe_began_at = None
            doubled = max(2 * self._pause_seconds, FIRST_PAUSE_SECONDS)
            self._pause_seconds = min(doubled, LONGEST_PAUSE_SECONDS)
            jitter = 1 + JITTER_RATIO * self._jitter()
            self._opens_until = self._monotonic() + self._pause_seconds * jitter
            self._cause = failure

    def left(self, began_at: float) -> None:
        """Note that a request is over: a probe without an outcome lets the next one probe."""
        with self._lock:
            if self._probe_began_at == began_at:
                self._probe_began_at = None

    def _refuse_while_open(self) -> None:
        if self._cause is None:
            return
        wait_seconds = self._opens_until - self._monotonic()
        if wait_seconds <= 0 and self._probe_began_at is None:
            return
        message = f"{self._cause} (asked again in {max(wait_seconds, 1):.0f} s)"
        raise HistoryUnavailable(self._cause.reason, message)
