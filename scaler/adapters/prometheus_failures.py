"""What went wrong on the way, in our own words.

The texts of requests and urllib3 quote the whole URL, with the query and its parameters, and those
of http.client a header that they don't like: none of it is passed on, nor kept as a cause.
"""

import http.client
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import requests
from urllib3 import exceptions as urllib3

from scaler.adapters.prometheus_connection import AddressRefused, TooLarge
from scaler.errors import HistoryUnavailable

MAX_CAUSES = 16


@dataclass(frozen=True, slots=True)
class _Rule:
    """One kind of cause: its reason, its words and whether another try may help."""

    kinds: tuple[type[BaseException], ...]
    reason: str
    words: Callable[[BaseException], str]
    is_worth_a_retry: bool = False


def _says(words: str) -> Callable[[BaseException], str]:
    return lambda _: words


def _tls_words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {error.verify_message}"
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return f"TLS: {(reason or 'the handshake failed').replace('_', ' ').lower()}"


def _system_words(error: BaseException) -> str:
    words = error.strerror if isinstance(error, OSError) else None
    return (words or type(error).__name__).lower()


def _cause_words(error: BaseException) -> str:
    return _system_words(error.__cause__ or error)


# The first rule that fits any of the causes decides: the telling ones come first.
RULES = (
    _Rule((AddressRefused,), "not-permitted", str),
    _Rule((TooLarge,), "too-large", _says("the answer is larger than max_response_bytes")),
    _Rule((ssl.SSLError,), "refused", _tls_words),
    _Rule((socket.gaierror, urllib3.NameResolutionError), "refused", _says("unknown host"), True),
    _Rule(
        (urllib3.NewConnectionError,), "refused", _cause_words, True
    ),  # a ConnectTimeoutError too
    _Rule((urllib3.ConnectTimeoutError,), "timeout", _says("no connection in time"), True),
    _Rule(
        (TimeoutError, urllib3.ReadTimeoutError, requests.Timeout),
        "timeout",
        _says("no answer within the deadline"),
    ),
    _Rule(
        (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionResetError),
        "refused",
        _says("the server closed the connection"),
        True,
    ),
    _Rule((http.client.HTTPException, zlib.error), "bad-answer", _says("it doesn't speak HTTP")),
    _Rule((FileNotFoundError, PermissionError), "missing-file", _system_words),
)
SYSTEM = _Rule((OSError,), "refused", _system_words, True)


def failure_of(error: Exception) -> tuple[HistoryUnavailable, bool]:
    """Return what to report of a failed request, and whether to try again."""
    causes = tuple(_causes(error))
    for rule in RULES:
        for cause in causes:
            if isinstance(cause, rule.kinds):
                return _reported(rule, cause)
    for cause in causes:  # requests' errors are OSErrors too, without a number of their own
        if isinstance(cause, OSError) and cause.errno is not None:
            return _reported(SYSTEM, cause)
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        # requests looks for the files before it connects, and raises a bare OSError.
        message = "ca_file, cert_file or key_file does not exist"
        return HistoryUnavailable("missing-file", message), False
    message = f"the request failed ({type(error).__name__})"
    return HistoryUnavailable("refused", message), True


def _reported(rule: _Rule, cause: BaseException) -> tuple[HistoryUnavailable, bool]:
    failure = HistoryUnavailable(rule.reason, rule.words(cause))
    return failure, rule.is_worth_a_retry


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return an error and what it was made of: urllib3 and requests wrap without `from`."""
    pending, seen = [error], set[int]()
    while pending and len(seen) < MAX_CAUSES:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (*current.args, getattr(current, "reason", None), current.__cause__)
        pending += [each for each in inner if isinstance(each, BaseException)]
