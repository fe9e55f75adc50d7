"""The HTTP session of one destination: bounded answers, bounded retries, no redirects.

Nothing of the environment enters (no proxies, no .netrc, no CA bundle from a variable), and no
cookies are kept.
"""

import functools
import json
import logging
import threading
import time
import zlib
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util.retry import Retry

from scaler.adapters.prometheus_connection import (
    Exchange,
    GuardedAdapter,
    TooLarge,
    current_exchange,
)
from scaler.adapters.prometheus_failures import failure_of
from scaler.destinations import shown
from scaler.errors import HistoryUnavailable

CHUNK_BYTES = 64 * 1024
# What a proxy, or a Prometheus that starts up, answers. Other 4xx stay as they are.
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
REDIRECTS = range(300, 400)
GZIP = 16 + zlib.MAX_WBITS
# Parsing holds the interpreter for milliseconds. One thread of all at a time, or the event loop,
# which answers KEDA, would stand in a line with them: after a start a thousand months come in.
PARSING = threading.Lock()


class _WithoutSecrets(logging.Filter):
    """Cuts urllib3's own log lines: addresses before their query, errors down to their kind.

    Parameters may be secret, and a server may send our headers back in a line that is no header.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_secrets(argument) for argument in record.args)
        record.exc_info = record.exc_text = None
        return True


def _without_secrets(argument: object) -> object:
    if isinstance(argument, str):
        return argument.partition("?")[0]
    return type(argument).__name__ if isinstance(argument, BaseException) else argument


WITHOUT_SECRETS = _WithoutSecrets()
URLLIB3_LOGGERS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")


class Answer(requests.Response):
    """A whole answer within the bounds. Its JSON is parsed once."""

    def __init__(self, status: int, headers: CaseInsensitiveDict[str], body: bytes) -> None:
        super().__init__()
        self.status_code = status
        self.headers = headers
        self.encoding = "utf-8"  # else requests guesses, which takes seconds on large garbage
        self._content = body
        self._content_consumed = True

    def json(self, **_: Any) -> Any:
        """Return the body as JSON. Raises ValueError when it is none."""
        return self._parsed

    @functools.cached_property
    def _parsed(self) -> Any:
        try:
            with PARSING:
                return json.loads(self.content)
        except RecursionError:  # [[[[[[...
            raise ValueError("nested too deeply") from None

    def envelope(self) -> dict[str, Any]:
        """Return the JSON object that Prometheus wraps every answer in, empty when it isn't one."""
        try:
            parsed = self._parsed
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def gave_up(self) -> bool:
        """Whether Prometheus itself ended the query for taking too long."""
        return self.envelope().get("errorType") in {"timeout", "canceled"}


class GuardedSession(requests.Session):
    """What prometheus-api-client speaks through. Every request needs an exchange under way."""

    def __init__(self, *, connections: int, retries: int) -> None:
        super().__init__()
        self._adapter = GuardedAdapter(connections)
        self._retries = Retry(total=retries, backoff_factor=0.25, backoff_jitter=0.25)
        for name in URLLIB3_LOGGERS:
            logging.getLogger(name).addFilter(WITHOUT_SECRETS)
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.clear()

    def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
        """Do nothing: prometheus-api-client would mount its own transport, which isn't guarded."""

    def get_adapter(self, url: str | bytes) -> GuardedAdapter:  # noqa: ARG002
        """Return the one transport."""
        return self._adapter

    def close(self) -> None:
        """Close idle connections; the session itself may go on."""
        super().close()
        self._adapter.close()

    def request(self, method: str, url: str, **options: Any) -> Answer:  # type: ignore[override]
        """Return the answer, after retries while the deadline allows.

        Raises HistoryUnavailable when there is none within the bounds.
        """
        exchange = current_exchange()
        retries = self._retries
        while True:
            answer, failure, is_worth_a_retry = self._attempt(exchange, method, url, options)
            pause_seconds = 0.0
            if is_worth_a_retry:
                try:
                    retries = retries.increment(method, error=HTTPError())
                    pause_seconds = max(retries.get_backoff_time(), _asked_pause(retries, answer))
                except MaxRetryError:
                    is_worth_a_retry = False
            if not is_worth_a_retry or time.monotonic() + pause_seconds >= exchange.deadline_at:
                break
            time.sleep(pause_seconds)
        if answer is None:
            raise failure or HistoryUnavailable("refused", "no answer")
        exchange.answer = answer
        return answer

    def _attempt(
        self, exchange: Exchange, method: str, url: str, options: dict[str, Any]
    ) -> tuple[Answer | None, HistoryUnavailable | None, bool]:
        """Return an answer or a failure, and whether to try again."""
        try:
            answer = self._once(exchange, method, url, options)
        except HistoryUnavailable as failure:
            return None, failure, False
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold secrets
            return None, *failure_of(error)
        return answer, None, answer.status_code in RETRIED_STATUSES and not answer.gave_up

    def _once(self, exchange: Exchange, method: str, url: str, options: dict[str, Any]) -> Answer:
        remaining = exchange.remaining_seconds()
        options |= {
            "headers": exchange.headers,
            "timeout": (min(exchange.connect_seconds, remaining), remaining),
            "allow_redirects": False,
            "stream": True,
        }
        with super().request(method, url, **options) as response:
            if response.status_code in REDIRECTS:
                raise _redirected(response)
            body = _body(exchange, response)
            return Answer(response.status_code, response.headers, body)


def _redirected(response: requests.Response) -> HistoryUnavailable:
    place = urlsplit(response.headers.get("Location", ""))
    target = shown(f"{place.scheme}://{place.netloc}") if place.netloc else "another path"
    message = (
        f"HTTP {response.status_code} redirects to {target}; redirects are not "
        "followed, name the address that answers"
    )
    return HistoryUnavailable("http-status", message)


def _body(exchange: Exchange, response: requests.Response) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"gzip", "x-gzip", "identity", ""}:
        message = f"an answer in the encoding {shown(encoding)[:40]}"
        raise HistoryUnavailable("bad-answer", message)
    unpack = zlib.decompressobj(GZIP) if encoding.endswith("gzip") else None
    body = bytearray()
    while packed := response.raw.read(CHUNK_BYTES, decode_content=False):
        # A megabyte of gzip can hold a gigabyte of zeros: never unpack more than one too many.
        room = exchange.max_bytes - len(body) + 1
        body += packed if unpack is None else unpack.decompress(packed, room)
        if len(body) > exchange.max_bytes:
            raise TooLarge
    return bytes(body)


def _asked_pause(retries: Retry, answer: Answer | None) -> float:
    """Return the seconds of a Retry-After header, 0 without one."""
    asked = None if answer is None else answer.headers.get("Retry-After")
    try:
        return retries.parse_retry_after(asked) if asked else 0.0
    except (InvalidHeader, OverflowError, ValueError):
        return 0.0
