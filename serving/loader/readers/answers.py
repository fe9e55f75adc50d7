"""What an HTTP server's answer to one range means: pure rules over a status and headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from serving.loader.errors import BadAnswer, Changed, NotFound, Refused, StorageFailed

PARTIAL = 206
OK = 200
UNAUTHORIZED = 401
FORBIDDEN = 403
MISSING = (404, 410)
REPLACED = 412
BEYOND_THE_END = 416
# Asking again may help: the server is busy, or something between it and us failed.
PASSING = (408, 425, 429)
FIRST_SERVER_ERROR = 500

_CONTENT_RANGE = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20})")


class Passing(StorageFailed):
    """A failure that may be over at the next attempt, `retry_after_seconds` later if given."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Pin:
    """What an object was when it was opened: every answer must be of the same.

    `etag` is a strong one or None: a weak one says nothing of bytes. `generation` is Google's.
    """

    total_bytes: int
    etag: str | None
    last_modified: str | None
    generation: str | None

    @property
    def headers(self) -> dict[str, str]:
        """What makes the server itself refuse to answer from another object."""
        asked = {}
        if self.etag is not None:
            asked["If-Match"] = self.etag
        elif self.last_modified is not None:
            asked["If-Unmodified-Since"] = self.last_modified
        if self.generation is not None:
            asked["x-goog-if-generation-match"] = self.generation
        return asked


def require_good_status(label: str, status: int, headers: Mapping[str, str]) -> None:
    """Pass for 206 alone; raise what each other status means."""
    if status == PARTIAL:
        return
    if status == OK:
        raise BadAnswer(
            f"{label}: the server answers a range with status 200 and everything, so it knows no "
            "ranges, or something between does not. Next step: serve it where Range requests work"
        )
    if status == REPLACED:
        raise Changed(f"{label}: was replaced while it was read (412). Next step: load again")
    if status == BEYOND_THE_END:
        raise Changed(
            f"{label}: is shorter than it was when it was opened, or empty "
            f"(416, {headers.get('Content-Range', 'no Content-Range')}). Next step: load again"
        )
    if status in MISSING:
        raise NotFound(f"{label}: there is no such object ({status})")
    if status in (UNAUTHORIZED, FORBIDDEN):
        raise Refused(
            f"{label}: the server refuses these credentials ({status}). Next step: see that the "
            "pod's account may read it"
        )
    if status in PASSING or status >= FIRST_SERVER_ERROR:
        raise Passing(f"{label}: status {status}", retry_after_seconds(headers))
    raise BadAnswer(f"{label}: status {status} to a range request")


def require_range(label: str, headers: Mapping[str, str], start: int, stop: int) -> int:
    """Return the object's size once the answer is the range [start, stop) and nothing else.

    A range that passes the end of the object is answered with what there is, so `stop` may be
    larger than that when nothing is known of the object yet.
    """
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "aws-chunked"):
        raise BadAnswer(
            f"{label}: the answer is encoded as {encoding!r}, so its ranges aren't those of the "
            "file. Next step: store it without Content-Encoding"
        )
    text = headers.get("Content-Range", "")
    found = _CONTENT_RANGE.fullmatch(text.strip())
    if found is None:
        raise BadAnswer(f"{label}: asked for bytes {start}-{stop - 1}, got Content-Range {text!r}")
    first, last, total = (int(number) for number in found.groups())
    if first != start or last != min(stop, total) - 1:
        raise BadAnswer(
            f"{label}: asked for bytes {start}-{min(stop, total) - 1}, "
            f"got {first}-{last} of {total}"
        )
    length = headers.get("Content-Length")
    if length is not None and length.strip() != str(last + 1 - first):
        raise BadAnswer(
            f"{label}: Content-Range has {last + 1 - first} bytes, Content-Length {length[:30]!r}"
        )
    return total


def pin_of(headers: Mapping[str, str], total_bytes: int) -> Pin:
    """Return what to hold the object to from the answer that it was opened by."""
    etag = headers.get("ETag")
    return Pin(
        total_bytes,
        None if etag is None or etag.startswith("W/") else etag,
        headers.get("Last-Modified"),
        headers.get("x-goog-generation"),
    )


def require_same(label: str, before: Pin, after: Pin) -> None:
    """Raise Changed where an answer is of another object than the one that was opened.

    Servers without If-Match answer all the same: this tells it even then.
    """
    if before != after:
        named = ("total_bytes", "etag", "last_modified", "generation")
        name = next(name for name in named if getattr(before, name) != getattr(after, name))
        raise Changed(
            f"{label}: was replaced while it was read: {name} was {getattr(before, name)!r}, is "
            f"{getattr(after, name)!r}. Next step: load again"
        )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for: a number, or a date by the server's clock."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (_date(text) - _date(headers["Date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _date(text: str) -> datetime:
    return parsedate_to_datetime(text)
