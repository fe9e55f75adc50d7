"""Which Host headers are answered: a page of another site must not read this one.

A site that an operator has open can let its own name resolve to the scaler's address (DNS
rebinding), and the browser then takes both for one origin. Its requests still carry that site's
name as Host. So names are answered only where no stranger can own them: numbers, single labels,
`localhost`, the cluster's `.svc` and `.local`, and what the operator names.
"""

import ipaddress

OWNERLESS_SUFFIXES = (".localhost", ".svc", ".local", ".internal")


def is_permitted(host_header: str, permitted: tuple[str, ...]) -> bool:
    """Return whether a request with this Host header is answered.

    `permitted`: names beside those that nobody can own; `*` permits all.
    """
    host = _name_of(host_header)
    if host is None:
        return False
    if "*" in permitted or host in {each.lower().rstrip(".") for each in permitted}:
        return True
    return _is_number(host) or "." not in host or host.endswith(OWNERLESS_SUFFIXES)


def _name_of(host_header: str) -> str | None:
    """Return the host without its port, in lower case."""
    text = host_header.strip().lower()
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        return inside if bracket and _is_port(rest) else None
    host, _, port = text.partition(":")
    is_whole = bool(host) and (not port or port.isdecimal())
    return host.rstrip(".") if is_whole else None


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and text[1:].isdecimal())


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
