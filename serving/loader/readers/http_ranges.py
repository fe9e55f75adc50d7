"""Objects behind HTTP, read by ranges: each pinned, checked, and tried again where it failed."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from serving.loader.errors import BadAnswer, Refused, StorageFailed
from serving.loader.readers.answers import (
    FORBIDDEN,
    UNAUTHORIZED,
    Passing,
    Pin,
    pin_of,
    require_good_status,
    require_range,
    require_same,
)
from serving.loader.readers.pace import Pace

# Small enough to stay in the processor's cache until it is where it belongs.
CHUNK_BYTES = 256 * 1024
# The first request brings the header too, where that is as short as most are.
FIRST_BYTES = 1024 * 1024
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 20.0
CONNECT_SECONDS = 10.0
# What says, in the body of a 403, that a new signature will do.
_EXPIRED = (b"ExpiredToken", b"RequestExpired", b"Request has expired")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a range is tried."""

    retries: int
    stall_seconds: float
    range_seconds: float


def session_of(session: requests.Session, connections: int) -> requests.Session:
    """Return the session with room for its connections, and no retries of its own."""
    for scheme in ("http://", "https://"):
        session.mount(
            scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
        )
    session.headers["Accept-Encoding"] = "identity"
    return session


@dataclass(slots=True)
class HttpObject:
    """One object; `address` gives its URL anew for each request, as signed ones expire.

    Proxies, certificates and redirects are those of `requests`.
    """

    label: str
    session: requests.Session
    address: Callable[[], str]
    pace: Pace
    patience: Patience
    jitter: random.Random = field(default_factory=random.Random)
    n_bytes: int = 0
    _pin: Pin | None = None
    _first: bytes = b""
    _answers: set[Any] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> "HttpObject":
        """Ask for the beginning, and pin what it is the beginning of."""
        first = bytearray(FIRST_BYTES)
        filled = self._filled(0, memoryview(first))
        assert self._pin is not None  # noqa: S101 - an answer was taken
        self.n_bytes = self._pin.total_bytes
        self._first = bytes(first[:filled])
        return self

    def read_into(self, start: int, into: memoryview) -> None:
        """Fill `into`; each failure that may pass is tried again from the byte it came at."""
        stop = start + len(into)
        if stop <= len(self._first):
            into[:] = self._first[start:stop]
        elif len(into):
            self._filled(start, into)

    def close(self) -> None:
        """Release nothing: the folder holds the connections."""

    def interrupt(self) -> None:
        """Cut the connections under way."""
        with self._lock:
            answers, self._answers = self._answers, set()
        for raw in answers:
            with contextlib.suppress(Exception):  # it may have ended by itself
                raw.shutdown()

    def _filled(self, start: int, into: memoryview) -> int:
        progress = _Progress(start, into)
        failures = 0
        has_renewed = False
        while True:
            before = progress.done
            try:
                self._attempt(progress)
            except Passing as exc:
                # Whoever sends something each time gets on: only failures in a row count.
                failures = 1 if progress.done > before else failures + 1
                progress.attempts += 1
                self._require_patience(exc, failures, progress.attempts)
                self.pace.count_retry()
                self.pace.wait(self._pause(failures, exc.retry_after_seconds), self.label)
            except _Expired:
                if has_renewed:
                    raise
                has_renewed = True
            else:
                return progress.done

    def _require_patience(self, exc: Passing, failures: int, attempts: int) -> None:
        # A server that dies after a few bytes each time must not be asked for ever.
        if failures > self.patience.retries or attempts > 10 * self.patience.retries:
            raise StorageFailed(
                f"{exc}; tried {attempts} times. Next step: see whether the storage is up and "
                "not throttling, or raise retries"
            ) from exc

    def _pause(self, failures: int, asked_for: float | None) -> float:
        most = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
        pause = self.jitter.uniform(most / 2, most)
        return pause if asked_for is None else max(asked_for, pause)

    def _attempt(self, progress: "_Progress") -> None:
        self.pace.require_going_on(self.label)
        start, stop = progress.start + progress.done, progress.start + len(progress.into)
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        if self._pin is not None:
            headers |= self._pin.headers
        with _failures_as_passing(self.label), self._asked(headers) as answer:
            require_good_status(self.label, answer.status_code, answer.headers)
            total = require_range(self.label, answer.headers, start, stop)
            self._require_pinned(pin_of(answer.headers, total))
            progress.into = progress.into[: total - progress.start]
            self._take(answer.raw, progress)

    @contextlib.contextmanager
    def _asked(self, headers: dict[str, str]) -> Iterator[requests.Response]:
        answer = self.session.get(
            self.address(),
            headers=headers,
            stream=True,
            timeout=(CONNECT_SECONDS, self.patience.stall_seconds),
        )
        try:
            if answer.status_code in (UNAUTHORIZED, FORBIDDEN):
                body = answer.raw.read(2_000)
                if any(word in body for word in _EXPIRED):
                    raise _Expired(f"{self.label}: the credentials have expired")
            with self._lock:
                self._answers.add(answer.raw)
            yield answer
        finally:
            with self._lock:
                self._answers.discard(answer.raw)
            answer.close()

    def _require_pinned(self, pin: Pin) -> None:
        with self._lock:
            if self._pin is None:
                self._pin = pin
        require_same(self.label, self._pin, pin)

    def _take(self, raw: urllib3.HTTPResponse, progress: "_Progress") -> None:
        give_up_at = time.monotonic() + self.patience.range_seconds
        while progress.done < len(progress.into):
            room = progress.into[progress.done :]
            chunk = raw.read1(min(CHUNK_BYTES, len(room)))
            if not chunk:
                raise Passing(
                    f"{self.label}: the answer ended {len(room)} bytes short of its range"
                )
            room[: len(chunk)] = chunk
            progress.done += len(chunk)
            self.pace.allowed(len(chunk), self.label)
            if time.monotonic() > give_up_at:
                raise Passing(
                    f"{self.label}: {progress.done} of {len(progress.into)} bytes in "
                    f"{self.patience.range_seconds} s"
                )
        # To its end, so that the connection can be used again.
        if raw.read1(1):
            raise BadAnswer(f"{self.label}: the answer goes on behind its range")


class _Expired(Refused):
    """A signature or token ran out; another one may do."""


@dataclass(slots=True)
class _Progress:
    """How much of `into` is filled, over all attempts."""

    start: int
    into: memoryview
    done: int = 0
    attempts: int = 0


@contextlib.contextmanager
def _failures_as_passing(label: str) -> Iterator[None]:
    """Turn what the network does to a connection into Passing."""
    try:
        yield
    except requests.exceptions.SSLError as exc:
        raise StorageFailed(f"{label}: {_short(exc)}") from exc
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.TooManyRedirects,
    ) as exc:
        raise StorageFailed(f"{label}: {_short(exc)}") from exc
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
        raise Passing(f"{label}: {_short(exc)}") from exc
    except ValueError as exc:  # a socket that was shut down under the reader
        raise Passing(f"{label}: {_short(exc)}") from exc


def _short(exc: BaseException) -> str:
    """Return the cause in a line, without the address: a signed one is a credential."""
    cause: BaseException = exc
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(exc).__name__} ({type(cause).__name__})"
