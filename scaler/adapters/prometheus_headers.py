"""Which headers and query parameters a trigger may add to our requests. Pure.

A trigger's headers travel beside the operator's credentials, so they must not be able to replace
them, to speak to a proxy on the way, to change who the server thinks is asking, nor to break the
request apart.
"""

import re
from collections.abc import Iterable, Mapping

MAX_PAIRS = 16
MAX_VALUE_CHARACTERS = 4096

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[ -~]*")  # no line break, which would start another header

# Of the connection and the message (RFC 9110, 7.6.1), hence ours.
_MESSAGE_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
    }
    | {"expect", "host", "http2-settings", "keep-alive", "range", "trailer"}
    | {"te"}  # codespell:ignore te
    | {"transfer-encoding", "upgrade", "via"}
)
# Who is asking, in the words of servers and of the proxies in front of them.
_IDENTITY_HEADERS = frozenset(
    {"authorization", "cookie", "cookie2", "forwarded", "from", "set-cookie", "www-authenticate"}
    | {"x-original-url", "x-rewrite-url", "x-real-ip", "x-http-method-override"}
)
_IDENTITY_PREFIXES = (
    *("impersonate-", "proxy-", "remote-", "sec-", "x-auth-request-", "x-forwarded-", "x-remote-"),
    *("x-webauth-", "metadata", "x-aws-ec2-metadata-", "x-google-metadata-"),
)
# Ours: what is asked, for when, how long it may take, and what the answer says about its cost.
# `limit` would hide the second of several series.
OUR_PARAMETERS = frozenset({"query", "start", "end", "step", "time", "timeout", "stats", "limit"})


def operator_header_problem(name: str, value: str) -> str | None:
    """Return why the operator can't configure this header, None when it can."""
    if not _NAME.fullmatch(name):
        return f"{_shown(name)} is no header name"
    if name.lower() in _MESSAGE_HEADERS:
        return f"{name} belongs to the connection and can't be set"
    if name.lower() in {"authorization", "proxy-authorization"}:
        return f"{name} comes from bearer_token_file or basic_username and can't be set"
    return _value_problem(name, value)


def trigger_header_problem(name: str, value: str, operator_names: Iterable[str]) -> str | None:
    """Return why a trigger can't send this header, None when it can."""
    lowered = name.lower()
    if not _NAME.fullmatch(name):
        return f"{_shown(name)} is no header name"
    if lowered in _MESSAGE_HEADERS | _IDENTITY_HEADERS or lowered.startswith(_IDENTITY_PREFIXES):
        return f"{name} is for the operator to set, not for a trigger"
    if lowered in {each.lower() for each in operator_names}:
        return f"{name} is set by the operator for this destination"
    return _value_problem(name, value)


def trigger_parameter_problem(name: str, value: str) -> str | None:
    """Return why a trigger can't send this query parameter, None when it can."""
    if name.strip().lower() in OUR_PARAMETERS:
        return f"{_shown(name)} is set by Prewarm"
    if not _NAME.fullmatch(name):
        return f"{_shown(name)} is no parameter name"
    return _value_problem(name, value)


def trigger_problems(
    headers: Iterable[tuple[str, str]],
    parameters: Iterable[tuple[str, str]],
    operator_headers: Mapping[str, str],
) -> tuple[str, ...]:
    """Return one line for each header or parameter that a trigger can't send."""
    headers, parameters = tuple(headers), tuple(parameters)
    lines = [
        f"customHeaders: {problem}"
        for name, value in headers
        if (problem := trigger_header_problem(name, value, operator_headers)) is not None
    ]
    lines += [
        f"queryParameters: {problem}"
        for name, value in parameters
        if (problem := trigger_parameter_problem(name, value)) is not None
    ]
    for key, pairs in (("customHeaders", headers), ("queryParameters", parameters)):
        names = [name.lower() for name, _ in pairs]
        if len(names) > MAX_PAIRS:
            lines.append(f"{key}: more than {MAX_PAIRS}")
        lines += [f"{key}: {name} is given twice" for name in sorted(_doubles(names))]
    return tuple(lines)


def _doubles(names: list[str]) -> set[str]:
    return {_shown(name) for name in names if names.count(name) > 1}


def _value_problem(name: str, value: str) -> str | None:
    """Judge a value without quoting it: it may be secret."""
    if len(value) > MAX_VALUE_CHARACTERS:
        return f"the value of {_shown(name)} is longer than {MAX_VALUE_CHARACTERS} characters"
    if not _VALUE.fullmatch(value):
        return f"the value of {_shown(name)} holds characters other than printable ASCII"
    return None


def _shown(name: str) -> str:
    return repr(name[:40])
